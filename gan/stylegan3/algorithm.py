"""The phases of StyleGAN3: those of StyleGAN2, without path length, mixed styles and noise.

What the discriminator sees, reals and fakes, may be blurred at the beginning of a training, which
configuration R needs. The layers know the mean squares of what comes in, which move in training.

The official code moves these, and the mean of w, in the discriminator's phase, and uses them as
they are in the generator's. As with StyleGAN2, only G's phases change G here: they move with the
fakes of G's phase, once a step as well.

Sources: Karras et al. 2021 (https://arxiv.org/abs/2106.12423), section 3 and appendices D and F;
NVlabs/stylegan3 @ c233a91, train.py and training/loss.py.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from core.tensors import Tensor
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

    def _generator(self, size):
        config: Any = self.config
        names = ("config", "num_layers", "z_dim", "w_dim", "mapping_layers", "mapping_lrmul",
                 "w_avg_beta")  # fmt: skip
        return Generator(
            size,
            c_dim=config.classes,
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

    def described(self) -> list[str]:
        return self.networks["G"].synthesis.schedule.table()

    def noise(self, count: int) -> Any:
        """There is none."""
        return "none"

    def _synthesize(self, ws, training=False):
        return self.networks["G"].synthesis(ws, update=training)

    def view(self, images: Tensor) -> Callable[[Tensor], Tensor]:
        change = super().view(images)
        config: Any = self.config
        if not config.blur_sigma:
            return change
        seen = ops.cast(self.images.value, "float32") / config.blur_images
        sigma = config.blur_sigma * ops.maximum(1 - seen, 0.0)
        matrix = blur_matrix(images.shape[1], sigma)
        return lambda x: change(blurred(x, matrix))


def blur_matrix(size: int, sigma: Tensor) -> Tensor:
    """The matrix that blurs a row of pixels, with zeros beyond its ends, float32 `[size, size]`.

    Taps are `2**-(i / sigma)**2` for |i| up to 3 sigma, and sum to 1.

    Args:
        size: how many pixels a row has.
        sigma: scalar, from 0 (nothing is blurred) to 10 pixels.

    Source: NVlabs/stylegan3 @ c233a91, training/loss.py.
    """
    reach = ops.floor(3 * sigma)

    def taps(distance):
        weights = ops.power(2.0, -ops.square(distance / ops.maximum(sigma, 1e-3)))
        return ops.where(distance <= reach, weights, ops.zeros_like(weights))

    places = np.arange(size, dtype="float32")
    total = ops.sum(taps(ops.convert_to_tensor(np.abs(np.arange(-512.0, 513.0, dtype="float32")))))
    return taps(ops.convert_to_tensor(np.abs(places[:, None] - places))) / total


def blurred(x: Tensor, matrix: Tensor) -> Tensor:
    """Square pictures `[N, H, H, C]` with their rows and columns blurred by a `blur_matrix`."""
    n, side, _, channels = x.shape
    matrix = ops.cast(matrix, x.dtype)
    x = ops.matmul(matrix, ops.reshape(x, (-1, side, side * channels)))
    x = ops.matmul(matrix, ops.reshape(x, (-1, side, channels)))
    return ops.reshape(x, (-1 if n is None else n, side, side, channels))
