"""Data sets with known pictures, and the batches that come of them."""

import itertools

import numpy as np

from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset, Source
from experiments.data.pipeline import batches

PLAIN = {"size": 8, "load_size": 8, "flip": False}


def take(dataset, count, *, batch_size=1, start=0, seed=0, level=None, share=(0, 1), **options):
    """The first batches, each role -> numpy; at the size `level`, where it is given."""
    config = DataConfig(**PLAIN | options)
    size = level or config.size
    found = batches(
        dataset, config, size=size, batch_size=batch_size, start=start, seed=seed, share=share
    )
    return [{r: x.numpy() for r, x in b.items()} for b in itertools.islice(found, count)]


def ramps(count=6, size=16):
    """Pictures in which every pixel is different: columns in red, rows in green, index in blue."""
    y, x = np.mgrid[:size, :size]

    def read(i):
        return np.stack([x, y, 0 * x + i], -1).astype(np.uint8)

    source = Source("ramps", count, read)
    return Dataset("ramps", {"image": source}, {"image": source})


def paired(count=6, read_b=None):
    """Ramps, and in B the same with 100 added to the index."""
    a = ramps(count).train["image"]
    b = Source("b", count, read_b or (lambda i: a.read(i) + np.uint8([0, 0, 100])), report=str)
    return Dataset("pairs", {"A": a, "B": b}, {"A": a, "B": b}, truth=True, paired=True)


def levels(image):
    return np.rint((image + 1) * 127.5).astype(int)


def assert_equal(one, two):
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        for role in a:
            np.testing.assert_array_equal(a[role], b[role])
