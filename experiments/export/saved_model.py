"""Networks as TensorFlow's SavedModel and as Keras' own files, by Keras' own export."""

from collections.abc import Sequence
from pathlib import Path

import keras

from experiments.export.options import Options
from experiments.export.parts import Part


def write_saved_model(
    network: keras.Model, part: Part, parts: Sequence[Part], path: Path, options: Options
) -> None:
    """Writes a folder that TensorFlow runs without our code; it has a signature by names."""
    network.export(path, format="tf_saved_model", verbose=False)


def write_keras(
    network: keras.Model, part: Part, parts: Sequence[Part], path: Path, options: Options
) -> None:
    """Writes a `.keras` file, which can be trained further, and needs our layers."""
    network.save(path)
