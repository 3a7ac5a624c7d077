"""Opens folders of pictures, on disk or in zip archives: one domain, two domains, or pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol

import numpy as np

from core.errors import InputError
from core.files import read_regular
from core.names import shown
from core.paths import user_path
from experiments.data import junk, layout, pairing, pictures, tool_labels
from experiments.data.archives import open_archive
from experiments.data.dataset import Dataset, Source
from experiments.data.ranges import FindRanges, SetRanges, Values, given
from experiments.data.tool_labels import Labels


class Folder(Protocol):
    """A folder of pictures, wherever it is; its text is its path.

    Names of pictures are relative to the folder.
    """

    def __truediv__(self, name: str) -> "Folder":
        """Returns a folder in this one, which may not exist."""

    def is_dir(self) -> bool:
        """Returns whether it exists."""

    def folders(self) -> list[str]:
        """Returns the names of the folders in this one, without those that are no data."""

    def find(self) -> list[PurePath]:
        """Returns the names of all pictures below it, see `experiments.data.pictures.find`."""

    def passed_over(self) -> str:
        """Returns a sentence on what looks like a picture below it and is none of `find`."""

    def read(self, name: PurePath, channels: int, find_ranges: FindRanges) -> np.ndarray:
        """Returns a picture, see `experiments.data.pictures.read`."""

    def values(self, name: PurePath) -> Values | None:
        """Returns what a picture holds, see `experiments.data.pictures.deep_values`."""

    def shape(self, name: PurePath) -> tuple[int, int]:
        """Returns height and width of a picture, see `experiments.data.pictures.shape`."""

    def raw(self, name: PurePath) -> bytes:
        """Returns the bytes of a file; none for one that cannot be read."""

    def state(self, names: Sequence[PurePath]) -> str:
        """Returns text which changes when the pictures do, see `Source`."""

    def labels(self, names: Sequence[PurePath]) -> tuple[list[int], tuple[str, ...]] | None:
        """Returns the class of each picture and the names of the classes, none without classes.

        It is None where the folders that the pictures lie in say it.
        """


@dataclass(frozen=True)
class DiskFolder:
    """A folder on disk; see `Folder`."""

    path: Path
    classes: Labels | None = None

    def __str__(self):
        return str(self.path)

    def __truediv__(self, name: str) -> "DiskFolder":
        return DiskFolder(self.path / name, self.classes and self.classes.below(name))

    def is_dir(self) -> bool:
        return self.path.is_dir()

    def folders(self) -> list[str]:
        return [p.name for p in self.path.iterdir() if p.is_dir() and not junk.is_junk(p.name)]

    def find(self) -> list[PurePath]:
        return [path.relative_to(self.path) for path in pictures.find(self.path)]

    def passed_over(self) -> str:
        return pictures.passed_over(self.path)

    def read(self, name: PurePath, channels: int, find_ranges: FindRanges) -> np.ndarray:
        return pictures.read(self.path / name, channels, find_ranges)

    def values(self, name: PurePath) -> Values | None:
        return pictures.deep_values(self.path / name)

    def shape(self, name: PurePath) -> tuple[int, int]:
        return pictures.shape(self.path / name)

    def raw(self, name: PurePath) -> bytes:
        path = self.path / name
        try:
            return path.read_bytes() if path.is_file() else b""
        except OSError:  # reported when it is read as a picture
            return b""

    def labels(self, names: Sequence[PurePath]) -> tuple[list[int], tuple[str, ...]] | None:
        return self.classes and self.classes.of(names)

    def state(self, names: Sequence[PurePath]) -> str:
        """Returns text with the folder, and the size and the times of each file.

        The times say when its content was written and when anything changed, such as its
        permissions.
        """
        lines = [str(self.path.resolve())]
        for name in names:
            try:
                stat = (self.path / name).stat()
                lines.append(f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}")
            except OSError:  # a broken link, which is reported when it is read
                lines.append("")
        return "\0".join(lines)


class _Reading(NamedTuple):
    """How the pictures of a data set are read, and who is told what is left out."""

    channels: int
    report: Callable[[str], None]
    find_ranges: SetRanges

    def picture(self, folder, name):
        """Returns a picture of a folder."""
        return folder.read(name, self.channels, self.find_ranges)

    def range_identity(self, folder, names):
        """Returns text on an unusual range, if it is given or the first picture needs one."""
        try:
            needs = bool(self.find_ranges.known) or folder.values(names[0]) is not None
        except InputError:  # it is reported when it is read
            return ""
        return self.find_ranges.identity() if needs else ""


def open_folder(
    name: str,
    *,
    two: bool,
    paired: bool,
    paired_test: bool,
    report: Callable[[str], None],
    channels: int = 3,
    limits: Sequence[float] = (),
    labels: bool = False,
) -> Dataset:
    """Opens "folder:PATH", or "zip:PATH", an archive of a folder. What it holds decides how.

    - `trainA`, `trainB` (and `testA`, `testB`): two domains.
    - `train` (and `test`): for a model of two domains, each picture is a pair, A and B side by
      side. For other models, it is one domain with a test set. `val` can replace `test`. Pictures
      in further folders are left aside, and that is said.
    - Anything else: all pictures in it are one domain, for training and testing. If each lies in
      one of several subfolders, these are the classes; where there is a `dataset.json` it says
      them, see `experiments.data.tool_labels`.

    These names may be spelled otherwise, see `experiments.data.layout`.

    Args:
        name: the name given to `--dataset`.
        two: whether the model takes two domains.
        paired: whether files of the same name in trainA and trainB belong together, and those in
            testA and testB.
        paired_test: whether files of the same name in testA and testB belong together.
        report: called with a line about an image that is left out or a missing test set.
        channels: of the pictures, see `experiments.data.pictures.read`.
        limits: the values of black and white in grey of more than 8 bits; empty for a guess over
            all pictures, see `experiments.data.ranges`.
        labels: whether classes are wanted. A folder `train` without a test set may then be one of
            them.

    Raises:
        InputError: a folder is missing or empty, a name has no partner, or an archive is damaged.
    """
    root = (open_archive if name.startswith("zip:") else _on_disk)(name, report)
    title, known = f"--dataset={name}", given(limits)
    how = _Reading(channels, report, SetRanges(title, root.find, root.values, report, known))
    if other := root.passed_over():
        report(other)
    found = layout.find(name, root, report)
    if {"trainA", "trainB"} & found.names.keys():
        return _two_domains(name, root, found, paired, paired_test, how)
    train, test = _splits(name, root, found, labels and not two, report)
    if two and train != root:
        return _side_by_side(name, train, test, how)
    source = _pictures(train, how)
    other = source if test == train else _pictures(test, how)
    return Dataset(name, {"image": source}, {"image": other})


def _splits(name, root, found, classes, report):
    """Returns the folders of training and test pictures; says what is left aside or unexpected.

    Args:
        name: the name given to `--dataset`.
        root: its folder.
        found: its `layout.Layout`.
        classes: whether `train` may be a class beside others.
        report: called with a line.
    """
    test = found.test()
    if "train" not in found.names:
        if test:
            report(
                f"--dataset={name}: has '{shown(test)}' but no folder 'train': all its pictures "
                "are trained on, those for testing too. Put the others into 'train'."
            )
        return root, root
    train = root / found.names["train"]
    others = [folder for folder in found.others if (root / folder).find()]
    if others:
        listed = ", ".join(f"'{shown(folder)}'" for folder in others[:3])
        listed += ", …" if len(others) > 3 else ""
        if classes and not test:
            report(
                f"--dataset={name}: 'train' stands beside {listed}: with data.labels, each is a "
                "class, and all are trained on."
            )
            return root, root
        report(
            f"--dataset={name}: beside 'train' is {listed}, which is neither 'test' nor 'val': its "
            "pictures are left aside. (Classes go into 'train', a folder each.)"
        )
    return train, root / test if test else train


def _on_disk(name, report):
    path = user_path(name.removeprefix("folder:"))
    if not path.is_dir():
        advice = "An archive is zip:PATH." if path.is_file() else "Give an existing folder."
        raise InputError(f"--dataset={name}: no folder '{path}' ({path.absolute()}). {advice}")
    folder, file = DiskFolder(path), path / tool_labels.LABELS
    if not file.is_file():
        return folder
    try:
        data = read_regular(file)
    except OSError as error:
        raise InputError(f"--dataset={name}: cannot read {file}: {error}.") from error
    return DiskFolder(path, tool_labels.read(name, data, folder.find(), report))


def _two_domains(name, root, found, paired, paired_test, how):
    trains = {role: root / found.names.get(f"train{role}", f"train{role}") for role in "AB"}
    tests = {role: root / (found.test(role) or f"test{role}") for role in "AB"}
    there = [role for role in "AB" if tests[role].is_dir()]
    if paired:
        train = _pairs(trains, how)
        test = _pairs(tests, how) if there else train
    else:
        train = {role: _pictures(trains[role], how) for role in "AB"}
        names = _partners(tests, "paired_test") if paired_test else {}
        test = train | {role: _pictures(tests[role], how, names.get(role)) for role in there}
    missing = [role for role in "AB" if role not in there]
    if missing:
        absent, instead = (" and ".join(kind + r for r in missing) for kind in ("test", "train"))
        _say_no_test(name, absent, instead, how)
    return Dataset(name, train, test, truth=paired or paired_test, paired=paired)


def _say_no_test(name, missing, instead, how):
    how.report(
        f"--dataset={name}: no {missing}: scores are of the training images in {instead} and say "
        "nothing about new pictures. Put pictures there that are not trained on."
    )


def _partners(folders, key):
    """Returns the names of the pictures in the folders of two domains, by role, pair by pair.

    Raises:
        InputError: a picture has no partner of the same name, or several.
    """
    found = pairing.by_name(*(folders[role].find() for role in "AB"))
    if not found.complete:
        raise InputError(
            f"data.{key}: '{folders['A']}' and '{folders['B']}' need files of the same names; "
            f"{found.problems()}."
        )
    return {"A": list(found.partners), "B": list(found.partners.values())}


def _pairs(folders, how):
    """Returns the sources of two domains that are pairs; both pictures of a pair have one size."""
    a, b = folders["A"], folders["B"]
    for folder in (a, b):
        _find(folder)  # refuses a folder that is missing or empty
    names, partners = _partners(folders, "paired").values()

    def read(i):
        picture, other = how.picture(b, partners[i]), a.shape(names[i])
        if picture.shape[:2] != other:
            (height, width), shape = other, picture.shape
            raise InputError(
                f"'{a / str(names[i])}' has {width}x{height} pixels, its partner "
                f"'{b / str(partners[i])}' {shape[1]}x{shape[0]}: the pictures of a pair need one "
                "size. Resize one of them."
            )
        return picture

    source = _source(a, names, how)
    partner = _source(b, partners, how, read)
    source.load(0, [partner])  # refuses a folder without a good pair
    return {"A": source, "B": partner}


def _side_by_side(name, train, test, how):
    """Returns a data set of pairs: A is the left half of each picture, B the right half."""
    if test == train:
        _say_no_test(name, "test or val", "train", how)
    sources = [_halves(train, how)]
    sources.append(sources[0] if test == train else _halves(test, how))
    return Dataset(name, sources[0], sources[1], truth=True, paired=True)


def _halves(folder, how):
    names = _find(folder)

    def read(role, i):
        picture = how.picture(folder, names[i])
        height, width = picture.shape[:2]
        if width % 2:
            raise InputError(
                f"'{folder / str(names[i])}' has {width}x{height} pixels: pictures of A and B side "
                "by side have an even width. Crop it; unpaired pictures go into folders trainA and "
                "trainB."
            )
        return picture[:, : width // 2] if role == "A" else picture[:, width // 2 :]

    halves = {r: _source(folder, names, how, lambda i, r=r: read(r, i)) for r in "AB"}
    height, width = halves["A"].load(0).shape[:2]
    if 2 * width <= height:
        how.report(
            f"{folder}: has pictures of {2 * width}x{height} pixels, taken for A and B side by "
            f"side, {width}x{height} each."
        )
    return halves


def _pictures(folder, how, names=None):
    """Returns a source of all pictures below `folder`, or of those named, in their order.

    Raises:
        InputError: none can be read.
    """
    source = _source(folder, names or _find(folder), how)
    source.load(0)  # refuses a folder of damaged files now, not during training
    return source


def _find(folder):
    if not folder.is_dir():
        raise InputError(
            f"'{folder}' is missing. Two domains need the folders trainA and trainB "
            "(testA and testB if there is a test set)."
        )
    names = folder.find()
    if not names:
        raise InputError(
            f"'{folder}' holds no pictures ({', '.join(sorted(pictures.EXTENSIONS))})"
            ". Put some in, or give another one."
        )
    return names


def _source(folder, names, how, read=None):
    """Returns a source of pictures of a folder."""
    labels, classes = folder.labels(names) or _subfolders(names)
    return Source(
        str(folder),
        len(names),
        read or (lambda i: how.picture(folder, names[i])),
        report=how.report,
        identity="\0".join(name.as_posix() for name in names) + how.range_identity(folder, names),
        state=lambda: folder.state(names),
        label=labels.__getitem__ if classes else None,
        classes=classes,
        raw=lambda i: folder.raw(names[i]),
        ranges=how.find_ranges.found,
    )


def _subfolders(names):
    """Returns the class of each picture and the names of the classes: several subfolders.

    There are no classes if a picture lies in none of them.
    """
    classes = sorted({name.parts[0] for name in names})
    if len(classes) < 2 or any(len(name.parts) < 2 for name in names):
        return [], ()
    numbers = {name: i for i, name in enumerate(classes)}
    return [numbers[name.parts[0]] for name in names], tuple(classes)
