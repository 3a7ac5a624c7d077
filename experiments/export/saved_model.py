"""Networks as TensorFlow's SavedModel and as Keras' own files, by Keras' own export."""

from collections.abc import Sequence
from pathlib import Path

from experiments.export.networks import assemble
from experiments.export.options import Options
from experiments.export.parts import Part


def write_saved_model(part: Part, parts: Sequence[Part], path: Path, options: Options) -> None:
    """Writes a folder that TensorFlow runs without our code; it has a signature by names."""
    network = assemble(part, size=options.size, uint8=options.uint8)
    network.export(path, format="tf_saved_model", verbose=False)


def write_keras(part: Part, parts: Sequence[Part], path: Path, options: Options) -> None:
    """Writes a `.keras` file, which can be trained further, and needs our layers."""
    assemble(part, size=options.size, uint8=options.uint8).save(path)
