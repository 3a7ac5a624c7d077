"""Training batches of crops of one picture of each domain, as SinCUT learns from them.

For a minibatch each picture is shrunk, height and width each by a factor of their own, and cut
along a grid that starts at a random place. The crops are cells of the grid in random order, none
twice before all are taken; then follows a grid that starts elsewhere. So crops of a minibatch come
from different places as long as there are enough, which the loss wants of them: they are the wrong
answers of one another. Half of them are mirrored.

The official code draws the grid's start for each crop, so that its crops overlap now and then.

Source: taesungp/contrastive-unpaired-translation @ b3ac297, data/singleimage_dataset.py,
data/base_dataset.py (`__random_zoom`, `__patch`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from core.errors import InputError
from core.picture_size import Size, as_text
from experiments.data import pictures
from experiments.data.config import ZoomedData
from experiments.data.dataset import Dataset

_END = 2**62  # batches without end


def batches(
    dataset: Dataset,
    config: ZoomedData,
    *,
    size: Size,
    batch_size: int,
    start: int,
    seed: int,
    share: tuple[int, int] = (0, 1),
) -> Iterator[dict]:
    """Yields training batches endlessly, from crop `start` of the run on.

    Crop i depends on `(seed, i)` and on the batch size alone, so a run can go on anywhere.

    Args:
        dataset: the data set; of each domain its first picture is used.
        config: its settings.
        size: of the crops, that of the config.
        batch_size: crops of each domain in a batch.
        start: the number of the first crop, a multiple of `batch_size`.
        seed: the seed of zooms, places and mirrors.
        share: (k, n) for the k-th of n parts of each batch alone, see
            `experiments.data.pipeline.batches`.

    Yields:
        TensorFlow tensors by role, float32 `[batch_size / n, H, W, C]` in [-1, 1].

    Raises:
        InputError: a picture cannot be read or is smaller than a crop, or `size` or `start` is
            another one.
    """
    if size != config.size or start % batch_size:
        raise InputError(
            f"size={as_text(size)}, start={start}: expected {as_text(config.size)} and a multiple "
            f"of the batch size, {batch_size}"
        )
    whole = {role: source.load(0) for role, source in dataset.train.items()}
    for role, picture in whole.items():
        check_large_enough(picture, config, f"--dataset={dataset.name} ({role})")
    rows = batch_size // share[1]
    part = slice(share[0] * rows, (share[0] + 1) * rows)

    def made(number):
        streams = enumerate(whole.values())
        return [
            crops(picture, config, int(number), batch_size, (seed, stream))[part]
            for stream, picture in streams
        ]

    def batch(number):
        found = tf.numpy_function(made, [number], [tf.uint8] * len(whole), stateful=False)
        shape = (rows, *config.sides, config.channels)
        images = [tf.cast(tf.ensure_shape(x, shape), tf.float32) / 127.5 - 1.0 for x in found]
        return dict(zip(whole, images, strict=True))

    numbers = tf.data.Dataset.range(start // batch_size, _END)
    options = tf.data.Options()
    options.deterministic = True
    parallel: Any = config.threads or tf.data.AUTOTUNE
    return iter(numbers.map(batch, parallel).prefetch(4).with_options(options))


def check_large_enough(picture: np.ndarray, config: ZoomedData, name: str) -> None:
    """Raises InputError for a picture, uint8 `[H, W, C]`, that has no room for a crop."""
    height, width = picture.shape[:2]
    if any(n < least for n, least in zip((height, width), config.sides, strict=True)):
        raise InputError(
            f"{name}: the picture has a width of {width} and a height of {height}, less than a "
            f"crop of {as_text(config.size)} pixels. Give a larger picture, or smaller crops such "
            "as --set data.size=32."
        )


def crops(
    picture: np.ndarray, config: ZoomedData, number: int, count: int, seed: tuple[int, int]
) -> np.ndarray:
    """Returns the crops of one minibatch, uint8 `[count, h, w, C]`.

    Args:
        picture: uint8 `[H, W, C]`, at least as large as a crop.
        config: settings: `sides` of the crops, `zoom`, `flip`.
        number: of the minibatch.
        count: how many crops.
        seed: what the draws depend on beside the number: the run's seed, and a number for the
            domain.
    """
    rng = np.random.default_rng((*seed, number))
    zoomed = _zoomed(picture, config, rng)
    height, width = config.sides
    corners = _corners(zoomed.shape[:2], config.sides, count, rng)
    cut = np.stack([zoomed[y : y + height, x : x + width] for y, x in corners])
    if config.flip:
        mirrored = rng.random(count) < 0.5
        cut[mirrored] = cut[mirrored, :, ::-1]
    return cut


def _zoomed(picture, config, rng):
    """Returns the picture shrunk, with room for a crop."""
    factors = rng.uniform(1 / config.zoom, 1, 2)
    lengths = zip(picture.shape[:2], config.sides, factors, strict=True)
    sides = tuple(max(least, round(length * factor)) for length, least, factor in lengths)
    return pictures.fit(picture, sides, "stretch", Image.Resampling.BILINEAR)


def _corners(shape, sides, count, rng):
    """Returns the upper left corners of `count` crops, `(row, column)`."""
    cells = [length // side for length, side in zip(shape, sides, strict=True)]
    room = [n - c * side for n, c, side in zip(shape, cells, sides, strict=True)]
    corners: list[tuple[int, int]] = []
    while len(corners) < count:
        top, left = rng.integers(0, np.array(room) + 1)
        for cell in rng.permutation(cells[0] * cells[1]):
            row, column = divmod(int(cell), cells[1])
            corners.append((int(top) + row * sides[0], int(left) + column * sides[1]))
    return corners[:count]
