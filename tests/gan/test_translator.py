"""What the runner asks of every translation model."""

import numpy as np
import pytest
from keras import ops

from core.phases import Stage
from gan.cut.algorithm import CUT
from gan.cut.config import CUTConfig
from gan.cyclegan.algorithm import CycleGAN
from gan.cyclegan.config import CycleGANConfig
from gan.pix2pix.algorithm import Pix2Pix
from gan.pix2pix.config import Pix2PixConfig
from gan.translator import Translator

pytestmark = pytest.mark.backends


def cyclegan(**changes):
    small = {"ngf": 2, "n_blocks": 1, "ndf": 2, "n_layers": 1, "pool_size": 0}
    return CycleGAN(CycleGANConfig(**small | changes), size=16, batch_size=1)


def pix2pix(**changes):
    small = {"ngf": 2, "num_downs": 5, "ndf": 2, "n_layers": 1}
    return Pix2Pix(Pix2PixConfig(**small | changes), size=32, batch_size=1)


def cut(**changes):
    small = {"ngf": 1, "n_blocks": 1, "ndf": 2, "n_layers": 1, "nce_layers": (0, 4)}
    return CUT(CUTConfig(**small | changes), size=16, batch_size=1)


@pytest.mark.parametrize(
    ("build", "directions", "multiple", "smallest"),
    [
        (cyclegan, ("AtoB", "BtoA"), 4, 16),
        (lambda: cut(direction="BtoA"), ("BtoA",), 4, 16),
        (pix2pix, ("AtoB",), 32, 32),
        (lambda: pix2pix(direction="BtoA", num_downs=6), ("BtoA",), 64, 64),
    ],
    ids=["cyclegan", "cut back", "pix2pix", "pix2pix back"],
)
def test_directions_and_sizes(build, directions, multiple, smallest):
    algorithm = build()
    assert isinstance(algorithm, Translator)
    assert algorithm.directions == algorithm.config.directions == directions
    assert (algorithm.size_multiple, algorithm.smallest_size) == (multiple, smallest)
    assert algorithm.width == 2
    picture = np.zeros((1, smallest, smallest + multiple, 3), "float32")
    for direction in directions:
        assert algorithm.translator_name(direction) in algorithm.networks
        translated = algorithm.translator(direction)(picture, training=False)
        assert ops.convert_to_numpy(translated).shape == picture.shape


def test_networks_at_a_known_size():
    """The discriminator of pairs sees both pictures of one."""
    stage, patches = Stage(2, 64), (2, 30, 30, 1)
    model = pix2pix()
    assert tuple(model.sized("G", stage).outputs[0].shape) == (2, 64, 64, 3)
    judge = model.sized("D", stage)
    assert tuple(judge.inputs[0].shape) == (2, 64, 64, 6)
    assert tuple(judge.outputs[0].shape) == patches
    assert tuple(cyclegan().sized("D_A", stage).outputs[0].shape) == patches
