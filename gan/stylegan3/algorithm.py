"""The phases of StyleGAN3: those of StyleGAN2, without path length, mixed styles and noise.

Configuration R needs the blur at the beginning, see `gan.augment.blur`. The layers know the mean
squares of what comes in, which move in training.

The official code moves these, and the mean of w, in the discriminator's phase, and uses them as
they are in the generator's. As with StyleGAN2, only G's phases change G here: they move with the
fakes of G's phase, once a step as well.

Sources: Karras et al. 2021 (https://arxiv.org/abs/2106.12423), section 3 and appendices D and F;
NVlabs/stylegan3 @ c233a91, train.py and training/loss.py.
"""

from typing import Any

from gan.stylegan2.algorithm import StyleGAN2
from gan.stylegan3.config import StyleGAN3Config
from gan.stylegan3.networks import Generator


class StyleGAN3(StyleGAN2):
    """Generation whose details move and turn with the objects. Batches as of `LatentGAN`."""

    def __init__(
        self,
        config: StyleGAN3Config = StyleGAN3Config(),  # noqa: B008 frozen
        *,
        size: int = 64,
        batch_size: int = 32,
        seed: int = 0,
        xla: bool = False,
    ):
        """Args:
        config: the hyper-parameters.
        size: height and width of the pictures in pixels, a power of 2 from 16 up.
        batch_size: how many images a step has.
        seed: what z and everything random in the step depend on.
        xla: compile the step with XLA on TensorFlow.

        Raises:
            ValueError: a size that the networks cannot have, or more frozen layers than D has.
        """
        self._magnitude_beta = 0.5 ** (batch_size / config.magnitude_half_life)
        super().__init__(config, size=size, batch_size=batch_size, seed=seed, xla=xla)

    def _generator(self, size, channels):
        config: Any = self.config
        names = ("config", "num_layers", "z_dim", "w_dim", "mapping_layers", "mapping_lrmul",
                 "w_avg_beta")  # fmt: skip
        return Generator(
            size,
            c_dim=config.classes,
            num_channels=channels,
            channel_base=config.g_channel_base,
            channel_max=config.g_channel_max,
            num_fp16_res=config.g_num_fp16_res,
            conv_clamp=config.g_conv_clamp or None,
            magnitude_ema_beta=self._magnitude_beta,
            **{name: getattr(config, name) for name in names},
            name="G",
        )

    @property
    def has_transform(self) -> bool:
        return True

    @property
    def shift_steps(self) -> int:
        return 0

    def described(self) -> list[str]:
        return self.networks["G"].synthesis.schedule.table()

    def noise(self, count: int) -> Any:
        """There is none."""
        return "none"

    def _synthesize(self, ws, training=False):
        return self.networks["G"].synthesis(ws, update=training)
