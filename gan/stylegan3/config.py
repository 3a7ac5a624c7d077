"""The hyper-parameters of StyleGAN3. The defaults are those of configuration T for 1024 pixels."""

from dataclasses import dataclass

from core.bounds import Channels, Count, Layers
from gan.checks import check_at_least, check_one_of
from gan.stylegan2.config import StyleGAN2Config
from gan.stylegan3.schedule import CONFIGS


@dataclass(frozen=True)
class StyleGAN3Config(StyleGAN2Config):
    """Hyper-parameters of networks, losses, augmentation and optimizers.

    `channel_base`, `channel_max`, `num_fp16_res` and `conv_clamp` are the discriminator's. Path
    length and style mixing are left out as published, and can be turned on.

    Sources: NVlabs/stylegan3 @ c233a91, train.py:190-275, training/loss.py; Karras et al. 2021
    (https://arxiv.org/abs/2106.12423).
    """

    config: str = "t"  # t (translation) | r (translation and rotation)
    num_layers: Layers = 14  # of the synthesis, beside that to RGB
    g_channel_base: Count = 32768  # a layer of cutoff f has g_channel_base / (2 f) features,
    g_channel_max: Channels = 512  # and at most this many
    g_num_fp16_res: Layers = 4  # layers above size / 2**this compute in the run's precision
    g_conv_clamp: float = 256.0  # activations of the synthesis stay within it; 0: not clamped
    magnitude_half_life: float = 20_000.0  # images, of the moving mean squares of features
    mapping_layers: Layers = 2
    w_avg_beta: float = 0.998
    use_noise: bool = False
    g_learning_rate: float = 2.5e-3
    r1_gamma: float = 32.8
    pl_weight: float = 0.0
    style_mixing: float = 0.0
    ema_ramp_up: float = 0.05

    def __post_init__(self):
        super().__post_init__()
        check_one_of(self, "config", CONFIGS)
        for key in ("g_channel_base", "g_channel_max", "magnitude_half_life"):
            check_at_least(self, key, 1)
        for key in ("g_num_fp16_res", "g_conv_clamp"):
            check_at_least(self, key, 0)
        if self.num_layers < 3:
            raise ValueError(f"num_layers={self.num_layers}: expected 3 or more, published: 14")
        if self.use_noise or self.g_architecture != "skip":
            raise ValueError("use_noise, g_architecture: StyleGAN3 has no noise and no such blocks")
