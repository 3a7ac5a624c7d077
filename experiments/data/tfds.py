"""Opens TensorFlow Datasets as sources of images.

The encoded images are held in memory (horse2zebra: 0.1 GB), so that each can be read by its index.
Order, resuming and threads then work as they do for a folder.
"""

from collections.abc import Callable
from typing import Any

from core.errors import InputError, NotDownloadedError
from experiments.data import pictures
from experiments.data.dataset import Dataset, Source
from experiments.data.embedded import suggestion

MAX_BYTES = 8 * 2**30
PAIR = {"A": "input_image", "B": "real_image"}  # role -> feature of a set of pairs


def open_tfds(
    name: str, download: bool, report: Callable[[str], None] = print, channels: int = 3
) -> Dataset:
    """Opens a data set of TensorFlow Datasets.

    The splits trainA, trainB, testA and testB (of the cycle_gan sets) become two domains. Another
    set becomes pairs if it has the features "input_image", for A, and "real_image", for B.
    Otherwise the feature "image" becomes one domain, and a feature "label" gives its classes. The
    test images are those of "test", or of "train" if there is no such split.

    Args:
        name: the name of the set.
        download: whether to download a set that is not there yet.
        report: called with a line about an image that is left out.
        channels: of its pictures, see `experiments.data.pictures.read`.

    Raises:
        InputError: the name is unknown, the set has none of these features or splits, is too large
            for memory, or cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    builder = _builder(tfds, name)
    features = builder.info.features or {"image": None}
    paired = set(PAIR.values()) <= set(features)
    if not paired and "image" not in features:
        raise InputError(
            f"--dataset={name}: has no feature 'image' but {', '.join(features)}. Choose another."
        )
    if download:
        _download(builder, name, report)
    elif not builder.is_prepared():
        raise NotDownloadedError(f"--dataset={name}: not downloaded yet; training does that.")
    splits = _splits(name, builder.info.splits)
    wanted = {s for roles in splits for s in roles.values()}
    by_split = {s: _sources(tfds, builder, s, paired, report, channels) for s in sorted(wanted)}
    if paired:
        train, test = (by_split[s["image"]] for s in splits)
        return Dataset(name, train, test, truth=True, paired=True)
    train, test = ({r: by_split[s]["image"] for r, s in roles.items()} for roles in splits)
    return Dataset(name, train, test)


def _splits(name, splits):
    """Returns the split of each role, for training and for testing."""
    if "trainA" in splits:
        train, test = ({role: f"{kind}{role}" for role in "AB"} for kind in ("train", "test"))
    else:
        train, test = {"image": "train"}, {"image": "test" if "test" in splits else "train"}
    missing = sorted({*train.values(), *test.values()} - set(splits))
    if missing:
        raise InputError(
            f"--dataset={name}: has the splits {', '.join(splits)}, but not {', '.join(missing)}. "
            "Expected trainA, trainB, testA, testB or train (and test). Choose another set, or "
            "export this one to a folder and use folder:PATH."
        )
    return train, test


def _builder(tfds, name):
    try:
        return tfds.builder(name)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise InputError(
            f"--dataset={name}: unknown. {suggestion(name)} ({_first_line(error)})"
        ) from error


def _download(builder, name, report):
    if not builder.is_prepared():
        report(f"downloading {name} (without a network this gives up after some minutes)")
    try:
        builder.download_and_prepare()
    except Exception as error:  # each kind of network failure has its own type
        raise InputError(
            f"--dataset={name}: is not in {builder.data_dir} and could not be downloaded "
            f"({type(error).__name__}: {_first_line(error)}). Check the network and run again, or "
            "copy the prepared data set there from another machine, or train without a download "
            "on --dataset=seasons or on --dataset=folder:PATH."
        ) from error


def _first_line(error):
    return (str(error).strip().splitlines() or ["no message"])[0][:300]


def _sources(tfds, builder, split, paired, report, channels):
    """Returns the sources of a split by role: "image", or the roles of `PAIR`."""
    roles = PAIR if paired else {"image": "image"}
    classes = () if paired else _classes(tfds, builder.info.features)
    encoded: dict[str, list[bytes]] = {role: [] for role in roles}
    labels: list[int] = []
    total = 0
    decoders = {feature: tfds.decode.SkipDecoding() for feature in roles.values()}
    for example in builder.as_dataset(split=split, decoders=decoders, shuffle_files=False):
        for role, feature in roles.items():
            encoded[role].append(example[feature].numpy())
            total += len(encoded[role][-1])
        if classes:
            labels.append(int(example["label"]))
        if total > MAX_BYTES:
            raise InputError(
                f"--dataset={builder.info.full_name}: split '{split}' takes more than "
                f"{MAX_BYTES >> 30} GiB of memory. Export it to a folder and use folder:PATH."
            )
    if not total:
        raise InputError(f"--dataset={builder.info.full_name}: split '{split}' is empty.")
    names = {role: f"{split} {role}" if paired else split for role in roles}

    def source(name, found):
        return Source(
            name,
            len(found),
            lambda i: pictures.decode(found[i], f"{name}[{i}]", channels),
            report=report,
            identity=f"{builder.info.full_name} {name}",
            label=labels.__getitem__ if classes else None,
            classes=classes,
        )

    return {role: source(names[role], found) for role, found in encoded.items()}


def _classes(tfds, features):
    """Returns the names of the classes of a feature "label"; none without such a feature."""
    label: Any = features["label"] if "label" in (features or ()) else None
    known = isinstance(label, tfds.features.ClassLabel) and label.num_classes
    return tuple(label.names) if known else ()
