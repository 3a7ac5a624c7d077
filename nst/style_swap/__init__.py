"""Style swap, Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337): patches of the style."""
