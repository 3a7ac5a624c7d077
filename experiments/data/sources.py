"""Opens the data set that `--dataset` names.

The name is "seasons", "seasons_paired", "faces" or "photos" (embedded), "folder:PATH", "zip:PATH",
a TensorFlow Datasets name, or two names of one domain each, separated by a comma.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from core.errors import InputError
from experiments.data.dataset import Dataset, Source, check_domains
from experiments.data.embedded import EMBEDDED, nearest_set, open_embedded, suggestion
from experiments.data.folders import open_folder
from experiments.data.tfds import open_tfds

__all__ = ["Dataset", "Source", "check_domains", "open_dataset"]


def open_dataset(
    name: str,
    *,
    size: int,
    roles: Sequence[str] = (),
    paired: bool = False,
    paired_test: bool = False,
    labels: bool = False,
    channels: int = 3,
    limits: Sequence[float] = (),
    download: bool = True,
    report: Callable[[str], None] = print,
) -> Dataset:
    """Opens what `--dataset` names.

    Args:
        name: "seasons", "seasons_paired", "faces", "photos", "folder:PATH", "zip:PATH", a
            TensorFlow Datasets name, or several of one domain each, separated by commas.
        size: height and width at which an embedded set is drawn, pixels; it becomes a rectangle, as
            any picture does, by `fit` of the pipeline.
        roles: the roles of the model. The domains of a name with commas get them in this order. If
            they are "A" and "B", each picture of a folder with only train and test is a pair, A and
            B side by side.
        paired: whether the domains must be pairs. In a folder of two domains, files of the same
            name in trainA and trainB, and in testA and testB, are then pairs.
        paired_test: whether files of the same name in testA and testB of a folder are pairs, so
            that a translation has an exact error.
        labels: whether the images must have classes.
        channels: of the pictures, see `experiments.data.pictures.read`.
        limits: the values of black and white in grey of more than 8 bits; empty for a guess.
        download: whether to download a TensorFlow Datasets set that is not there yet.
        report: called with a line about an image that is left out or a missing test set.

    Raises:
        InputError: the name is unknown, a folder is missing or empty, a set cannot be downloaded,
            or it has no pairs or no classes although they are needed.
    """
    dataset = _open(
        name, size, roles, paired, paired_test, labels, channels, limits, download, report
    )
    if paired and not dataset.paired:
        raise InputError(
            f"--dataset={name}: data.paired needs pairs of A and B: a folder with trainA and "
            "trainB, whose files have the same names, or with train and test, whose pictures are A "
            "and B side by side; or 'seasons_paired'."
        )
    if labels:
        dataset.check_labels()
    return _single(dataset, roles[0]) if len(roles) == 1 else dataset


def _single(dataset, role):
    """Returns the data set with only the domain of the role, or else the domain "image".

    A data set that has neither is returned unchanged.
    """
    domain = role if role in dataset.train else "image"
    if domain not in dataset.train:
        return dataset
    train, test = ({role: split[domain]} for split in (dataset.train, dataset.test))
    return replace(dataset, train=train, test=test)


def _open(name, size, roles, paired, paired_test, labels, channels, limits, download, report):
    kind, _, path = name.partition(":")
    own = kind in ("folder", "zip")
    if "," in name and not os.path.exists(os.path.expanduser(path if own else name)):
        options = {"size": size, "channels": channels, "limits": limits, "download": download}
        options["report"] = report
        parts = [open_dataset(part, **options) for part in name.split(",")]
        return _join(name, roles, parts)
    if name in EMBEDDED:
        return open_embedded(name, size, channels)
    if own:
        return open_folder(
            name,
            two=paired or "A" in roles,
            paired=paired,
            paired_test=paired_test,
            labels=labels,
            channels=channels,
            limits=limits,
            report=report,
        )
    if "/" not in name and nearest_set(name) in EMBEDDED:
        raise InputError(f"--dataset={name}: unknown. {suggestion(name)}")
    return open_tfds(name, download, report, channels, limits)


def _join(name, roles, parts):
    """Returns one data set whose roles are the domains of several data sets."""
    if len(parts) != len(roles):
        wanted = f"{len(roles)} ({','.join(roles)})" if roles else "one"
        raise InputError(
            f"--dataset={name}: names {len(parts)} data sets, this model takes {wanted}."
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
