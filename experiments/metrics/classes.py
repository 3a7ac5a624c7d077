"""Distances within each class: how good the pictures of each class are, and whether they are of it.

| name | pictures of each class | real | distance |
|---|---|---|---|
| `intra_fid5k` | 5,000 | all of the class for training | `fid5k_full` |
| `intra_fd_hed5k` | 5,000 | the same | `fd_hed5k_full` |

Source: Miyato & Koyama 2018 (https://arxiv.org/abs/1802.05637), "intra FID".
"""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import InputError
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset
from experiments.metrics import protocols
from experiments.metrics.protocols import Generate
from experiments.metrics.reals import Reals, of_source

INTRA = {"intra_fid5k": "fid5k_full", "intra_fd_hed5k": "fd_hed5k_full"}


def reals_by_class(name: str, algorithm: Any, dataset: Dataset, config: DataConfig) -> list[Reals]:
    """Returns the real pictures of each class for a metric of `INTRA`, by number of the class.

    Raises:
        InputError: the model or the data set has no classes.
    """
    if not algorithm.classes:
        raise InputError(
            f"--metrics={name}: this model was trained without classes. Take {INTRA[name]}."
        )
    dataset.check_labels()
    source = dataset.reals("image", protocols.split_of(INTRA[name]) or "train")
    label: Any = source.label
    members: list[list[int]] = [[] for _ in source.classes]
    for i in range(source.size):
        members[label(i)].append(i)
    return [
        of_source(source.part(indices), config, f"class{k}") for k, indices in enumerate(members)
    ]


def check_each_class(
    name: str, size: int, reals: list[Reals], names: tuple[str, ...], folder: str | Path | None
) -> int:
    """Refuses, before the work, what `measure_classes` would refuse.

    Args:
        name: one of `INTRA`.
        size: height and width of the pictures, pixels.
        reals: as of `reals_by_class`.
        names: the names of the classes.
        folder: the folder of published networks.

    Returns:
        How many pictures of each class are made.

    Raises:
        InputError: a class has too few pictures, or the network is not available.
    """
    count = 0
    for own, found in zip(names, reals, strict=True):
        try:
            count = protocols.check(INTRA[name], size, found, folder=folder)
        except InputError as error:
            raise InputError(f"--metrics={name}, class {own}: {error}") from error
    return count


def measure_classes(
    name: str,
    generate: Callable[[int], Generate],
    reals: list[Reals],
    names: tuple[str, ...],
    *,
    folder: str | Path | None = None,
    cache: Path | None = None,
) -> dict[str, float]:
    """Returns the distance within each class, `{"<name>/<class>": value}`, and their mean, `name`.

    Args:
        name: one of `INTRA`.
        generate: from the number of a class to what makes its pictures, see `protocols.compute`.
        reals, names, folder: see `check_each_class`.
        cache: see `protocols.compute`.
    """
    base, values = INTRA[name], {}
    for k, (own, found) in enumerate(zip(names, reals, strict=True)):
        taken = protocols.compute(base, generate(k), found, folder=folder, cache=cache)
        values[f"{name}/{own}"] = taken[base]
    return {name: statistics.fmean(values.values())} | values
