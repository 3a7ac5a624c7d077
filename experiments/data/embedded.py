"""Opens the data sets that need no download, and suggests a name for a wrong one."""

import os
from dataclasses import replace

from core.errors import InputError
from core.names import closest
from experiments.data import faces, photos, pictures, seasons
from experiments.data.dataset import Dataset, Source

TRAIN_SCENES, TEST_SCENES = 2_000, 100  # scenes of each domain
TRAIN_FACES, TEST_FACES = 10_000, 1_000
EMBEDDED = {
    "seasons": "summer and winter landscapes, unpaired, with the true pairs as test set",
    "seasons_paired": "the same with pairs as training set, too",
    "faces": "portraits with known factors, in the classes of their hair's colour",
    "photos": "photographs as content and textures as style, the ones that scikit-image brings",
}
CYCLE_GAN = (  # the known configurations of the TensorFlow Datasets set "cycle_gan"
    *("apple2orange", "summer2winter_yosemite", "horse2zebra", "monet2photo", "cezanne2photo"),
    *("ukiyoe2photo", "vangogh2photo", "maps", "cityscapes", "facades", "iphone2dslr_flower"),
)


def open_embedded(name: str, size: int, channels: int = 3) -> Dataset:
    """Opens one of `EMBEDDED`.

    Args:
        name: the name of the data set.
        size: height and width at which it is drawn, pixels; photos keep their own size.
        channels: of its pictures, a key of `experiments.data.pictures.CHANNELS`.

    Raises:
        InputError: it cannot be drawn at this size.
    """
    dataset = _open(name, size)
    train, test = (
        {role: _in_channels(source, channels) for role, source in split.items()}
        for split in (dataset.train, dataset.test)
    )
    return replace(dataset, train=train, test=test)


def _in_channels(source, channels):
    if channels == 3:
        return source
    return replace(source, read=lambda i: pictures.in_channels(source.read(i), channels))


def _open(name, size):
    if name == "photos":
        return _photos()
    sizes = (faces if name == "faces" else seasons).SIZES
    if size not in sizes:
        raise InputError(
            f"--dataset={name}: data.load_size={size}: it is drawn at {sizes[0]} to "
            f"{sizes[-1]} pixels. Change data.size and data.load_size."
        )
    return _faces(size) if name == "faces" else _seasons(name, size)


def _seasons(name, size):
    """Returns `seasons` or `seasons_paired`.

    The training domains of `seasons` show different scenes. All other domains are pairs.
    """
    paired = name == "seasons_paired"

    def source(split, domain, count, stride, offset):
        return Source(
            f"{name} {split}{'AB'[domain]}",
            count,
            lambda i: seasons.draw(i * stride + offset, split=split, size=size)[domain],
            identity=f"{name} {split}{'AB'[domain]} {count}",
        )

    scenes = [(1, 0), (1, 0)] if paired else [(2, 0), (2, 1)]
    train = {r: source("train", d, TRAIN_SCENES, *scenes[d]) for d, r in enumerate("AB")}
    test = {r: source("test", d, TEST_SCENES, 1, 0) for d, r in enumerate("AB")}
    return Dataset(name, train, test, truth=True, paired=paired)


def _faces(size):
    def source(split, count):
        return Source(
            f"faces {split}",
            count,
            lambda i: faces.draw(faces.factors(i, split=split), size),
            identity=f"faces {split} {count}",
            label=lambda i: faces.label(faces.factors(i, split=split)),
            classes=faces.HAIR,
        )

    train, test = source("train", TRAIN_FACES), source("test", TEST_FACES)
    return Dataset("faces", {"image": train}, {"image": test})


def _photos():
    """Returns the data set of the pictures of `experiments.data.photos`."""

    def source(role, names):
        read, identity = (lambda i: photos.read(names[i])), " ".join(names)
        return Source(f"photos {role}", len(names), read, identity=identity)

    both = (("content", photos.CONTENT), ("style", photos.STYLE))
    sources = {role: source(role, names) for role, names in both}
    return Dataset("photos", sources, sources)


def suggestion(name: str) -> str:
    """Returns a sentence: what an unknown `--dataset` may have meant, or what is expected."""
    meant = []
    if name and os.path.isdir(os.path.expanduser(name)):
        meant.append(f"folder:{name}")
    if name.endswith(".zip") and os.path.isfile(os.path.expanduser(name)):
        meant.append(f"zip:{name}")
    near = nearest_set(name.split("/")[-1])
    if near:
        meant.append(f"cycle_gan/{near}" if near in CYCLE_GAN else near)
    if meant:
        return f"Did you mean {' or '.join(map(repr, meant))}?"
    return (
        f"Expected {', '.join(map(repr, EMBEDDED))}, 'folder:PATH', 'zip:PATH' or a TensorFlow "
        "Datasets name such as 'cycle_gan/horse2zebra'."
    )


def nearest_set(name: str) -> str | None:
    """Returns the embedded set or cycle_gan configuration with the most similar name, or None."""
    return closest(name, (*EMBEDDED, *CYCLE_GAN), cutoff=0.6)
