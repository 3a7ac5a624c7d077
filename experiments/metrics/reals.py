"""The real pictures that generated ones are compared with, and their features, computed once."""

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.files import open_regular, write_whole
from core.paths import user_path
from core.picture_size import as_text
from core.stored import open_npz
from experiments.data import pictures
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset, Source
from experiments.metrics.checks import blocks
from experiments.metrics.features import BATCH, Extractor, Rows, in_batches, progress, writing
from experiments.metrics.statistics import Moments


@dataclass(frozen=True)
class Reals:
    """The pictures of a split of a data set.

    Attributes:
        read: a function that yields them from the first one on, uint8 RGB `[H, W, 3]`.
        count: how many there are at most (damaged ones are left out when they are read).
        key: text that says which pictures they are and at which size; part of the name of the
            cached file, and of a record.
        state: see `experiments.data.dataset.Source`; part of the name of the cached file only.
        given: the moments of their features, where these alone are known; then `read` yields none.
    """

    read: Callable[[], Iterable[np.ndarray]]
    count: int
    key: str
    state: Callable[[], str] | None = None
    given: Moments | None = None


def of_dataset(dataset: Dataset, config: DataConfig, role: str, split: str) -> Reals:
    """Returns the pictures of a domain, not mirrored, and resized as `test_images` does it.

    They are all pictures of the split, even where training sees a part of them (`data.limit`).

    Args:
        dataset: the data set.
        config: says at which size and how pictures are fitted.
        role: the domain.
        split: "train" or "test".
    """
    return of_source(dataset.reals(role, split), config, f"{split}{role}")


def of_source(source: Source, config: DataConfig, title: str) -> Reals:
    """Returns the pictures of a source, as `of_dataset` does it; `title` is part of their key."""
    fit = "crop" if config.fit == "side" else config.fit

    def read() -> Iterator[np.ndarray]:
        for i in range(source.size):
            image = source.get(i)
            if image is not None:
                yield pictures.to_rgb(pictures.fit(image, config.sides, fit))

    identity = f"{source.size} {fit} {source.identity or source.name}"
    if config.channels != 3:
        identity += f" {config.channels} channels"
    key = f"{title}-{as_text(config.size)}px-{_digest(identity)}"
    return Reals(read, source.size, key, source.state)


def batches(reals: Reals, count: int | None, title: str) -> Iterator[np.ndarray]:
    """Yields the first `count` pictures (None for all) in batches, with a progress bar.

    Args:
        reals: the pictures.
        count: how many.
        title: what they are, in a word.

    Raises:
        InputError: after the last batch, if fewer pictures could be read, or none.
    """
    total, seen = count or reals.count, 0
    for batch in progress(in_batches(islice(reals.read(), count)), title, total):
        seen += len(batch)
        yield batch
    if seen < (count or 1):
        raise InputError(
            f"only {seen:,} of {total:,} {title} images can be read. Restore those that "
            "were left out, or put others in their place."
        )


def moments(
    reals: Reals,
    extractor: Extractor,
    count: int | None,
    cache: Path | None,
    title: str = "real",
) -> Moments:
    """Returns the moments of the features of the first `count` pictures, from the cache if there.

    Where the cache holds the features themselves, the pictures are not looked at again.

    Args:
        reals: the pictures.
        extractor: the network.
        count: how many pictures; None for all.
        cache: the folder that keeps the moments; None keeps none.
        title: what the pictures are, in a word.

    Raises:
        InputError: fewer pictures can be read, or the cache cannot be written.
    """
    if reals.given:
        return reals.given
    path = _path(reals, extractor, count, cache, "npz")
    result = _stored(path, lambda path: _read_moments(path, extractor.length))
    if result is None or not _enough(result.count, count):
        result = Moments()
        for rows in _rows(reals, extractor, count, cache, title):
            result.add(rows)
        numbers = {"count": result.count, "mean": result.mean, "scatter": result.scatter}
        _store(path, lambda file: np.savez(file, **numbers))
    return result


def features(
    reals: Reals,
    extractor: Extractor,
    count: int | None,
    cache: Path | None,
    title: str = "real",
) -> np.ndarray:
    """Returns the features of the first `count` pictures, float32 `[N, D]`, read from a file.

    The arguments and errors are those of `moments`.
    """
    path = _path(reals, extractor, count, cache, "npy")
    values = _kept_features(path, extractor, count)
    if values is None:
        rows = Rows(path and path.parent)
        for batch in batches(reals, count, title):
            rows.add(extractor.run(batch)["features"])
        values = rows.array()
        _store(path, lambda file: np.save(file, values))
    return values


def _rows(reals, extractor, count, cache, title):
    """Yields the features in batches `[N, D]`, from the cache if there."""
    kept = _kept_features(_path(reals, extractor, count, cache, "npy"), extractor, count)
    if kept is not None:
        yield from blocks(kept, BATCH, np.float32)  # the batches that they were made in
        return
    for batch in batches(reals, count, title):
        yield extractor.run(batch)["features"]


def _kept_features(path, extractor, count):
    values = _stored(path, lambda path: _read_features(path, extractor.length))
    return values if values is not None and _enough(len(values), count) else None


def _path(reals, extractor, count, cache, suffix):
    """Returns the cached file, whose name changes with the pictures, and makes its folder.

    Raises InputError where that may not be written to: before the work, not after it.
    """
    if cache is None:
        return None
    folder = user_path(cache)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    state = f"-{_digest(reals.state())}" if reals.state else ""
    return folder / f"{extractor.name}-{reals.key}{state}-{count or 'all'}.{suffix}"


def _digest(text):
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def _stored(path, read):
    """Returns what is stored in a file; None if it is missing, or damaged in any way."""
    if path is None:
        return None
    try:
        return read(path)
    except Exception:  # NumPy raises exceptions of many kinds
        return None


def _read_moments(path, length):
    """Returns the moments of features of this length; raises what a file of others makes it."""
    expected = {"count": ((), "i"), "mean": ((length,), "f"), "scatter": ((length, length), "f")}
    with open_npz(path) as stored:
        for name, kind in expected.items():
            if (stored[name].shape, stored[name].dtype.kind) != kind:
                raise InputError(f"has a {name} of another shape or type")
        count, mean, scatter = (stored[name].read() for name in expected)
    if not (np.isfinite(mean).all() and np.isfinite(scatter).all()):
        raise InputError("has moments that are not finite")
    return Moments(int(count), mean, scatter)


def _read_features(path, length):
    """Returns features of this length, read from the file as needed."""
    open_regular(path).close()
    values = np.load(path, mmap_mode="r")  # no larger than the file
    if values.shape[1:] != (length,) or values.dtype != np.float32:
        raise InputError(f"has features {values.dtype} {values.shape}")
    return values


def _enough(found, count):
    return found == count if count else found > 0


def _store(path, write):
    """Writes a file completely or not at all, even if other processes write it too."""
    if path is None:
        return
    with writing(path.parent):
        write_whole(path, write)
