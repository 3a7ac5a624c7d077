"""Checkpoints: all that training depends on, written so that a crash cannot damage them."""

import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np

from core.errors import InputError
from core.files import parse_json, write_whole
from core.given_numbers import whole_number
from core.names import reason, short
from core.phases import Algorithm
from core.stored import open_npz
from experiments.training.declared import check_progress


def folder(run_dir: Path) -> Path:
    """Returns the folder that holds the checkpoints of a run."""
    return Path(run_dir) / "checkpoints"


def newest_first(run_dir: Path) -> list[Path]:
    """Returns the checkpoints of a run, the newest first, without the best one."""
    found = [p for p in folder(run_dir).glob("*.npz") if re.fullmatch("[0-9]{1,18}", p.stem)]
    return sorted(found, key=lambda path: int(path.stem), reverse=True)


def best(run_dir: Path) -> Path:
    """Returns the path of the checkpoint with the best score, in a run that keeps it."""
    return folder(run_dir) / "best.npz"


def chosen(run_dir: Path, which: str) -> list[Path]:
    """Returns the checkpoints to try, in this order, until one can be read.

    Args:
        run_dir: the directory of the run.
        which: "last" for all, from the newest on; "best" or a number of images for that one alone.

    Raises:
        InputError: there is no such checkpoint; the message lists those that there are.
    """
    numbered = newest_first(run_dir)
    if which == "last":
        return numbered
    number = which if whole_number(which) is None else f"{int(which):012d}"
    path = folder(run_dir) / f"{number}.npz"
    if path not in numbered and not (path == best(run_dir) and os.path.lexists(path)):
        there = [str(int(p.stem)) for p in numbered]
        there += ["best"] if best(run_dir).exists() else []
        raise InputError(
            f"--checkpoint={which}: {run_dir} has none of this name. Expected 'last' or one of "
            f"{', '.join(there) or '(none)'}; --set best=… keeps the best one in training."
        )
    return [path]


def save(
    run_dir: Path,
    algorithm: Algorithm,
    progress: dict[str, Any],
    *,
    keep: int,
    as_best: bool = False,
) -> Path:
    """Writes `checkpoints/<images>.npz` completely or not at all, then removes the oldest.

    Args:
        run_dir: the directory of the run.
        algorithm: the algorithm whose variables are saved.
        progress: what `restore` will return; it must fit into JSON and have "images".
        keep: how many checkpoints are kept.
        as_best: write `best.npz` instead, and remove nothing.

    Returns:
        The path of the file.

    Raises:
        FloatingPointError: a variable holds a value that is not finite; nothing is written.
        OSError: the file could not be written (disk full); older checkpoints are untouched.
    """
    arrays: dict[str, Any] = {
        name: np.asarray(keras.ops.convert_to_numpy(variable.value))
        for name, variable in _names(algorithm).items()
    }
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise FloatingPointError(name)
    path = best(run_dir) if as_best else folder(run_dir) / f"{progress['images']:012d}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays |= {"progress": np.array(json.dumps(progress))}
    write_whole(path, lambda file: np.savez(file, **arrays))
    for old in [] if as_best else newest_first(run_dir)[keep:]:
        old.unlink()
    return path


def _names(algorithm):
    """Returns the variables by group, order and short name: `{"G_A/003 kernel": variable, …}`.

    The numbers that Keras gives to layers (`conv2d_7`) are left out. They count all layers of a
    process, so that a second model in it would get other names.
    """
    return {
        f"{group}/{i:03d} {re.sub(r'_[0-9]+(?=_|$)', '', variable.name)}": variable
        for group, variables in algorithm.groups().items()
        for i, variable in enumerate(variables)
    }


class _Foreign(InputError):
    """A checkpoint of another architecture."""


def restore(
    run_dir: Path,
    algorithm: Algorithm,
    report: Callable[[str], None] = print,
    *,
    tidy: bool = False,
    which: str = "last",
) -> dict[str, Any] | None:
    """Loads the newest checkpoint that can be used into an algorithm: all of it, or nothing.

    Args:
        run_dir: the directory of the run.
        algorithm: the algorithm whose variables are loaded.
        report: called with a line about each newer checkpoint that was passed over.
        tidy: remove what an interrupted save left, and rename checkpoints that were passed over.
            Only the process that holds the run's lock may do so.
        which: "last" for the newest; "best" or a number of images for that one alone.

    Returns:
        The progress that was saved with it, or None if there is no checkpoint yet.

    Raises:
        InputError: all checkpoints are damaged or of another architecture, or there is none of this
            name.
    """
    if tidy:
        _remove_leftovers(run_dir)
    passed: list[tuple[Path, InputError]] = []
    for path in chosen(run_dir, which):
        try:
            values, progress = _usable(path, algorithm)
        except FileNotFoundError:  # a training process has just replaced it: try again
            return restore(run_dir, algorithm, report, tidy=tidy, which=which)
        except InputError as error:
            passed.append((path, error))
            continue
        for unused, why in passed:
            report(f"{why}; using the one before")
            if tidy:  # so that it does not count towards `keep`
                _rename(unused)
        for variable, value in values:
            variable.assign(value)
        if progress.get("stage") is not None:  # an imported network is in no stage
            algorithm.current_stage = algorithm.stages[progress["stage"]]
        return progress
    if passed:
        raise _refusal(run_dir, which, passed)
    return None


def _remove_leftovers(run_dir):
    for leftover in folder(run_dir).glob("*.tmp*"):
        with suppress(OSError):
            leftover.unlink()


def _rename(path):
    with suppress(OSError):
        path.replace(path.with_suffix(".damaged"))


def _refusal(run_dir, which, passed):
    """Returns the error for checkpoints none of which can be used."""
    errors = [error for _, error in passed]
    if which != "last":
        return InputError(f"--checkpoint={which}: {errors[0]}. Give another one, or leave it out.")
    foreign = [error for error in errors if isinstance(error, _Foreign)]
    if foreign:
        return InputError(f"{foreign[0]}. Use the configuration it was made with.")
    return InputError(
        f"all {len(errors)} checkpoints in {folder(run_dir)} are damaged (the newest: "
        f"{errors[0]}). Restore one from a backup, or move the run directory away to start again."
    )


def _usable(path, algorithm):
    """Returns the variables of an algorithm, each with its value in a checkpoint; and the progress.

    Raises:
        FileNotFoundError: the file is not there any more.
        InputError: it cannot be used; without a full stop.
    """
    try:
        return _checked(path, algorithm)
    except (MemoryError, _Foreign):
        raise
    except Exception as error:  # damaged files raise exceptions of many kinds
        if isinstance(error, FileNotFoundError) and not os.path.lexists(path):
            raise
        raise InputError(f"checkpoint {path} is damaged ({reason(error)})") from error


def _checked(path, algorithm):
    variables = _names(algorithm)
    with open_npz(path) as stored:
        _check_fit(path, stored, variables)
        progress = _progress(stored, len(algorithm.stages))
        return [(v, _value(name, stored[name], v)) for name, v in variables.items()], progress


def _check_fit(path, stored, variables):
    """Refuses names and shapes other than those of the variables, before any array is read."""
    wrong = sorted(set(stored) - {"progress"} ^ set(variables))
    wrong += [n for n, v in variables.items() if n in stored and stored[n].shape != tuple(v.shape)]
    if wrong:
        raise _Foreign(
            f"checkpoint {path} is of another architecture: {len(wrong)} of {len(variables)} "
            f"variables do not fit, such as '{short(wrong[0])}'"
        )


def _value(name, stored, variable):
    """Returns an array in the type of its variable, whose numbers it must hold."""
    dtype = np.dtype(variable.dtype)
    if stored.dtype.kind not in ("f" if dtype.kind == "f" else "iub"):
        raise InputError(f"{short(name)} of type {stored.dtype}, expected {dtype}")
    with np.errstate(over="ignore"):  # an overflow gives infinity
        found = stored.read()
        value = found.astype(dtype, copy=False)
    right = np.isfinite(value) if dtype.kind == "f" else value == found
    if not right.all():
        raise InputError(f"NaN, infinity or too large a number in {short(name)}")
    return value


def _progress(stored, stages=sys.maxsize):
    item = stored["progress"]
    if item.dtype.kind != "U" or item.shape:
        raise InputError(f"progress of type {item.dtype}, expected text")
    progress = parse_json(str(item.read()))
    check_progress(progress, stages)
    return progress


def read_progress(path: Path) -> dict[str, Any]:
    """Returns the progress that is stored beside the arrays of a checkpoint.

    Raises:
        FileNotFoundError: the file does not exist.
        Exception: it is damaged, in any way.
    """
    with open_npz(path) as stored:
        return _progress(stored)


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns all arrays of a checkpoint by name, and its progress; raises as `read_progress`."""
    with open_npz(path) as stored:
        arrays = {name: item.read() for name, item in stored.items() if name != "progress"}
        return arrays, _progress(stored)
