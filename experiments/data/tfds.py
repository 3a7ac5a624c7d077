"""TensorFlow Datasets as sources.

Encoded images are held in memory (horse2zebra: 0.1 GB), which makes every one reachable by its
index: order, resuming and threads then work as for a folder.
"""

from collections.abc import Callable

from core.errors import InputError, NotDownloadedError
from experiments.data import pictures
from experiments.data.sources import Dataset, Source, suggestion

MAX_BYTES = 8 * 2**30


def open_tfds(name: str, download: bool, report: Callable[[str], None] = print) -> Dataset:
    """Opens a TensorFlow Datasets name, downloading it if it is not there yet and `download`.

    Splits trainA, trainB, testA, testB (the cycle_gan sets) become two domains, other sets one
    domain of their "train" and "test" (or "train") images.

    Raises:
        InputError: unknown name, no "image" feature, none of these splits, too large to hold, or it
            cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    builder = _builder(tfds, name)
    if "image" not in (builder.info.features or {"image": None}):
        found = ", ".join(builder.info.features)
        raise InputError(f"--dataset={name}: has no feature 'image' but {found}. Choose another.")
    if download:
        _download(builder, name, report)
    elif not builder.is_prepared():
        raise NotDownloadedError(f"--dataset={name}: not downloaded yet; training does that.")
    train, test = _splits(name, builder.info.splits)
    wanted = {*train.values(), *test.values()}
    sources = {split: _source(tfds, builder, split, report) for split in sorted(wanted)}
    return Dataset(name, *({r: sources[s] for r, s in roles.items()} for roles in (train, test)))


def _splits(name, splits):
    """Role -> split, for training and for testing."""
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
    except Exception as error:  # every kind of network failure has a type of its own
        raise InputError(
            f"--dataset={name}: is not in {builder.data_dir} and could not be downloaded "
            f"({type(error).__name__}: {_first_line(error)}). Check the network and run again, or "
            "copy the prepared data set there from another machine, or train without a download "
            "on --dataset=seasons or on --dataset=folder:PATH."
        ) from error


def _first_line(error):
    return (str(error).strip().splitlines() or ["no message"])[0][:300]


def _source(tfds, builder, split, report):
    encoded, total = [], 0
    decoders = {"image": tfds.decode.SkipDecoding()}
    dataset = builder.as_dataset(split=split, decoders=decoders, shuffle_files=False)
    for example in dataset:
        encoded.append(example["image"].numpy())
        total += len(encoded[-1])
        if total > MAX_BYTES:
            raise InputError(
                f"--dataset={builder.info.full_name}: split '{split}' takes more than "
                f"{MAX_BYTES >> 30} GiB of memory. Export it to a folder and use folder:PATH."
            )
    if not encoded:
        raise InputError(f"--dataset={builder.info.full_name}: split '{split}' is empty.")
    return Source(
        split,
        len(encoded),
        lambda i: pictures.decode(encoded[i], f"{split}[{i}]"),
        report=report,
        identity=f"{builder.info.full_name} {split}",
    )
