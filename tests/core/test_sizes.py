"""Copies of networks that know their sizes."""

import keras
import pytest

from core.phases import Algorithm, Stage
from core.sizes import at_shapes, code_shape, input_shapes

layers = keras.layers
PICTURES = (4, 12, 8, 3)


def network(channels=3):
    """Half the height and width, from pictures of any size."""
    inputs = keras.Input((None, None, channels))
    return keras.Model(inputs, layers.Conv2D(2, 3, 2, padding="same")(inputs))


def decoder():
    code = keras.Input((None, None, 5))
    return keras.Model(code, layers.Conv2D(3, 3, padding="same")(layers.UpSampling2D(4)(code)))


def conditional():
    """A z of known length, and a class."""
    z, label = keras.Input((7,)), keras.Input((), dtype="int32")
    return keras.Model([z, label], layers.Concatenate()([z, layers.Embedding(3, 2)(label)]))


def sized(model):
    return at_shapes(model, input_shapes(model, PICTURES))


@pytest.mark.parametrize("channels", [3, 6], ids=["pictures", "pairs"])
def test_pictures_have_the_channels_that_a_network_takes(channels):
    copy = sized(network(channels))
    assert tuple(copy.inputs[0].shape) == (4, 12, 8, channels)
    assert tuple(copy.outputs[0].shape) == (4, 6, 4, 2)


def test_inputs_of_known_sizes_stay_and_keep_their_types():
    copy = sized(conditional())
    assert [tuple(x.shape) for x in copy.inputs] == [(4, 7), (4,)]
    assert [x.dtype for x in copy.inputs] == ["float32", "int32"]
    assert tuple(copy.outputs[0].shape) == (4, 9)


@pytest.mark.parametrize(("height", "code"), [(12, 3), (13, 4)])
def test_the_code_of_a_decoder(height, code):
    shape = code_shape(decoder(), (4, height, 8, 3))
    assert shape == (4, code, 2, 5)
    assert tuple(at_shapes(decoder(), [shape]).outputs[0].shape) == (4, 4 * code, 8, 3)


class Pair(Algorithm):
    """One that says what its decoder takes."""

    def __init__(self):
        stages = [Stage(2, 4, 0, 10), Stage(3, 8, 10)]
        super().__init__(stages, {"decoder": decoder()}, frozen={"eyes": network()})

    def input_shapes(self, name, stage):
        if name == "decoder":
            return [code_shape(self.networks[name], self.shape(stage))]
        return super().input_shapes(name, stage)


def test_an_algorithm_gives_its_networks_at_a_stage_by_default_the_last():
    pair = Pair()
    shapes = {
        (name, stage): tuple(pair.sized(name, stage).outputs[0].shape)
        for name in ("decoder", "eyes")
        for stage in (pair.stages[0], None)
    }
    first = pair.stages[0]
    assert shapes == {
        ("decoder", first): (2, 4, 4, 3),
        ("decoder", None): (3, 8, 8, 3),
        ("eyes", first): (2, 2, 2, 2),
        ("eyes", None): (3, 4, 4, 2),
    }
