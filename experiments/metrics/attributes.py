"""Judges what a portrait of `faces` shows, with a network that was trained on the exact factors.

It takes the place of the classifiers of CelebA's attributes in the published separability.
Attribute i is whether factor i of `experiments.data.faces.FACTORS` is above 0.5. The weights are in
this folder; `scripts/train_attributes.py` made them.
"""

from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
from keras import layers
from scipy.special import expit

from core.errors import InputError
from core.stored import open_npz
from experiments.data import pictures
from experiments.data.faces import FACTORS
from experiments.metrics.features import runner, to_unit
from experiments.metrics.lpips import float32

SIZE = 32  # height and width of the network's input, pixels
WEIGHTS = Path(__file__).with_name("attributes.npz")


def network() -> keras.Model:
    """Returns a model from `[N, SIZE, SIZE, 3]` in [0, 1] to logits of attributes, `[N, 15]`."""
    with float32():
        x = inputs = keras.Input((SIZE, SIZE, 3))
        for filters, strides in (24, 1), (48, 2), (64, 2), (64, 2):
            x = layers.Conv2D(filters, 3, strides, "same", activation="relu")(x)
        outputs = layers.Dense(len(FACTORS))(layers.Flatten()(x))
    return keras.Model(inputs, outputs)


@lru_cache(maxsize=1)
def _trained():
    model = network()
    with open_npz(WEIGHTS) as stored:
        model.set_weights([stored[key].read().astype(np.float32) for key in sorted(stored)])
    return runner(keras.Model(model.input, {"logits": model.output}), to_unit)


def check_size(size: int, name: str) -> None:
    """Refuses pictures that would have to be enlarged.

    Args:
        size: height and width of the pictures, pixels.
        name: the name of the metric, for the message.

    Raises:
        InputError: `size` is below `SIZE` pixels.
    """
    if size < SIZE:
        raise InputError(f"{name}: needs portraits of {SIZE} pixels or more, got {size}.")


def probabilities(images: np.ndarray) -> np.ndarray:
    """Returns the probability of each attribute, float64 `[N, 15]` in [0, 1].

    Args:
        images: portraits, uint8 `[N, H, W, 3]` of `SIZE` pixels or more.

    Raises:
        InputError: the portraits are smaller.
    """
    check_size(min(images.shape[1:3]), "attributes")
    fitted = np.stack([pictures.fit(image, SIZE, "stretch") for image in images])
    return expit(_trained()(fitted)["logits"].astype(np.float64))
