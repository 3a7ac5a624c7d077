"""GANs whose generators are written by hand, and the modes of their runs."""

from pathlib import Path
from types import SimpleNamespace

import keras
from keras import ops

from core.phases import Stage
from experiments import configs
from experiments.model import Run
from gan.latent import LatentGAN

SIZE, LAYERS = 64, 10


class Fake(LatentGAN):
    """A GAN with the `generator` that a subclass says, and nothing to train."""

    def __init__(self, latent_size: int, latent: str = "normal", size: int = 16):
        inputs = keras.Input((latent_size,))
        nothing = keras.Model(inputs, keras.layers.Identity()(inputs))
        networks = {"G": nothing, "D": nothing}
        super().__init__([Stage(1, size)], networks, latent_size=latent_size, latent=latent)


class Mapping:
    def __call__(self, z, truncation_psi=1.0, truncation_cutoff=None):
        return ops.repeat((0.5 + truncation_psi * (z - 0.5))[:, None], LAYERS, axis=1)


class Synthesis:
    def __call__(self, ws, noise="const", seed=None):
        """Columns 0 to 9 show the layers, the lower right corner the noise."""
        row = ops.pad(ws[:, None, :, :1] / 8, ((0, 0), (0, 0), (0, SIZE - LAYERS), (0, 0)))
        images = ops.tile(row, (1, SIZE, 1, 3))
        if noise == "random":
            drawn = keras.random.randint((ws.shape[0], 16, 16, 1), 0, 2, seed=seed)
            corner = ((0, 0), (48, 0), (48, 0), (0, 0))
            images += ops.pad(ops.cast(drawn, "float32") - 0.5, corner)
        return images


class Generator:
    def __init__(self):
        self.mapping, self.synthesis = Mapping(), Synthesis()

    def __call__(self, z, training=True):
        assert training is False
        return self.synthesis(self.mapping(z))


class Styled(Fake):
    """z is w; a picture is grey as the mean of the ws of its layers."""

    generator = Generator()
    has_mapping, has_styles, has_noise = True, True, True

    def __init__(self):
        super().__init__(4, size=SIZE)


class Plain(Styled):
    """Without styles, noise and a mapping."""

    has_mapping, has_styles, has_noise = False, False, False


def styled(model="stylegan", kind=Styled, **changes):
    """A run of it; `changes` are attributes of the algorithm."""
    algorithm = type("Changed", (kind,), changes)()
    return Run(SimpleNamespace(model=model), Path("nowhere"), algorithm, configs.find(model))


def flags(output, **given):
    """The flags of the modes of generators; None where none is given."""
    names = ["count", "seeds", "seeds_b", "truncation", "truncation_cutoff", "label", "translate",
             "rotate", "motion", "frames", "fps", "input", "strength", "steps", "w"]  # fmt: skip
    return SimpleNamespace(output=str(output), **(dict.fromkeys(names) | given))


def use(mode, run, output, **given):
    """What a mode of a run says."""
    said = []
    assert run.task.modes[mode].work(run, flags(output, **given), said.append) == 0
    return said
