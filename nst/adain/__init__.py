"""AdaIN, Huang & Belongie 2017 (https://arxiv.org/abs/1703.06868): any style in one pass."""
