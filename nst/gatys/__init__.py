"""Gatys et al. 2016 (https://arxiv.org/abs/1508.06576) and 2015 (https://arxiv.org/abs/1505.07376):
the picture itself is optimised, for style transfer, reconstructions and texture synthesis."""
