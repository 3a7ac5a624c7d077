"""R3GAN, Huang et al. 2024 (https://arxiv.org/abs/2501.05441)."""
