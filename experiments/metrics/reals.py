"""The real pictures that generated ones are held against, and their features, taken once."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.files import write_whole
from experiments.data import pictures
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset
from experiments.metrics.features import Extractor, Rows, in_batches, progress, writing
from experiments.metrics.statistics import Moments


@dataclass(frozen=True)
class Reals:
    """Pictures of a split of a data set.

    Attributes:
        read: gives them from the first one on, uint8 `[size, size, 3]`.
        count: how many there are at most (damaged ones are left out when they are read).
        key: which they are, at which size: for the name of a file, and for a record.
        state: see `Source`: for the name of a file, too, but not for a record.
    """

    read: Callable[[], Iterable[np.ndarray]]
    count: int
    key: str
    state: Callable[[], str] | None = None


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
    key = f"{split}{role}-{config.size}px-{_digest(identity)}"
    return Reals(read, source.size, key, source.state)


def batches(reals: Reals, count: int | None, title: str) -> Iterator[np.ndarray]:
    """The first `count` pictures (None: all), stacked, with a bar.

    Raises:
        InputError: at the end: fewer pictures can be read, or none.
    """
    total, found = count or reals.count, 0
    for batch in progress(in_batches(islice(reals.read(), count)), title, total):
        found += len(batch)
        yield batch
    if found < (count or 1):
        raise InputError(f"only {found:,} of {total:,} real images can be read. Restore those that "
                         "were left out, or put others in their place.")  # fmt: skip


def moments(reals: Reals, extractor: Extractor, count: int | None, cache: Path | None) -> Moments:
    """Of the features of the first `count` pictures, from the cache if they are there.

    Raises:
        InputError: fewer pictures can be read, or the cache cannot be written.
    """
    path = _path(reals, extractor, count, cache, "npz")
    found = _stored(path, _read_moments)
    if found is None or not _enough(found.count, count):
        found = Moments()
        for batch in batches(reals, count, "real"):
            found.add(extractor.run(batch)["features"])
        numbers = {"count": found.count, "mean": found.mean, "scatter": found.scatter}
        _store(path, lambda file: np.savez(file, **numbers))
    return found


def features(
    reals: Reals, extractor: Extractor, count: int | None, cache: Path | None
) -> np.ndarray:
    """The features of the first `count` pictures, float32 `[N, D]`, read from a file.

    Raises:
        InputError: as `moments`.
    """
    path = _path(reals, extractor, count, cache, "npy")
    found = _stored(path, lambda path: np.load(path, mmap_mode="r"))
    if found is None or found.shape[1:] != (extractor.length,) or not _enough(len(found), count):
        rows = Rows(path and path.parent)
        for batch in batches(reals, count, "real"):
            rows.add(extractor.run(batch)["features"])
        found = rows.array()
        _store(path, lambda file: np.save(file, found))
    return found


def _path(reals, extractor, count, cache, suffix):
    """In the cache's folder, which is made. The name changes with the pictures."""
    if cache is None:
        return None
    folder = Path(cache).expanduser()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    state = f"-{_digest(reals.state())}" if reals.state else ""
    return folder / f"{extractor.name}-{reals.key}{state}-{count or 'all'}.{suffix}"


def _digest(text):
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def _stored(path, read):
    """None where there is nothing, or a damaged file: of another length, or not NumPy's."""
    if path is None:
        return None
    try:
        return read(path)
    except Exception:  # NumPy raises about anything
        return None


def _read_moments(path):
    with path.open("rb") as file, np.load(file) as stored:
        return Moments(int(stored["count"]), stored["mean"], stored["scatter"])


def _enough(found, count):
    return found == count if count else found > 0


def _store(path, write):
    """All of it or nothing, whoever else is at it."""
    if path is None:
        return
    with writing(path.parent):
        write_whole(path, write)
