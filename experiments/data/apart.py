"""Keeps results that are written inside a data set from becoming its pictures."""

import os
from pathlib import Path

from core.errors import InputError
from experiments.data import files, junk, layout, pictures


def keep_apart(output: str, dataset: str) -> None:
    """Marks a folder of results where it lies inside a data set.

    Args:
        output: the value of `--output`: a folder, or a file.
        dataset: the data set's name, as given to `--dataset`.

    Raises:
        InputError: a picture is to be written among those of the data set.
    """
    path = Path(output).expanduser()
    for root in _folders(dataset):
        inner = root if path.resolve() == root.resolve() else files.inside(path, root)
        if inner is None or _is_apart(root, inner):
            continue
        is_file = bool(path.suffix) and not path.is_dir()
        among = path.is_dir() and pictures.find(path)
        if among or (is_file and path.suffix.lower() in pictures.EXTENSIONS):
            raise InputError(
                f"--output={output}: lies in the data set folder:{root} that this run was trained "
                "on, and would become a part of it. Give another folder, or a new one."
            )
        if not is_file:
            files.check_folder(output)
            files.mark_results(path)


def _folders(dataset):
    """Returns the folders that a data set's name gives."""
    parts = [dataset] if Path(dataset.partition(":")[2]).exists() else dataset.split(",")
    named = [part.removeprefix("folder:") for part in parts if part.startswith("folder:")]
    return [root for name in named if (root := Path(name).expanduser()).is_dir()]


def _is_apart(root, inner):
    """Returns whether pictures in the folder `inner` of a data set are none of its pictures."""
    below = inner.relative_to(root).parts
    for end in range(1, len(below) + 1):
        folder = root.joinpath(*below[:end])
        names = os.listdir(folder) if folder.is_dir() else []
        if junk.is_junk(folder.name) or junk.is_own(names, names):
            return True
    parts = [layout.part(path.name) for path in root.iterdir() if path.is_dir()]
    if any(part and part.startswith("train") for part in parts):
        return not below or layout.part(below[0]) is None
    return False
