"""Separability of latents whose portraits are painted from them: no network but the judge."""

import keras
import numpy as np
import pytest
from fakes import Fake
from scipy.special import ndtr

from core.errors import InputError
from experiments.data import faces
from experiments.metrics import attributes, sampling, separability
from experiments.metrics.protocols import compute, split_of


class Painter(Fake):
    """z is normal, w is z, and `shown` of z in shares is what a portrait shows."""

    has_mapping = True

    def __init__(self, shown, size=32):
        super().__init__(len(faces.FACTORS))
        self.shown, self.size = shown, size

    @property
    def generator(self):
        return self

    def mapping(self, z):
        return np.repeat(z[:, None], 2, axis=1)

    def synthesis(self, ws, noise, seed):
        rows = self.shown(ndtr(ws[:, 0]))
        painted = np.stack([faces.draw(row, self.size) for row in rows])
        return keras.ops.convert_to_tensor(np.float32(painted) / 127.5 - 1)


@pytest.fixture
def eager(monkeypatch):
    """A painter paints with NumPy, which cannot be compiled."""
    monkeypatch.setattr(sampling.engine, "compile", lambda function, variables: function)


def test_the_judge_knows_portraits_it_has_not_seen():
    known = np.stack([faces.factors(i, split="test") for i in range(300)])
    found = attributes.probabilities(np.stack([faces.draw(row, 32) for row in known]))
    assert found.shape == (300, 15) and found.min() >= 0 and found.max() <= 1
    right = (found > 0.5) == (known > 0.5)
    assert right.mean() > 0.94 and right.mean(0).min() > 0.8
    larger = attributes.probabilities(np.stack([faces.draw(row, 64) for row in known]))
    assert ((larger > 0.5) == (known > 0.5)).mean() > 0.93


def test_entangled_latents_cost_bits(eager):
    straight = Painter(lambda shares: shares)
    z = separability.measure_separability("sep_faces_z", straight, 400)
    assert separability.measure_separability("sep_faces_w", straight, 400) == z
    assert 1 <= z < 4
    entangled = Painter(lambda shares: 4 * shares % 1)  # each factor rises and falls with z
    assert separability.measure_separability("sep_faces_w", entangled, 400) > 1000


@pytest.mark.parametrize(("algorithm", "message"), [
    (None, "makes no pictures from noise"),
    (Painter(lambda shares: shares, 16), "needs portraits of 32 pixels or more, got 16"),
    (Fake(3), "no w. Take sep_faces_z"),
])  # fmt: skip
def test_refused(algorithm, message, eager):
    assert split_of("sep_faces_w") is None
    with pytest.raises(InputError, match=message):
        compute("sep_faces_w", None, algorithm=algorithm)
