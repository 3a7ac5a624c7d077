"""Means and covariances of features as files that other programs read and write, too.

Such a file is an `.npz` with `mu` `[D]` and `sigma` `[D, D]`, as pytorch-fid keeps them. Ours have
`count`, the number of pictures, `network`, the name of an
`experiments.metrics.features.Extractor`, and `size`, height and width of the pictures, as well,
which other programs pass over.

Source: mseitzer/pytorch-fid, src/pytorch_fid/fid_score.py (covariances divided by N - 1).
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.errors import InputError
from core.files import write_whole
from core.names import shown
from core.paths import user_path
from core.stored import open_npz
from experiments.metrics.statistics import Moments

UNKNOWN = sys.maxsize  # how many pictures there are at most, where the file does not say
ASYMMETRY = 1e-3  # of the largest entry: what float32 and other libraries may leave


class Statistics(NamedTuple):
    """What a file holds.

    Attributes:
        moments: mean and covariance; their `count` is 2 where it is not known.
        pictures: how many they are of; `UNKNOWN` where the file does not say.
        network: the name of the network; empty where the file does not say.
        sides: height and width of the pictures; None where the file does not say.
    """

    moments: Moments
    pictures: int
    network: str
    sides: tuple[int, int] | None = None


def read(path: str | Path, shown_as: str) -> Statistics:
    """Returns what a file of statistics holds.

    Args:
        path: the file.
        shown_as: what to call it in messages, such as "--real=stats.npz".

    Raises:
        InputError: it is missing or damaged, lacks `mu` or `sigma`, or they are not the mean and
            the covariance of anything.
    """
    try:
        return _read(user_path(path))
    except FileNotFoundError as error:
        raise InputError(
            f"{shown_as}: no such file. Give an .npz with mu and sigma, or a set of pictures."
        ) from error
    except (InputError, OSError) as error:
        words = getattr(error, "strerror", None) or error
        raise InputError(
            f"{shown_as}: {words}. Expected an .npz with mu and sigma, as pytorch-fid and "
            "--save_statistics write it."
        ) from error


def _read(path):
    with open_npz(path) as stored:
        missing = [name for name in ("mu", "sigma") if name not in stored]
        if missing:
            there = ", ".join(shown(name) for name in list(stored)[:8]) or "nothing"
            raise InputError(f"lacks {' and '.join(missing)}, it holds {there}")
        mean, sigma = stored["mu"], stored["sigma"]
        square = len(mean.shape) == 1 and mean.shape[0] and sigma.shape == 2 * mean.shape
        if not square or {mean.dtype.kind, sigma.dtype.kind} != {"f"}:
            raise InputError(
                f"has mu {mean.shape} {mean.dtype} and sigma {sigma.shape} {sigma.dtype}, "
                "not [D] and [D, D] of floats"
            )
        mu, covariance = mean.read().astype(np.float64), sigma.read().astype(np.float64)
        count, network, sides = _extra(stored)
    _check_covariance(mu, covariance)
    known = count if count != UNKNOWN else 2
    return Statistics(Moments(known, mu, covariance * (known - 1)), count, network, sides)


def _extra(stored):
    """Returns the count, the network and the size, as far as the file says them."""
    count, network, sides = UNKNOWN, "", None
    if "count" in stored and (stored["count"].shape, stored["count"].dtype.kind) == ((), "i"):
        count = max(int(stored["count"].read()), 2)
    if "network" in stored and (stored["network"].shape, stored["network"].dtype.kind) == ((), "U"):
        network = str(stored["network"].read())
    if "size" in stored and (stored["size"].shape, stored["size"].dtype.kind) == ((2,), "i"):
        height, width = map(int, stored["size"].read())
        sides = (height, width) if min(height, width) >= 1 and max(height, width) < 2**16 else None
    return count, network, sides


def _check_covariance(mu, sigma):
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise InputError("has numbers that are not finite")
    variances, slack = sigma.diagonal(), ASYMMETRY * np.abs(sigma).max()
    if np.abs(sigma - sigma.T).max() > slack or variances.min() < 0:
        raise InputError("has a sigma that is no covariance: it is not symmetric, or negative")
    spread = np.sqrt(variances)
    if (np.abs(sigma) > np.outer(spread, spread) + slack).any():
        raise InputError("has a sigma that is no covariance: entries exceed their variances")


def place(path: str | Path) -> Path:
    """Returns where `write` is to write, checked before the work.

    Raises:
        InputError: it does not end in `.npz`, is a folder, or its folder does not exist.
    """
    shown, file = f"--save_statistics={path}", user_path(path, "--save_statistics", written=True)
    if file.suffix != ".npz":
        raise InputError(f"{shown}: expected a name that ends in .npz.")
    if file.is_dir() or not file.parent.is_dir():
        wrong = "is a folder" if file.is_dir() else f"there is no folder '{file.parent}'"
        raise InputError(f"{shown}: {wrong}. Give a file in a folder that exists.")
    if not os.access(file.parent, os.W_OK):
        raise InputError(f"{shown}: '{file.parent}' may not be written to. Give another place.")
    return file


def write(path: Path, moments: Moments, network: str, sides: tuple[int, int]) -> None:
    """Writes a file of statistics, whole or not at all.

    Args:
        path: where to; a file that is there is replaced.
        moments: of two pictures or more.
        network: the name of the network.
        sides: height and width of the pictures.

    Raises:
        InputError: it cannot be written.
    """
    numbers = {
        "mu": np.asarray(moments.mean, np.float64),
        "sigma": np.asarray(moments.covariance, np.float64),
        "count": np.int64(moments.count),
        "network": np.array(network),
        "size": np.array(sides, np.int64),
    }
    try:
        write_whole(path, lambda file: np.savez(file, **numbers))  # type: ignore[arg-type]
    except OSError as error:
        raise InputError(
            f"--save_statistics={path}: cannot be written ({error.strerror or error}). Give "
            "another place."
        ) from error
