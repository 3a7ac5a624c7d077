"""Reads the classes of pictures that the tool of StyleGAN2-ADA and StyleGAN3 writes beside them.

Its file `dataset.json` has under "labels" null, or a pair for each picture: its name, and the
number of its class or a vector.

Source of the format: NVlabs/stylegan2-ada-pytorch @ d72cc7d, dataset_tool.py, training/dataset.py.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from core.errors import InputError
from core.names import reason, short

LABELS = "dataset.json"
MAX_CLASSES = 2**16


class Labels(NamedTuple):
    """The classes of the pictures in a folder.

    Attributes:
        numbers: the class of each picture, by its name from the folder, with slashes.
        classes: the names of the classes; none if the pictures have no classes.
        inner: the folder in that folder where the names given to `of` begin, with a slash.
    """

    numbers: Mapping[str, int]
    classes: tuple[str, ...]
    inner: str = ""

    def below(self, name: str) -> "Labels":
        """Returns the classes of the pictures in a folder of this one."""
        return self._replace(inner=f"{self.inner}{name}/")

    def of(self, names: Sequence[PurePath]) -> tuple[list[int], tuple[str, ...]]:
        """Returns the class of each of some pictures, nothing without classes; and the classes."""
        if not self.classes:
            return [], ()
        return [self.numbers[self.inner + name.as_posix()] for name in names], self.classes


def read(
    name: str, data: bytes, pictures: Sequence[PurePath], report: Callable[[str], None]
) -> Labels | None:
    """Returns what a `dataset.json` says about the pictures beside it.

    It returns None, and reports it, if the file is of something else: JSON without "labels".

    Args:
        name: the name given to `--dataset`.
        data: the bytes of the file.
        pictures: the names of all pictures, from the folder that the file is in.
        report: called with a line about labels that are no classes, or of missing pictures.

    Raises:
        InputError: it is not as the tool writes it, a picture has no label, or there is a number
            that is no class.
    """
    try:
        found = json.loads(data)
        if not isinstance(found, dict) or "labels" not in found:
            report(f'--dataset={name}: {LABELS} has no "labels" and is left aside.')
            return None
        if found["labels"] is None:
            return Labels({}, ())
        labels = {key.replace("\\", "/"): label for key, label in found["labels"]}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"--dataset={name}: {LABELS} is not as StyleGAN's dataset_tool writes it "
            f"({reason(error)}). Expected "
            '{"labels": [["00000/img00000000.png", 0], …]}, or null in place of the list.'
        ) from error
    names = {picture.as_posix() for picture in pictures}
    if without := sorted(names - labels.keys()):
        raise InputError(
            f"--dataset={name}: {LABELS} has no label of {len(without)} pictures, such as "
            f"'{short(without[0])}'. Take them out, or make the data set again with dataset_tool."
        )
    if missing := sorted(labels.keys() - names):
        report(
            f"--dataset={name}: {LABELS} names pictures that are not here: {len(missing)}, such as "
            f"'{short(missing[0])}'."
        )
    return _classes(name, labels, report)


def _classes(name, labels, report):
    numbers = {key: _number(label) for key, label in labels.items()}
    if None in numbers.values():
        report(f"--dataset={name}: {LABELS}: its labels are no classes and are left aside.")
        return Labels({}, ())
    lengths = {len(label) if isinstance(label, list) else 0 for label in labels.values()}
    least, most = min(numbers.values(), default=0), max(numbers.values(), default=-1)
    if len(lengths) > 1 or least < 0 or most >= MAX_CLASSES:
        raise InputError(
            f"--dataset={name}: {LABELS} has the classes {least} to {most}"
            + (f", in vectors of {len(lengths)} lengths" if len(lengths) > 1 else "")
            + f". Expected numbers from 0 to {MAX_CLASSES - 1}, or one-hot vectors of one length."
        )
    count = max(*lengths, most + 1) if lengths else 0
    return Labels(numbers, tuple(map(str, range(count))))


def _number(label):
    """Returns the number of a class from a label, a number or a vector; None if it is not one."""
    if type(label) is int:
        return label
    if isinstance(label, list) and sorted(label, key=str) == [0] * (len(label) - 1) + [1]:
        return label.index(1)
    return None
