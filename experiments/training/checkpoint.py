"""Checkpoints: all that training depends on, written so that a crash cannot damage them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from core.errors import InputError
from core.files import write_whole
from core.phases import Algorithm


def folder(run_dir: Path) -> Path:
    """Returns the folder that holds the checkpoints of a run."""
    return Path(run_dir) / "checkpoints"


def newest_first(run_dir: Path) -> list[Path]:
    """Returns the checkpoints of a run, the newest first, without the best one."""
    return sorted(folder(run_dir).glob("[0-9]*.npz"), reverse=True)


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
    number = f"{int(which):012d}" if which.isdecimal() else which
    path = folder(run_dir) / f"{number}.npz"
    if not path.exists() or path not in (*numbered, best(run_dir)):
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


def restore(
    run_dir: Path,
    algorithm: Algorithm,
    report: Callable[[str], None] = print,
    *,
    tidy: bool = False,
    which: str = "last",
) -> dict[str, Any] | None:
    """Loads the newest checkpoint that can be read into an algorithm.

    Args:
        run_dir: the directory of the run.
        algorithm: the algorithm whose variables are loaded.
        report: called with a line about a damaged checkpoint.
        tidy: remove what an interrupted save left, and rename damaged checkpoints. Only the process
            that holds the run's lock may do so.
        which: "last" for the newest; "best" or a number of images for that one alone.

    Returns:
        The progress that was saved with it, or None if there is no checkpoint yet.

    Raises:
        InputError: all checkpoints are damaged, one is of another architecture, or there is none
            of this name.
    """
    if tidy:
        for leftover in folder(run_dir).glob("*.tmp*"):
            leftover.unlink()
    paths, damaged = chosen(run_dir, which), []
    for path in paths:
        try:
            arrays, progress = read(path)
        except FileNotFoundError:  # a training process has just replaced it: try again
            return restore(run_dir, algorithm, report, which=which)
        except Exception as error:  # damaged files raise exceptions of many kinds
            if which != "last":
                raise InputError(
                    f"--checkpoint={which}: {path} is damaged ({error}). Give another one, or "
                    "leave it out."
                ) from error
            kind = type(error).__name__
            report(f"checkpoint {path} is damaged ({kind}: {error}); using the one before")
            damaged.append(path)
            continue
        if tidy:
            for bad in damaged:  # renamed, so that they do not count towards `keep`
                bad.rename(bad.with_suffix(".damaged"))
        _assign(algorithm, arrays, path)
        if progress.get("stage") is not None:  # an imported network is in no stage
            algorithm.current_stage = algorithm.stages[progress["stage"]]
        return progress
    if paths:
        raise InputError(
            f"all {len(paths)} checkpoints in {folder(run_dir)} are damaged. Restore one from a "
            "backup, or move the run directory away to start again."
        )
    return None


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns all arrays of a checkpoint by name, and the progress that is stored beside them.

    Raises:
        FileNotFoundError: the file does not exist.
        Exception: it is damaged; NumPy and zipfile raise exceptions of many kinds for that.
    """
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return arrays, json.loads(str(arrays.pop("progress")))


def _assign(algorithm, arrays, path):
    variables = _names(algorithm)
    wrong = sorted(set(arrays) ^ set(variables))
    wrong += [n for n, v in variables.items() if n in arrays and arrays[n].shape != tuple(v.shape)]
    if wrong:
        raise InputError(
            f"checkpoint {path} is of another architecture: {len(wrong)} of {len(variables)} "
            f"variables do not fit, such as '{wrong[0]}'. Use the configuration it was made with."
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])
