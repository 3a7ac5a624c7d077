"""Opens exported `.keras` files: importing this module makes all our layers known to Keras."""

import os
from typing import Any

import keras

import nst.adain.export
import nst.ghiasi.networks
import nst.style_swap.export
import nst.transformer
import nst.ulyanov.networks  # noqa: F401


def load_model(path: str | os.PathLike) -> Any:
    """The network of an exported `.keras` file, called with and returning tensors by name."""
    return keras.saving.load_model(path)
