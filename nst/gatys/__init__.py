"""Gatys et al.: the picture itself is optimised.

Style transfer and reconstructions: 2016 (https://arxiv.org/abs/1508.06576). Texture synthesis: 2015
(https://arxiv.org/abs/1505.07376).
"""
