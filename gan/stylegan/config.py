"""The hyper-parameters of StyleGAN. The defaults are configuration F of the paper's Table 1."""

from dataclasses import dataclass

from core.bounds import Channels, Layers, Side
from gan.checks import check_at_least, check_factor, check_fraction, check_probability
from gan.progan.config import ProGANConfig


@dataclass(frozen=True)
class StyleGANConfig(ProGANConfig):
    """Hyper-parameters of networks, growth, losses and optimizers.

    Those of `ProGANConfig` are here with StyleGAN's values. Configurations A to E of Table 1 differ
    as the columns of `experiments/configs/stylegan.py` show.

    Source: NVlabs/stylegan @ 1e0d5c7, train.py:25-65, training/networks_stylegan.py:302-384,
    training/loss.py and training/training_loop.py:125,167. The batch sizes are those of eight GPUs,
    with which the published figures were made.
    """

    w_dim: Channels = 512  # how many features a w has
    mapping_layers: Layers = 8  # 0: w is the normalised z
    mapping_fmaps: Channels = 512  # features of the mapping network's hidden layers
    mapping_lrmul: float = 0.01  # learning rate of the mapping network relative to the others
    use_styles: bool = True  # AdaIN after every layer; else pixel norm
    const_input: bool = True  # start from a learned constant; else from w
    use_noise: bool = True  # noise at every layer
    style_mixing: float = 0.9  # probability that a step's fakes have two w
    w_avg_beta: float = 0.995  # how much of the moving mean of w stays at a step
    blur: bool = True
    start_resolution: Side = 8
    batch_sizes: tuple[str, ...] = ("4:512", "8:256", "16:128", "32:64", "64:32")
    learning_rates: tuple[str, ...] = ("128:0.0015", "256:0.002", "512:0.003", "1024:0.003")
    gan_mode: str = "vanilla"
    penalty: str = "r1"
    drift: float = 0.0
    ema_decay: float = 0.0
    ema_half_life: float = 10_000.0

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, "mapping_layers", 0)
        for key in ("w_dim", "mapping_fmaps"):
            check_at_least(self, key, 1)
        check_factor(self, "mapping_lrmul")
        check_probability(self, "style_mixing")
        check_fraction(self, "w_avg_beta")
        if self.mapping_layers == 0 and self.w_dim != self.latent_size:
            raise ValueError(
                f"w_dim={self.w_dim}, latent_size={self.latent_size}: expected the same number "
                "without mapping layers"
            )
        if not self.use_styles and (self.const_input or self.style_mixing):
            raise ValueError(
                "use_styles=false: expected const_input=false and style_mixing=0 with it, as "
                "nothing else would depend on z, and there is nothing to mix"
            )
