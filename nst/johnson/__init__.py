"""Johnson et al. 2016 (https://arxiv.org/abs/1603.08155): one network for one style."""
