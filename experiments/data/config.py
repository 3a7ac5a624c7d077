"""The settings of the data pipeline. This module does not import TensorFlow."""

import math
from dataclasses import dataclass
from typing import Annotated

from core.bounds import AtMost, Channels, Count, PictureSize, Threads
from core.picture_size import as_text, sides
from experiments.data import pictures, ranges


@dataclass(frozen=True)
class DataConfig:
    """Which images a model is trained on, and how an image becomes an input.

    Sources: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, options/base_options.py:45-50 and
    data/base_dataset.py:81-112 (stretch to `load_size`, random crop of `size`, flip).
    """

    # seasons | seasons_paired | faces | photos | folder:PATH | zip:PATH | a name of TensorFlow
    # Datasets
    dataset: str = "seasons"
    # of the crops that the networks get, pixels: 256, or 256x512 (height x width)
    size: PictureSize = 256
    load_size: PictureSize = 286  # before the crop, pixels; one number is the shorter side
    fit: str = "stretch"  # stretch | crop | pad: how an image gets this shape; side: it does not
    channels: Channels = 3  # 1 (grey), 3 (RGB) or 4 (RGBA)
    range: tuple[float, ...] = ()  # values of black and white in grey files of more than 8 bits,
    # such as 0,4095; empty: 0 to 65535 for 16 bits, guessed over the data set for others
    flip: bool = True  # mirror half of the images left to right
    labels: bool = False  # whether each image comes with the number of its class
    paired: bool = False  # training and test images of A and B with the same name are one scene
    paired_test: bool = False  # test images of A and B with the same name are the same scene
    limit: Count = 0  # trains on so many images of each domain, see `Dataset.limited`; 0: on all
    threads: Threads = 0  # threads of the pipeline; 0 lets tf.data choose

    def __post_init__(self):
        ranges.check(self.range)
        if self.fit not in (*pictures.MODES, "side"):
            raise ValueError(f"fit={self.fit!r}: expected one of {', '.join(pictures.MODES)}, side")
        if self.channels not in pictures.CHANNELS:
            raise ValueError(
                f"channels={self.channels}: expected 1 (grey), 3 (RGB) or 4 (RGB with opacity)"
            )
        if min(self.sides) < 8 or any(
            side > whole for side, whole in zip(self.sides, self.load_sides, strict=True)
        ):
            raise ValueError(
                f"size={as_text(self.size)}, load_size={as_text(self.load_size)}: expected 8 <= "
                "size <= load_size" + (", height and width each" * (not self._square))
            )
        for key in ("threads", "limit"):
            if getattr(self, key) < 0:
                raise ValueError(f"{key}={getattr(self, key)}: expected 0 or more")

    @property
    def own_size(self) -> bool:
        """Whether test images keep the size of the first of them, not that of the crops."""
        return False

    @property
    def _square(self):
        return isinstance(self.size, int) and isinstance(self.load_size, int)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the crops, pixels."""
        return sides(self.size)

    @property
    def load_sides(self) -> tuple[int, int]:
        """Height and width before the crop, pixels.

        If `load_size` is one number, they have the ratio of `size`, and it is the shorter one: 286
        is 286 x 572 for crops of 256 x 512.
        """
        if not isinstance(self.load_size, int):
            return self.load_size
        height, width = self.sides
        scale = self.load_size / min(height, width)
        return round(height * scale), round(width * scale)


@dataclass(frozen=True)
class ZoomedData(DataConfig):
    """Those of a model that may also learn from one picture of each domain.

    It is then trained on crops of both, see `experiments.data.zoomed`. The pictures keep their own
    sizes: `fit` is not used, and `load_size` is only the size at which embedded pictures are drawn.
    """

    # above 0, there is one picture of each domain, whose sides are shrunk by 1 to this factor
    zoom: Annotated[float, AtMost(64)] = 0.0

    def __post_init__(self):
        super().__post_init__()
        if self.zoom and not 1 <= self.zoom < math.inf:
            raise ValueError(
                f"zoom={self.zoom}: expected 1 or more, the factor by which one picture is shrunk "
                "at most; or 0 for sets of pictures"
            )

    @property
    def own_size(self) -> bool:
        """Whether test images keep the size of the first of them, not that of the crops."""
        return self.zoom > 0
