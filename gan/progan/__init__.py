"""Progressive growing of GANs, Karras et al. 2018 (https://arxiv.org/abs/1710.10196)."""
