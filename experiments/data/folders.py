"""Opens folders of pictures as data sets: one domain, two domains, or pairs."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.errors import InputError
from experiments.data import pictures
from experiments.data.dataset import Dataset, Source

SPLITS = ("train", "test", "val")


class _Reading(NamedTuple):
    """How the files of a data set are read, and who is told what is left out."""

    read: Callable[[Path], np.ndarray]
    report: Callable[[str], None]


def open_folder(
    name: str,
    *,
    two: bool,
    paired: bool,
    paired_test: bool,
    report: Callable[[str], None],
    channels: int = 3,
) -> Dataset:
    """Opens "folder:PATH". What the folder holds decides how.

    - `trainA`, `trainB` (and `testA`, `testB`): two domains.
    - Only `train`, `test` or `val`: for a model of two domains, each picture is a pair, A and B
      side by side. For other models, it is one domain with a test set. `val` can replace `test`.
    - Anything else: all pictures in it are one domain, for training and testing. If each lies in
      one of several subfolders, these are the classes.

    Args:
        name: the name given to `--dataset`.
        two: whether the model takes two domains.
        paired: whether files of the same name in trainA and trainB belong together, and those in
            testA and testB.
        paired_test: whether files of the same name in testA and testB belong together.
        report: called with a line about an image that is left out or a missing test set.
        channels: of the pictures, see `experiments.data.pictures.read`.

    Raises:
        InputError: a folder is missing or empty, or a name has no partner.
    """
    root = Path(name.removeprefix("folder:")).expanduser()
    if not root.is_dir():
        raise InputError(
            f"--dataset={name}: no folder '{root}' ({root.absolute()}). Give an existing folder."
        )
    how = _Reading(functools.partial(pictures.read, channels=channels), report)
    if (root / "trainA").is_dir() or (root / "trainB").is_dir():
        return _two_domains(name, root, paired, paired_test, how)
    splits = [p.name for p in root.iterdir() if p.is_dir() and p.name[0] != "."]
    train, test = root, root
    if "train" in splits and set(splits) <= set(SPLITS):
        train = root / "train"
        test = next((root / s for s in ("test", "val") if s in splits), train)
        if two:
            return _side_by_side(name, train, test, how)
    source = _pictures(train, how)
    other = source if test == train else _pictures(test, how)
    return Dataset(name, {"image": source}, {"image": other})


def _two_domains(name, root, paired, paired_test, how):
    there = [role for role in "AB" if (root / f"test{role}").is_dir()]
    if paired:
        train = _pairs(root, "train", how)
        test = _pairs(root, "test", how) if there else train
    else:
        train = {role: _pictures(root / f"train{role}", how) for role in "AB"}
        if paired_test:
            _check_names(root, "test", "paired_test")
        test = train | {role: _pictures(root / f"test{role}", how) for role in there}
    missing = [role for role in "AB" if role not in there]
    if missing:
        tests, trains = (" and ".join(kind + r for r in missing) for kind in ("test", "train"))
        _say_no_test(name, tests, trains, how.report)
    return Dataset(name, train, test, truth=paired or paired_test, paired=paired)


def _say_no_test(name, missing, instead, report):
    report(
        f"--dataset={name}: no {missing}: scores are of the training images in {instead} and say "
        "nothing about new pictures. Put pictures there that are not trained on."
    )


def _check_names(root, kind, key):
    """Refuses the folders of two domains if their files do not have the same names."""
    a, b = (
        [p.relative_to(f).with_suffix("") for p in pictures.find(f)]
        for f in (root / f"{kind}A", root / f"{kind}B")
    )
    if a != b:
        odd = sorted(set(a) ^ set(b)) or a
        shown = ", ".join(f"'{path}'" for path in odd[:3]) + (", …" if len(odd) > 3 else "")
        raise InputError(
            f"data.{key}: '{root}/{kind}A' and '{root}/{kind}B' need files of the same names; "
            f"{len(odd)} have no partner, such as {shown}."
        )


def _pairs(root, kind, how):
    """Returns the sources of two domains that are pairs; both pictures of a pair have one size."""
    files = {role: _find(root / f"{kind}{role}") for role in "AB"}
    _check_names(root, kind, "paired")

    def read(i):
        picture, other = how.read(files["B"][i]), pictures.shape(files["A"][i])
        if picture.shape[:2] != other:
            (height, width), shape = other, picture.shape
            raise InputError(
                f"'{files['A'][i]}' has {width}x{height} pixels, its partner '{files['B'][i]}' "
                f"{shape[1]}x{shape[0]}: the pictures of a pair need one size. Resize one of them."
            )
        return picture

    source = _source(root / f"{kind}A", files["A"], how)
    partner = _source(root / f"{kind}B", files["B"], how, read)
    source.load(0, [partner])  # refuses a folder without a good pair
    return {"A": source, "B": partner}


def _side_by_side(name, train, test, how):
    """Returns a data set of pairs: A is the left half of each picture, B the right half."""
    if test == train:
        _say_no_test(name, "test or val", "train", how.report)
    sources = [_halves(train, how)]
    sources.append(sources[0] if test == train else _halves(test, how))
    return Dataset(name, sources[0], sources[1], truth=True, paired=True)


def _halves(folder, how):
    files = _find(folder)

    def read(role, i):
        picture = how.read(files[i])
        height, width = picture.shape[:2]
        if width % 2:
            raise InputError(
                f"'{files[i]}' has {width}x{height} pixels: pictures of A and B side by side have "
                "an even width. Crop it; unpaired pictures go into folders trainA and trainB."
            )
        return picture[:, : width // 2] if role == "A" else picture[:, width // 2 :]

    halves = {r: _source(folder, files, how, lambda i, r=r: read(r, i)) for r in "AB"}
    height, width = halves["A"].load(0).shape[:2]
    if 2 * width <= height:
        how.report(
            f"{folder}: has pictures of {2 * width}x{height} pixels, taken for A and B side by "
            f"side, {width}x{height} each."
        )
    return halves


def _pictures(folder, how):
    """Returns a source of all pictures below `folder`; refuses it if none can be read."""
    source = _source(folder, _find(folder), how)
    source.load(0)  # refuses a folder of damaged files now, not during training
    return source


def _find(folder):
    if not folder.is_dir():
        raise InputError(
            f"'{folder}' is missing. Two domains need the folders trainA and trainB "
            "(testA and testB if there is a test set)."
        )
    files = pictures.find(folder)
    if not files:
        raise InputError(
            f"'{folder}' holds no pictures ({', '.join(sorted(pictures.EXTENSIONS))})"
            ". Put some in, or give another folder."
        )
    return files


def _source(folder, files, how, read=None):
    """Returns a source of files. If each lies in one of several subfolders, these are classes."""
    names = [path.relative_to(folder) for path in files]
    classes = sorted({name.parts[0] for name in names})
    in_classes = len(classes) > 1 and all(len(name.parts) > 1 for name in names)
    return Source(
        str(folder),
        len(files),
        read or (lambda i: how.read(files[i])),
        report=how.report,
        identity="\0".join(name.as_posix() for name in names),
        state=lambda: _state(folder, files),
        label=(lambda i: classes.index(names[i].parts[0])) if in_classes else None,
        classes=tuple(classes) if in_classes else (),
    )


def _state(folder, files):
    """Returns text with the folder, and the size and the times of each file.

    The times say when its content was written and when anything changed, such as its permissions.
    """
    lines = [str(folder.resolve())]
    for path in files:
        try:
            stat = path.stat()
            lines.append(f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}")
        except OSError:  # a broken link, which is reported when it is read
            lines.append("")
    return "\0".join(lines)
