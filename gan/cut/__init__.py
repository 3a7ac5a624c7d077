"""CUT and FastCUT, Park et al. 2020 (https://arxiv.org/abs/2007.15651)."""
