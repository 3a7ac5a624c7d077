"""StyleGAN, Karras et al. 2019 (https://arxiv.org/abs/1812.04948)."""
