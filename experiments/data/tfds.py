"""Opens TensorFlow Datasets as sources of images.

The encoded images of a small split are held in memory (horse2zebra: 0.1 GB); those of a large one
are read from its files, each by its index. Order, resuming and threads then work as for a folder.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.errors import InputError, NotDownloadedError
from experiments.data import pictures
from experiments.data.dataset import Dataset, Source
from experiments.data.embedded import suggestion
from experiments.data.ranges import given
from experiments.data.records import Values, file_format, open_records, unreadable

# A larger split is read from its files. Another limit would change the order of the images in the
# sets between, and with it how their runs go on.
MAX_BYTES = 8 * 2**30
PAIR = {"A": "input_image", "B": "real_image"}  # role -> feature of a set of pairs


def open_tfds(
    name: str,
    download: bool,
    report: Callable[[str], None] = print,
    channels: int = 3,
    limits: Sequence[float] = (),
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
        limits: the values of black and white in grey of more than 8 bits; empty for all of 16 bits.

    Raises:
        InputError: the name is unknown, the set has none of these features or splits, is prepared
            in a format that cannot be read here, or cannot be downloaded.
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
    how = channels, lambda: given(limits)
    by_split = {s: _sources(tfds, builder, s, paired, report, how) for s in sorted(wanted)}
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
        reason = " ".join(str(error).split())[:500]  # may say where to put files got by hand
        raise InputError(
            f"--dataset={name}: is not in {builder.data_dir} and could not be downloaded "
            f"({type(error).__name__}: {reason}). Check the network and run again, or copy the "
            "prepared data set there from another machine, or train without a download on "
            "--dataset=seasons or on --dataset=folder:PATH."
        ) from error


def _first_line(error):
    return (str(error).strip().splitlines() or ["no message"])[0][:300]


def _sources(tfds, builder, split, paired, report, how):
    """Returns the sources of a split by role: "image", or the roles of `PAIR`."""
    roles = PAIR if paired else {"image": "image"}
    classes = () if paired else _classes(tfds, builder.info.features)
    wanted = [*roles.values(), *(["label"] if classes else [])]
    values = _values(tfds, builder, split, wanted)
    if not len(values[wanted[0]]):
        raise InputError(f"--dataset={builder.info.full_name}: split '{split}' is empty.")

    def source(role, found):
        name = f"{split} {role}" if paired else split
        return Source(
            name,
            len(found),
            lambda i: pictures.decode(found[i], f"{name}[{i}]", *how),
            report=report,
            identity=f"{builder.info.full_name} {name}",
            label=values["label"].__getitem__ if classes else None,
            classes=classes,
        )

    return {role: source(role, values[feature]) for role, feature in roles.items()}


def _values(tfds, builder, split, features) -> Mapping[str, Sequence]:
    """Returns the values of each feature by index, images encoded; in memory if there is room."""
    info = builder.info.splits[split]
    size = info.num_bytes or sum(p.stat().length for p in info.filepaths if p.exists())
    if size > MAX_BYTES or file_format(builder) == "array_record" and info.num_examples:
        records = open_records(builder, split)
        return {feature: Values(records, feature, split) for feature in features}
    decoders = {feature: tfds.decode.SkipDecoding() for feature in features if feature != "label"}
    try:
        examples = builder.as_dataset(split=split, decoders=decoders, shuffle_files=False)
    except (ImportError, NotImplementedError) as error:
        raise unreadable(builder) from error
    values: dict[str, list] = {feature: [] for feature in features}
    for example in examples:
        for feature, found in values.items():
            value = example[feature].numpy()
            found.append(int(value) if feature == "label" else value)
    return values


def _classes(tfds, features):
    """Returns the names of the classes of a feature "label"; none without such a feature."""
    label: Any = features["label"] if "label" in (features or ()) else None
    known = isinstance(label, tfds.features.ClassLabel) and label.num_classes
    return tuple(label.names) if known else ()
