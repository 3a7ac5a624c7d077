"""Training of a texture network, with content pictures and without."""

import keras
import numpy as np
from keras import ops

from core.picture_size import sides
from core.tensors import Tensor
from nst.perceptual import PerceptualLoss, PerceptualTraining
from nst.ulyanov.config import UlyanovConfig
from nst.ulyanov.networks import pyramid

SEED = 0  # chooses the noise in use, which is the same for every picture and frame


class Ulyanov(PerceptualTraining):
    """Trains a network that makes a stylised picture of a content and of noise.

    Source: Ulyanov et al. 2016 (https://arxiv.org/abs/1603.03417), section 3; with instance norm
    Ulyanov et al. 2017 (https://arxiv.org/abs/1701.02096), section 4.
    """

    config: UlyanovConfig
    content = True  # whether the network sees a content picture

    def __init__(
        self,
        config: UlyanovConfig,
        perceptual_loss: PerceptualLoss | None,
        *,
        seed: int = 0,
        **kwargs,
    ):
        """Args:
        config: hyper-parameters.
        perceptual_loss: None if the network is only used.
        seed: chooses the noise in training.
        kwargs: see `PerceptualTraining`.
        """
        network = pyramid(
            content=self.content,
            noise=config.noise,
            scales=config.scales,
            channels=config.channels,
            norm=config.norm,
            padding=config.padding,
            output=config.output,
            gamma=config.gamma,
            slope=config.slope,
        )
        self.size_multiple = 2 ** (config.scales - 1)
        self.width = config.scales * config.channels
        self.noise_channels = config.scales * config.noise
        self.smallest_size = 2 * self.size_multiple  # instance norm needs two pixels or more
        super().__init__(config, network, perceptual_loss, **kwargs)
        self.random = keras.random.SeedGenerator(seed)
        self.extra["noise"] = [self.random.state]

    def learning_rate(self, images: Tensor) -> Tensor:
        """The learning rate after this many images: `rate * decay ** (steps // decay_every)`."""
        config, size = self.config, self.stages[0].batch_size
        times = ops.floor(images / (size * config.decay_every))
        return config.learning_rate * ops.power(float(config.decay), times)

    def noise(
        self, count: int, height: int, width: int, seed: int | keras.random.SeedGenerator = SEED
    ) -> Tensor:
        """Uniform noise for all scales, `[count, height, width, scales * config.noise]` in [0, 1).

        Args:
            count: how many pictures it is for.
            height, width: their size, pixels.
            seed: a number, or a generator whose state advances with every call.
        """
        shape = (count, height, width, self.noise_channels)
        return keras.random.uniform(shape, seed=seed)

    def stylise(
        self, contents: Tensor, style_weights: Tensor | None = None, *, training: bool = False
    ) -> Tensor:
        """See `PerceptualTraining.stylise`; there is one style. In training the noise is new every
        time, in use it depends on the size of the contents alone."""
        count, height, width = ops.shape(contents)[:3]
        noise = self.noise(count, height, width, self.random if training else SEED)
        return self.picture(ops.concatenate([contents, noise], -1), training=training)

    def picture(self, inputs: Tensor, *, training: bool = False) -> Tensor:
        """The network's pictures: RGB about [0, 1], not clipped, `[N, H, W, 3]`.

        Args:
            inputs: content and noise, as `nst.ulyanov.networks.pyramid` takes them.
            training: as for `keras.Model`.
        """
        return ops.cast(self.networks["network"](inputs, training=training), "float32") / 255


class UlyanovTexture(Ulyanov):
    """Trains a network that makes textures of noise. Batches are empty: it needs no pictures."""

    content = False

    def batch_size(self, batch: dict) -> int:
        """How many textures are made in a step; the batch itself is empty."""
        return self.stages[0].batch_size

    def loss(self, batch: dict) -> tuple:
        """The weighted loss of textures of new noise; see `core.phases.Phase.loss`."""
        stage = self.stages[0]
        height, width = sides(stage.size)
        noise = self.noise(stage.batch_size, height, width, self.random)
        return self.needed_loss.weigh(self.needed_loss.terms(self.picture(noise, training=True)))

    def texture(self, seed: int, height: int, width: int) -> np.ndarray:
        """A texture, RGB about [0, 1], not clipped, `[height, width, 3]`.

        The same seed and size give the same texture, on every backend: NumPy draws the noise.

        Args:
            seed: from 0 to 2**32 - 1.
            height, width: any size in pixels. The network makes the next larger size that it can,
                and what is too much is cut off.
        """
        multiple = self.size_multiple
        padded = [max(self.smallest_size, -(-n // multiple) * multiple) for n in (height, width)]
        shape = (1, *padded, self.noise_channels)
        noise = np.random.RandomState(seed).uniform(size=shape).astype(np.float32)
        return ops.convert_to_numpy(self.picture(noise))[0, :height, :width]
