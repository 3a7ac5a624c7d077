"""Finds the folders of a data set that are its splits and domains, in the usual spellings."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from core.errors import InputError
from core.names import shown

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
}
# "Training", "train2017", "test_images", "train_A", …, without spaces, underscores, dashes and dots
_SPELLING = re.compile(rf"({'|'.join(SPLITS)})(?:set|data|images|[12][0-9]{{3}})?([ab]?)")


class Root(Protocol):
    """The folder of a data set, see `experiments.data.folders.Folder`."""

    def __truediv__(self, name: str, /) -> "Root": ...

    def folders(self) -> list[str]: ...

    def find(self) -> Sequence: ...


class Layout(NamedTuple):
    """What the folders in a folder are.

    Attributes:
        names: the name of the folder for each part that there is: "train", "test", "val", and with
            "A" or "B" appended that of a domain.
        others: the names of the other folders, which may hold anything.
    """

    names: Mapping[str, str]
    others: Sequence[str]

    def test(self, role: str = "") -> str | None:
        """Returns the name of the folder of test pictures, "val" where there is no "test"."""
        return next((self.names[s + role] for s in ("test", "val") if s + role in self.names), None)

    def spelled(self) -> str:
        """Returns which folders are taken for what, where their names do not say it exactly."""
        differ = {part: name for part, name in self.names.items() if part != name}
        return ", ".join(f"'{shown(name)}' for {part}" for part, name in differ.items())


def part(name: str) -> str | None:
    """Returns which part of a data set a folder of this name is: "train", "testB", …, or None."""
    match = _SPELLING.fullmatch(re.sub(r"[\s_.-]", "", name).casefold())
    return match and SPLITS[match[1]] + match[2].upper()


def find(name: str, root: Root, report: Callable[[str], None]) -> Layout:
    """Returns the layout of a data set; says which spellings it accepts.

    Of several spellings of one part, the exact one counts ("train"), and the others are other
    folders.

    Args:
        name: the name given to `--dataset`.
        root: its folder.
        report: called with a line about spellings.

    Raises:
        InputError: several folders with pictures are one part.
    """
    found: dict[str | None, list[str]] = defaultdict(list)
    for folder in sorted(root.folders()):
        found[part(folder)].append(folder)
    others = found.pop(None, [])
    names = {one: _chosen(name, root, one, folders) for one, folders in found.items() if one}
    others += [f for one, folders in found.items() for f in folders if one and f != names[one]]
    layout = Layout(names, others)
    if spelled := layout.spelled():
        report(f"--dataset={name}: takes {spelled}.")
    return layout


def _chosen(name, root, one, folders):
    """Returns the folder that is a part of the data set, of those whose names may say so."""
    if one in folders:
        return one
    usable = [folder for folder in folders if len(folders) == 1 or (root / folder).find()]
    if len(usable) > 1:
        listed = ", ".join(f"'{shown(folder)}'" for folder in usable)
        raise InputError(
            f"--dataset={name}: has {listed}, and each may be {one}. Call the right one {one}, or "
            "put the others elsewhere."
        )
    return (usable or folders)[0]
