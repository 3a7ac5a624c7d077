"""Ghiasi et al. 2017 (https://arxiv.org/abs/1705.06830): any style, told by a hundred numbers."""
