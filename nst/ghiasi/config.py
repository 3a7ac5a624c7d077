"""The settings of the training of Ghiasi et al. 2017. The defaults are the authors'."""

from dataclasses import dataclass

from nst.ghiasi.bodies import BODIES
from nst.perceptual import FeatureConfig

ENCODER_WEIGHTS = ("imagenet", "random")


@dataclass(frozen=True)
class GhiasiConfig(FeatureConfig):
    """Networks, losses and optimizer.

    Source: magenta/magenta @ 526d3eb, arbitrary_image_stylization_train.py:28-57 (losses, rate),
    image_utils.py, `arbitrary_style_image_inputs` (augmentation),
    arbitrary_image_stylization_distill_mobilenet.py and _train_mobile.py.
    """

    pooling: str = "average"
    style_weight: float = 5e-4
    style_scaling: str = "gatys"
    tv_weight: float = 1e4  # multiplies nst.losses.mean_total_variation
    learning_rate: float = 1e-5
    encoder: str = "inception"  # inception (the paper) | mobilenet (phones)
    encoder_weights: str = "imagenet"  # imagenet (downloaded once) | random: the encoder's start
    width: float = 1.0  # multiplies the transformer's channels; 0.25 on phones
    momentum: float = 0.0  # of batch normalisations' averages; 0: as published, for long trainings
    gamma: float = 0.0  # what scales begin near: 0 as published; 1 shows the content sooner
    augment: bool = True  # styles vary in colours, side and scale
    teacher: str = ""  # a run whose codes the encoder learns; nothing else is then trained
    encoder_from: str = ""  # a run whose encoder is taken over and stays as it is

    def __post_init__(self):
        super().__post_init__()
        self.check_choices(encoder=tuple(BODIES), encoder_weights=ENCODER_WEIGHTS)
        if not 0.03125 <= self.width <= 4:
            raise ValueError(f"width={self.width}: expected 0.03125 (one channel) to 4")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum={self.momentum}: expected 0 (as published) to below 1")
        if self.teacher and self.encoder_from:
            raise ValueError(
                "teacher and encoder_from: one trains the encoder, the other keeps it; give one"
            )
