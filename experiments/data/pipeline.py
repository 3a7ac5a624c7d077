"""Makes training batches: decodes, resizes, crops, flips and normalises in tf.data, in parallel.

The images, crops and flips of item `i` of a run depend only on `(seed, i)`. So the order does not
depend on threads, and a run can go on at image `i` by starting there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from core.errors import InputError
from core.picture_size import Size, as_text, in_words, sides
from experiments.data import pictures
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset, Source

# with JAX, TensorFlow only reads data: hide the accelerator from it before it starts
if keras.backend.backend() != "tensorflow":
    tf.config.set_visible_devices([], "GPU")

CACHE_BYTES = 2**30  # memory for decoded, resized images; the others are decoded every time


def batches(
    dataset: Dataset,
    config: DataConfig,
    *,
    size: Size,
    batch_size: int,
    start: int,
    seed: int,
    share: tuple[int, int] = (0, 1),
) -> Iterator[dict]:
    """Yields training batches endlessly, from image `start` of the run on.

    Domains are drawn independently ("unpaired"). The first one goes through a new permutation every
    epoch, and the others are drawn with replacement, as in the official unaligned_dataset.py:51-56.
    The domains of a `paired` data set show the same item, with the same crop and flip.

    A `size` below that of the config (a level of progressive growing) has the same crops; each
    pixel is the mean of a square of their pixels, as in tkarras/progressive_growing_of_gans @
    2504c3f, dataset_tool.py, add_image (but not rounded to integers).

    Args:
        dataset: the data set.
        config: its settings.
        size: of the images, see `core.picture_size`.
        batch_size: images in a batch.
        start: the number of the first image.
        seed: the seed of the order, crops and flips.
        share: (k, n) for rows `k * N / n` to `(k + 1) * N / n` of each batch of N alone, which are
            all that is read: the share of process k of n.

    Yields:
        TensorFlow tensors by role, float32 `[batch_size / n, H, W, C]` in [-1, 1]; and with
        `config.labels` int32 `[batch_size / n]` under "label".

    Raises:
        InputError: `size` is not `config.size`, halved some number of times, or labels are wanted
            and there are none.
    """
    factor = _reduction(config, size)
    if config.labels:
        dataset.check_labels()
    caches = _caches(dataset, config)
    epoch = dataset.epoch
    orders = {role: 0 if dataset.paired else order for order, role in enumerate(caches)}

    def item(i):
        images = {}
        for role, cache in caches.items():
            index = _index(i, cache.size, epoch, orders[role], seed)
            images[role], label = _image(cache, index, i, orders[role], config, factor, seed)
        return images | {"label": label} if config.labels else images

    rows = batch_size // share[1]
    items = _numbers(start, batch_size, share).map(item, config.threads or tf.data.AUTOTUNE)
    items = items.batch(rows, drop_remainder=True).prefetch(4)
    return _reraise(iter(items.with_options(_options(config))), caches.values())


def _numbers(start, batch_size, share):
    """Returns the numbers of the images from `start` on, those of a share of each batch."""
    numbers, (process, count) = tf.data.Dataset.range(start, 2**62), share
    if count == 1:
        return numbers
    rows = batch_size // count
    return numbers.batch(batch_size).map(lambda i: i[process * rows :][:rows]).unbatch()


def _options(config):
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = True
    if config.threads:
        options.threading.private_threadpool_size = config.threads
    return options


def _reduction(config, size):
    """Returns how many pixels of a crop become one, along each side."""
    height, width = sides(size)
    factor = config.sides[0] // max(1, height)
    whole = (height * factor, width * factor) == config.sides
    if height < 1 or not whole or factor & (factor - 1):
        raise InputError(
            f"data.size={as_text(config.size)}: cannot be halved to {in_words(size)}, which this "
            "training "
            "needs. Give a size that is a power of two, such as --set data.size=128."
        )
    return factor


def _caches(dataset, config):
    """Returns the cache of each domain; it holds already what earlier stages have loaded."""
    train = {role: _scalable(source, config) for role, source in dataset.train.items()}
    others = {r: [s for s in train.values() if s is not train[r]] for r in train}
    if config not in dataset.kept:
        dataset.kept[config] = {
            r: _Cache(train[r], config, others[r] if dataset.paired else ()) for r in train
        }
    return dataset.kept[config]


def _scalable(source, config):
    """Returns a source that leaves out images which would become far too large by `fit=side`."""
    if config.fit != "side":
        return source

    def read(i):
        image = source.read(i)
        try:
            pictures.check_over(image, config.load_sides)
        except InputError as error:
            raise InputError(f"{source.name}: image {i}: {error}") from error
        return image

    return replace(source, read=read)


def _index(i, size, epoch, order, seed):
    """Returns the index of the image that item `i` of the run shows of a domain."""
    if order == 0:
        key = tf.stack([tf.cast(seed, tf.int64), i // epoch])
        return tf.random.experimental.index_shuffle(i % epoch, key, epoch - 1) % size
    return tf.random.stateless_uniform([], _key(seed, order, i), 0, size, tf.int64)


def _key(seed, stream, i):
    return tf.stack([tf.cast(seed, tf.int64) * 1000 + stream, i])


def _image(cache, index, i, order, config, factor, seed):
    """Returns an image, cropped, flipped, reduced and normalised, and its label."""
    whole = (None, None) if config.fit == "side" else config.load_sides
    (height, width), channels = config.sides, config.channels
    image, label = tf.numpy_function(cache, [index], (tf.uint8, tf.int32), stateful=False)
    image, label = tf.ensure_shape(image, (*whole, channels)), tf.ensure_shape(label, ())
    if whole != config.sides:
        span = tf.cast(tf.shape(image)[:2] - config.sides + 1, tf.float32)
        corner = tf.random.stateless_uniform([2], _key(seed, 10 + order, i)) * span
        corner = tf.cast(corner, tf.int32)
        image = tf.slice(image, [corner[0], corner[1], 0], [height, width, channels])
    if config.flip:
        left = tf.random.stateless_uniform([], _key(seed, 20 + order, i)) < 0.5
        image = tf.cond(left, lambda: tf.reverse(image, [1]), lambda: image)  # slices are slower
    image = tf.cast(image, tf.float32)
    if factor > 1:
        grid = (height // factor, factor, width // factor, factor, channels)
        image = tf.reduce_mean(tf.reshape(image, grid), (1, 3))
    return image / 127.5 - 1.0, label


class _Cache:
    """Gives resized images by index, and keeps in memory as many as there is room for.

    A call returns uint8 `[*load_sides, C]` (or longer on one side) and the label of the image, 0
    without labels.
    """

    def __init__(self, source: Source, config: DataConfig, partners: Sequence[Source]):
        self.source, self.config, self.size = source, config, source.size
        self.partners = partners
        self.room = CACHE_BYTES
        self.images: dict[int, tuple] = {}
        self.error: InputError | None = None
        self.told = False

    def __call__(self, index):
        index = int(index)
        if index in self.images:
            return self.images[index]
        try:
            shown, image = self.source.find(index, self.partners)
        except InputError as error:
            self.error = error
            raise
        self._tell_if_small(image)
        config = self.config
        if config.fit == "side":
            image = pictures.fit_over(image, config.load_sides)
        else:
            image = pictures.fit(image, config.load_sides, config.fit)
        number: Any = self.source.label  # is there with `labels`, see `batches`
        label = np.int32(number(shown) if config.labels else 0)
        if image.nbytes <= self.room:
            self.images[index] = image, label
            self.room -= image.nbytes
        return image, label

    def _tell_if_small(self, image):
        """Reports, once for a source, an image that is smaller than the crop: it lacks detail."""
        height, width = image.shape[:2]
        least = self.config.sides
        if (height < least[0] or width < least[1]) and not self.told:
            self.told = True
            self.source.report(
                f"{self.source.name}: has images smaller than the crop of {in_words(least)}, such "
                f"as one with a width of {width} and a height of {height}. They are enlarged; "
                "--set data.size=… (and data.load_size) would train on smaller crops."
            )


def _reraise(iterator, caches):
    """Yields from a tf.data iterator; raises the reader's own error, which tf.data wraps."""
    try:
        yield from iterator
    except tf.errors.OpError:
        for cache in caches:
            if cache.error:
                raise cache.error from None
        raise


def test_images(
    dataset: Dataset, config: DataConfig, role: str, count: int, shift: float = 0.0
) -> np.ndarray:
    """Returns test images of a domain, evenly spaced, uint8 `[count, H, W, C]`.

    They are neither cropped at random nor flipped. If the test set has fewer than `count`, all are
    returned. Damaged images are left out. If the data set has the truth in both domains, an image
    is left out in both, so that pairs stay pairs. If none of the chosen images is good, the first
    good one of the set is returned. With `config.own_size`, H and W are those of the first one.

    Args:
        dataset: the data set.
        config: its settings.
        role: the domain.
        count: how many images.
        shift: moves the choice by this fraction of the spacing; 0.5 gives other images.

    Raises:
        InputError: no test image can be read.

    Source: the official test options (`load_size` = crop size, base_options.py, test.py).
    """
    source = dataset.test[role]
    partners = [s for s in dataset.test.values() if s is not source] if dataset.truth else []
    spacing = max(1.0, source.size / count)
    chosen = sorted({int((i + shift) * spacing) for i in range(count)})
    tried = [source.get(i, partners) for i in chosen if i < source.size]
    loaded = [image for image in tried if image is not None] or [source.load(0, partners)]
    fit = "crop" if config.fit == "side" else config.fit  # all of one size
    sides = loaded[0].shape[:2] if config.own_size else config.sides
    return np.stack([pictures.fit(image, sides, fit) for image in loaded])
