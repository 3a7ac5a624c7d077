"""Training of a texture network, with content pictures and without."""

import keras
import numpy as np
from keras import ops

from nst.perceptual import PerceptualLoss, PerceptualTraining
from nst.ulyanov.config import UlyanovConfig
from nst.ulyanov.networks import pyramid

SEED = 0  # of the noise in use, where none is given: the same for every picture and frame


class Ulyanov(PerceptualTraining):
    """Stylisation: content and noise to picture.

    Source: Ulyanov et al. 2016 (https://arxiv.org/abs/1603.03417), section 3; with instance norm
    Ulyanov et al. 2017 (https://arxiv.org/abs/1701.02096), section 4.

    """

    content = True

    def __init__(
        self, config: UlyanovConfig, perceptual: PerceptualLoss | None, *, seed=0, **kwargs
    ):
        """Arguments as of `PerceptualTraining`; `seed` of the noise in training."""
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
        self.smallest_size = 2 * self.size_multiple  # instance norm needs two pixels or more
        super().__init__(config, network, perceptual, **kwargs)
        self.random = keras.random.SeedGenerator(seed)
        self.extra["noise"] = [self.random.state]

    def learning_rate(self, images):
        """`rate * decay ** (steps // decay_every)`."""
        config, size = self.config, self.stages[0].batch_size
        times = ops.floor(images / (size * config.decay_every))
        return config.learning_rate * ops.power(float(config.decay), times)

    def noise(self, count: int, height: int, width: int, seed=SEED):
        """Uniform noise for all scales, `[count, height, width, scales * noise]` in [0, 1]."""
        shape = (count, height, width, self.config.scales * self.config.noise)
        return keras.random.uniform(shape, seed=seed)

    def stylise(self, contents, weights=None, *, training=False):
        count, height, width = ops.shape(contents)[:3]
        noise = self.noise(count, height, width, self.random if training else SEED)
        return self.picture(ops.concatenate([contents, noise], -1), training=training)

    def picture(self, inputs, *, training=False):
        """The network's pictures, `[N, H, W, 3]`, about [0, 1], of all that it takes."""
        return ops.cast(self.networks["network"](inputs, training=training), "float32") / 255


class UlyanovTexture(Ulyanov):
    """Texture synthesis: noise to picture. Batches are empty: no pictures are needed."""

    content = False

    def batch_size(self, batch):
        return self.stages[0].batch_size

    def loss(self, batch):
        stage = self.stages[0]
        noise = self.noise(stage.batch_size, stage.size, stage.size, self.random)
        return self.weigh(self.perceptual.terms(self.picture(noise, training=True)))

    def texture(self, seed: int, height: int, width: int) -> np.ndarray:
        """A picture `[height, width, 3]`, about [0, 1], a function of the seed and the size.

        Args:
            seed: from 0 to 2**32 - 1; NumPy draws the noise, the same on every backend.
            height, width: any; what is made is larger by up to `size_multiple` - 1, and cut.
        """
        padded = [max(self.smallest_size, -(-n // self.size_multiple) * self.size_multiple)
                  for n in (height, width)]  # fmt: skip
        shape = (1, *padded, self.config.scales * self.config.noise)
        noise = np.random.RandomState(seed).uniform(size=shape).astype(np.float32)
        return ops.convert_to_numpy(self.picture(noise))[0, :height, :width]
