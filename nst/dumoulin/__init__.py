"""Dumoulin et al. 2017 (https://arxiv.org/abs/1610.07629): one network for many styles."""
