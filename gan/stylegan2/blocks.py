"""What StyleGAN2's synthesis and discriminator share: the blocks, their sizes and precision.

A resolution R is a side of squares, or a pair (height, width). There is a block for every doubling
from the smallest size, whose shorter side has 4 to 7 pixels, and blocks are numbered from 0. Half
precision, where the run has it, is for the last `num_fp16_res` of them.

Sources: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), sections 2 and 4 and appendix B;
Karras et al. 2020 (https://arxiv.org/abs/2006.06676), appendix F; NVlabs/stylegan2-ada-pytorch @
d72cc7d, training/networks.py.
"""

from collections.abc import Sequence
from typing import Any

import keras

ARCHITECTURES = ("skip", "resnet", "orig")
HALF = 0.5**0.5  # both branches of a residual block are scaled by it
Resolution = int | Sequence[int]


def sizes(resolution: Resolution) -> list[tuple[int, int]]:
    """The heights and widths of the blocks, from the smallest to the full one, in pixels.

    Raises:
        ValueError: a side is below 4, or cannot be halved as often as the shorter one.
    """
    height, width = (resolution,) * 2 if isinstance(resolution, int) else resolution
    levels = max(0, (min(height, width) // 4).bit_length() - 1)
    if min(height, width) < 4 or height % 2**levels or width % 2**levels:
        raise ValueError(
            f"resolution={height}x{width} (height x width): expected sides from 4 up that "
            f"are multiples of {2**levels}, such as {_near(height, levels)}x{_near(width, levels)}"
        )
    return [(height >> i, width >> i) for i in range(levels, -1, -1)]


def _near(side, levels):
    return max(4, side >> levels) << levels


def channels(level: int, channel_base: int, channel_max: int) -> int:
    """Features of a block: `channel_base / (4 * 2**level)`, at most `channel_max`."""
    return max(1, min(channel_base // (4 << level), channel_max))


class Blocks(keras.Model):
    """What synthesis and discriminator share."""

    def _set(self, resolution, **config):
        self.resolution = resolution if isinstance(resolution, int) else tuple(resolution)
        self.sizes = sizes(resolution)
        self.config = {"resolution": self.resolution} | config
        if config["architecture"] not in ARCHITECTURES:
            raise ValueError(
                f"architecture={config['architecture']!r}: expected one of "
                f"{', '.join(ARCHITECTURES)}"
            )

    def _fmaps(self, level):
        return channels(level, self.config["channel_base"], self.config["channel_max"])

    def _policy(self, level):
        """The precision of a block: the run's, or float32."""
        low = level >= max(1, len(self.sizes) - self.config["num_fp16_res"])
        return keras.config.dtype_policy() if low else "float32"

    def get_config(self) -> dict[str, Any]:
        return self.config | {"name": self.name}
