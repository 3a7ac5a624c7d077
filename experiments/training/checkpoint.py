"""Checkpoints: everything training depends on, written so that a crash cannot damage them."""

import json
import re
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.files import write_whole
from core.phases import Algorithm


def folder(run_dir: Path) -> Path:
    """Where the checkpoints of a run are."""
    return Path(run_dir) / "checkpoints"


def newest_first(run_dir: Path) -> list[Path]:
    """The checkpoints of a run, the newest first, without `best`."""
    return sorted(folder(run_dir).glob("[0-9]*.npz"), reverse=True)


def best(run_dir: Path) -> Path:
    """Where the checkpoint with the best score is, in a run that keeps it."""
    return folder(run_dir) / "best.npz"


def chosen(run_dir: Path, which: str) -> list[Path]:
    """The checkpoints to try, the first one first.

    Args:
        which: "last", "best" or a number of images.

    Raises:
        InputError: there is no such checkpoint; lists what there is.
    """
    found = newest_first(run_dir)
    if which == "last":
        return found
    number = f"{int(which):012d}" if which.isdecimal() else which
    path = folder(run_dir) / f"{number}.npz"
    if not path.exists() or path not in (*found, best(run_dir)):
        there = [str(int(p.stem)) for p in found] + ["best"] * best(run_dir).exists()
        raise InputError(
            f"--checkpoint={which}: {run_dir} has none of this name. Expected 'last' or one of "
            f"{', '.join(there) or '(none)'}; --set best=… keeps the best one in training."
        )
    return [path]


def save(
    run_dir: Path, algorithm: Algorithm, progress: dict, *, keep: int, as_best: bool = False
) -> Path:
    """Writes `checkpoints/<images>.npz` whole or not at all, then removes all but `keep`.

    Args:
        progress: what `restore` gives back, JSON; has at least "images".
        as_best: writes `best.npz` in its place, and removes nothing.

    Raises:
        FloatingPointError: a variable holds a value that is not finite; nothing is written.
        OSError: it could not be written (disk full); older checkpoints are untouched.
    """
    arrays = {name: np.asarray(_value(v)) for name, v in _names(algorithm).items()}
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


def _value(variable):
    import keras

    return keras.ops.convert_to_numpy(variable.value)


def _names(algorithm):
    """`{"G_A/003 kernel": variable, …}`: by group, order and short name.

    Without the numbers that Keras gives to layers (`conv2d_7`): they count all layers of a process,
    so that a second model in it would get others.
    """
    return {
        f"{group}/{i:03d} {re.sub(r'_[0-9]+(?=_|$)', '', variable.name)}": variable
        for group, variables in algorithm.groups().items()
        for i, variable in enumerate(variables)
    }


def restore(
    run_dir: Path, algorithm: Algorithm, report=print, *, tidy: bool = False, which: str = "last"
) -> dict | None:
    """Loads the newest checkpoint that can be read; returns its progress, or None without any.

    Args:
        which: "last", the newest; "best" or a number of images: that one alone.
        report: takes a line about a damaged checkpoint.
        tidy: remove what an interrupted save left and set damaged checkpoints aside; only for the
            process that holds the run's lock.

    Raises:
        InputError: there are checkpoints, but all are damaged, or one is of another architecture;
            there is none of this name.
    """
    if tidy:
        for leftover in folder(run_dir).glob("*.tmp*"):
            leftover.unlink()
    paths, damaged = chosen(run_dir, which), []
    for path in paths:
        try:
            arrays, progress = read(path)
        except FileNotFoundError:  # a training process has just replaced it: look again
            return restore(run_dir, algorithm, report, which=which)
        except Exception as error:  # damaged zip files make numpy and zipfile raise about anything
            if which != "last":
                raise InputError(f"--checkpoint={which}: {path} is damaged ({error}). Give another "
                                 "one, or leave it out.") from error  # fmt: skip
            report(f"checkpoint {path} is damaged ({type(error).__name__}: {error}); "
                   "using the one before")  # fmt: skip
            damaged.append(path)
            continue
        if tidy:
            for bad in damaged:  # they must not count among those that are kept
                bad.rename(bad.with_suffix(".damaged"))
        _assign(algorithm, arrays, path)
        if progress.get("stage") is not None:  # an imported network is in none
            algorithm.current_stage = algorithm.stages[progress["stage"]]
        return progress
    if paths:
        raise InputError(
            f"all {len(paths)} checkpoints in {folder(run_dir)} are damaged. Restore one from a "
            "backup, or move the run directory away to start again."
        )
    return None


def read(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """All arrays of a checkpoint, and the progress that is stored beside them.

    Raises:
        FileNotFoundError: it is not there.
        Exception: about anything, of a damaged file.
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
