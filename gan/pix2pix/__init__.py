"""pix2pix, Isola et al. 2017 (https://arxiv.org/abs/1611.07004)."""
