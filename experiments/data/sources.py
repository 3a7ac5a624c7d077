"""Where images come from: embedded sets, folders, TensorFlow Datasets.

`--dataset` names one: "seasons", "seasons_paired", "faces" or "photos" (embedded), "folder:PATH",
a TensorFlow Datasets name, or two of one domain with a comma.
"""

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from core.errors import InputError
from experiments.data.dataset import Dataset, Source, check_domains
from experiments.data.embedded import EMBEDDED, open_embedded
from experiments.data.folders import open_folder

__all__ = ["Dataset", "Source", "check_domains", "open_dataset", "suggestion"]
CYCLE_GAN = (  # the known configurations of the TensorFlow Datasets set "cycle_gan"
    *("apple2orange", "summer2winter_yosemite", "horse2zebra", "monet2photo", "cezanne2photo"),
    *("ukiyoe2photo", "vangogh2photo", "maps", "cityscapes", "facades", "iphone2dslr_flower"),
)


def open_dataset(
    name: str,
    *,
    size: int,
    roles: Sequence[str] = (),
    paired: bool = False,
    paired_test: bool = False,
    labels: bool = False,
    download: bool = True,
    report: Callable[[str], None] = print,
) -> Dataset:
    """Opens what `--dataset` names.

    Args:
        name: "seasons", "seasons_paired", "faces", "photos", "folder:PATH", a TensorFlow Datasets
            name, or several of one domain each, separated by commas.
        size: height and width at which an embedded set is drawn.
        roles: of the model: of the domains of a name with commas, in its order; "A" and "B" take
            the pictures of a folder that has only train and test for pairs, side by side.
        paired: the domains must be pairs; of a folder of two domains: the files in trainA and
            trainB have the same names and belong together, and so in testA and testB.
        paired_test: of a folder of two domains: those in testA and testB do, so that translation
            has an exact error.
        labels: the images must have classes.
        download: fetch a TensorFlow Datasets set that is not there yet.
        report: takes a line about an image that is left out, or a test set that is missing.

    Raises:
        InputError: unknown name, missing or empty folder, a set that cannot be downloaded, or one
            without the pairs or the classes that were asked for.
    """
    dataset = _open(name, size, roles, paired, paired_test, download, report)
    if paired and not dataset.paired:
        raise InputError(
            f"--dataset={name}: data.paired needs pairs of A and B: a folder with trainA and "
            "trainB, whose files have the same names, or with train and test, whose pictures are A "
            "and B side by side; or 'seasons_paired'."
        )
    if labels:
        dataset.labelled  # noqa: B018 refuses
    return _single(dataset, roles[0]) if len(roles) == 1 else dataset


def _single(dataset, role):
    """The domain of that role, or the only one under its name, where there is such."""
    found = role if role in dataset.train else "image"
    if found not in dataset.train:
        return dataset
    train, test = ({role: split[found]} for split in (dataset.train, dataset.test))
    return replace(dataset, train=train, test=test)


def _open(name, size, roles, paired, paired_test, download, report):
    if "," in name and not os.path.isdir(os.path.expanduser(name.removeprefix("folder:"))):
        options = {"size": size, "download": download, "report": report}
        return _join(name, roles, [open_dataset(part, **options) for part in name.split(",")])
    if name in EMBEDDED:
        return open_embedded(name, size)
    if name.startswith("folder:"):
        two = paired or "A" in roles
        return open_folder(name, two=two, paired=paired, paired_test=paired_test, report=report)
    if "/" not in name and _nearest(name) in EMBEDDED:
        raise InputError(f"--dataset={name}: unknown. {suggestion(name)}")
    from experiments.data.tfds import open_tfds  # slow to import, needed by few

    return open_tfds(name, download, report)


def suggestion(name: str) -> str:
    """What an unknown `--dataset` may have meant, else what is expected."""
    found = [f"folder:{name}"] if name and os.path.isdir(os.path.expanduser(name)) else []
    near = _nearest(name.split("/")[-1])
    found += [f"cycle_gan/{near}" if near in CYCLE_GAN else near] if near else []
    if found:
        return f"Did you mean {' or '.join(map(repr, found))}?"
    return (
        f"Expected {', '.join(map(repr, EMBEDDED))}, 'folder:PATH' or a TensorFlow Datasets name "
        "such as 'cycle_gan/horse2zebra'."
    )


def _nearest(name):
    """The embedded set or the configuration of cycle_gan that is called most alike, or None."""
    return next(iter(difflib.get_close_matches(name, (*EMBEDDED, *CYCLE_GAN), 1)), None)


def _join(name, roles, parts):
    """Data sets of one domain each as the roles of one."""
    if len(parts) != len(roles):
        raise InputError(
            f"--dataset={name}: names {len(parts)} data sets, this model takes "
            f"{f'{len(roles)} ({chr(44).join(roles)})' if roles else 'one'}."
        )
    for part in parts:
        if set(part.train) != {"image"}:
            raise InputError(
                f"--dataset={name}: '{part.name}' has the domains {', '.join(part.train)}; each "
                "part of a list must have one, such as a folder of pictures."
            )
    train = {role: part.train["image"] for role, part in zip(roles, parts, strict=True)}
    test = {role: part.test["image"] for role, part in zip(roles, parts, strict=True)}
    return Dataset(name, train, test)
