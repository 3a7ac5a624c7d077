"""Which layers have which w."""

import keras
import numpy as np
import pytest
from keras import ops

from gan.style_mixing import layers_of_the_first_w

pytestmark = pytest.mark.backends


def drawn(probability, times, layers=4):
    """How many layers have the first w, several times."""
    seed = keras.random.SeedGenerator(0)
    masks = [
        ops.convert_to_numpy(layers_of_the_first_w(layers, probability, seed)) for _ in range(times)
    ]
    for mask in masks:
        assert mask.shape == (1, layers, 1)
        assert np.all(mask[:, :-1] >= mask[:, 1:])  # the first w comes first
    return [int(mask.sum()) for mask in masks]


def test_crossover_is_drawn_over_the_layers_in_use():
    counts = drawn(0.5, 60)
    assert set(counts) == {1, 2, 3, 4}  # 4: not mixed
    assert 15 < counts.count(4) < 45
    assert set(drawn(1.0, 40)) == {1, 2, 3}
    assert set(drawn(0.0, 10)) == {4}
