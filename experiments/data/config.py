"""The settings of the data pipeline. This module does not import TensorFlow."""

from dataclasses import dataclass

from experiments.data import pictures


@dataclass(frozen=True)
class DataConfig:
    """Which images a model is trained on, and how an image becomes an input.

    Sources: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, options/base_options.py:45-50 and
    data/base_dataset.py:81-112 (stretch to `load_size`, random crop of `size`, flip).
    """

    # seasons | seasons_paired | faces | photos | folder:PATH | a TensorFlow Datasets name
    dataset: str = "seasons"
    size: int = 256  # height and width of the crops that the networks get, pixels
    load_size: int = 286  # height and width before the crop, pixels
    fit: str = "stretch"  # stretch | crop | pad: how an image becomes square; side: it does not
    flip: bool = True  # mirror half of the images left to right
    labels: bool = False  # whether each image comes with the number of its class
    paired: bool = False  # training and test images of A and B with the same name are one scene
    paired_test: bool = False  # test images of A and B with the same name are the same scene
    limit: int = 0  # trains on so many images of each domain, see `Dataset.limited`; 0: on all
    threads: int = 0  # threads of the pipeline; 0 lets tf.data choose

    def __post_init__(self):
        if self.fit not in (*pictures.MODES, "side"):
            raise ValueError(f"fit={self.fit!r}: expected one of {', '.join(pictures.MODES)}, side")
        if not 8 <= self.size <= self.load_size:
            raise ValueError(
                f"size={self.size}, load_size={self.load_size}: expected 8 <= size <= load_size"
            )
        for key in ("threads", "limit"):
            if getattr(self, key) < 0:
                raise ValueError(f"{key}={getattr(self, key)}: expected 0 or more")
