"""Ulyanov et al. 2016 (https://arxiv.org/abs/1603.03417): texture networks."""
