"""The real pictures that generated ones are held against, and their features, taken once."""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from core.errors import InputError
from experiments.data import pictures
from experiments.data.dataset import Dataset
from experiments.data.pipeline import DataConfig
from experiments.metrics.features import Extractor, Rows, in_batches, progress
from experiments.metrics.statistics import Moments


@dataclass(frozen=True)
class Reals:
    """Pictures of a split of a data set.

    Attributes:
        read: gives them from the first one on, uint8 `[size, size, 3]`.
        count: how many there are at most (damaged ones are left out when they are read).
        key: which they are, at which size: for the name of a file.
    """

    read: Callable[[], Iterable[np.ndarray]]
    count: int
    key: str


def of_dataset(dataset: Dataset, config: DataConfig, role: str, split: str) -> Reals:
    """The pictures of a domain, whole, without mirroring, as `test_images` fits them.

    Args:
        split: "train" or "test".
    """
    source = getattr(dataset, split)[role]
    fit = "crop" if config.fit == "side" else config.fit

    def read() -> Iterator[np.ndarray]:
        for i in range(source.size):
            image = source.get(i)
            if image is not None:
                yield pictures.fit(image, config.size, fit)

    identity = f"{source.size} {fit} {source.identity or source.name}"
    mark = hashlib.sha256(os.fsencode(identity)).hexdigest()[:16]
    return Reals(read, source.size, f"{split}{role}-{config.size}px-{mark}")


def batches(reals: Reals, count: int | None, title: str) -> Iterator[np.ndarray]:
    """The first `count` pictures (None: all), stacked, with a bar."""
    total = count or reals.count
    return progress(in_batches(islice(reals.read(), count)), title, total)


def moments(reals: Reals, extractor: Extractor, count: int | None, cache: Path | None) -> Moments:
    """Of the features of the first `count` pictures, from the cache if they are there.

    Raises:
        InputError: fewer pictures can be read.
    """
    path = _path(reals, extractor, count, cache, "npz")
    found = _stored_moments(path)
    if found is None:
        found = Moments()
        for batch in batches(reals, count, "real"):
            found.add(extractor.run(batch)["features"])
        if path:
            temporary = path.with_suffix(".tmp")
            with temporary.open("wb") as file:
                np.savez(file, count=found.count, mean=found.mean, scatter=found.scatter)
            os.replace(temporary, path)
    _check(found.count, count)
    return found


def features(
    reals: Reals, extractor: Extractor, count: int | None, cache: Path | None
) -> np.ndarray:
    """The features of the first `count` pictures, float32 `[N, D]`, read from a file.

    Raises:
        InputError: fewer pictures can be read.
    """
    path = _path(reals, extractor, count, cache, "float32")
    if path and path.exists():
        found = np.memmap(path, np.float32, "r").reshape(-1, extractor.length)
    else:
        temporary = path and path.with_suffix(".tmp")
        rows = Rows(temporary)
        for batch in batches(reals, count, "real"):
            rows.add(extractor.run(batch)["features"])
        found = rows.array()
        if path:
            os.replace(temporary, path)
    _check(len(found), count)
    return found


def _path(reals, extractor, count, cache, suffix):
    if cache is None:
        return None
    folder = Path(cache).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{extractor.name}-{reals.key}-{count or 'all'}.{suffix}"


def _stored_moments(path):
    """None where there are none, or the file is damaged."""
    if path is None or not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file) as stored:
            return Moments(int(stored["count"]), stored["mean"], stored["scatter"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _check(found, count):
    if count and found < count:
        raise InputError(f"only {found:,} of {count:,} real images can be read.")
