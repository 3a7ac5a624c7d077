"""Where images come from: embedded sets, folders, TensorFlow Datasets.

A `Source` gives image `i` of `size`; a `Dataset` holds the sources of its splits, by role: "A" and
"B" for two domains (unpaired, or paired when item `i` of both belongs together), "image" for one,
"content" and "style" for style transfer. `--dataset` names one: "seasons", "seasons_paired" or
"photos" (embedded), "folder:PATH", a TensorFlow Datasets name, or two of one domain with a comma.
"""

import difflib
import hashlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.errors import InputError
from experiments.data import photos, pictures, seasons

TRAIN_SCENES, TEST_SCENES = 2000, 100  # per domain of the embedded set
EMBEDDED = {
    "seasons": "summer and winter landscapes, unpaired, with the true pairs as test set",
    "seasons_paired": "the same with pairs as training set, too",
    "photos": "photographs as content and textures as style, the ones that scikit-image brings",
}
CYCLE_GAN = (  # the known configurations of the TensorFlow Datasets set "cycle_gan"
    *("apple2orange", "summer2winter_yosemite", "horse2zebra", "monet2photo", "cezanne2photo"),
    *("ukiyoe2photo", "vangogh2photo", "maps", "cityscapes", "facades", "iphone2dslr_flower"),
)


@dataclass
class Source:
    """Images by index.

    Attributes:
        name: for messages.
        size: how many there are.
        read: index -> uint8 `[H, W, 3]`; may raise InputError for a damaged file.
        left_out: messages of the images that could not be read, by index. In training, their place
            is taken by the next good one, so that a damaged file neither stops nor shifts a run.
        report: takes a line about an image that is left out.
        identity: what the images are, such as all file names; the name, where none is given.
    """

    name: str
    size: int
    read: Callable[[int], np.ndarray]
    left_out: dict[int, str] = field(default_factory=dict)
    report: Callable[[str], None] = print
    identity: str = ""

    def __post_init__(self):
        self._lock, self._good = threading.Lock(), set()

    def load(self, index: int, partners: Sequence["Source"] = ()) -> np.ndarray:
        """Image `index`, uint8 `[H, W, 3]`, or the first good one after it.

        Args:
            partners: sources of the same size; only images that are good in them, too, count, so
                that each of them comes to the same image.

        Raises:
            InputError: none of the images can be read.
        """
        for i in (index, *((index + k) % self.size for k in range(1, self.size))):
            image = self.get(i, partners)
            if image is not None:
                return image
        example = next(text for s in (self, *partners) for text in s.left_out.values())
        raise InputError(
            f"{self.name}: none of its {self.size} images can be read. For example: {example}"
        )

    def get(self, index: int, partners: Sequence["Source"] = ()) -> np.ndarray | None:
        """Image `index`, uint8 `[H, W, 3]`; None if it, or that of a partner, is damaged."""
        if index in self.left_out:
            return None
        try:
            image = self.read(index)
        except InputError as error:
            self._leave_out(index, str(error))
            return None
        self._good.add(index)
        return image if all(partner._readable(index) for partner in partners) else None

    def _readable(self, index):
        """Whether image `index` can be read, which is tried once."""
        return index in self._good or self.get(index) is not None

    def _leave_out(self, index, message):
        with self._lock:
            if index not in self.left_out:
                self.left_out[index] = message
                self.report(f"left out ({len(self.left_out)} of {self.size}): {message}")


@dataclass(frozen=True)
class Dataset:
    """The sources of a training and a test split, by role.

    Attributes:
        name: as given to `--dataset`.
        train, test: role -> Source.
        truth: item `i` of the test roles "A" and "B" are the same scene in both domains.
        paired: item `i` of all training roles belong together; they are drawn, cropped and flipped
            alike, and sources have one size.
    """

    name: str
    train: Mapping[str, Source]
    test: Mapping[str, Source]
    truth: bool = False
    paired: bool = False

    def __post_init__(self):
        sizes = {role: source.size for role, source in self.train.items()}
        if self.paired and len(set(sizes.values())) > 1:
            raise InputError(
                f"--dataset={self.name}: paired roles need as many images each, got {sizes}. "
                "Leave out the images without a partner."
            )

    @property
    def epoch(self) -> int:
        """Images in an epoch: those of the larger domain (official unaligned_dataset.py:71)."""
        return max(source.size for source in self.train.values())

    def fingerprint(self) -> dict[str, str]:
        """Training role -> "count:hash" of what its images are called, not of their pixels.

        A run that goes on finds out by it that images were added, removed or renamed.
        """
        names = {r: os.fsencode(s.identity or s.name) for r, s in self.train.items()}
        hashes = {role: hashlib.sha256(name).hexdigest()[:16] for role, name in names.items()}
        return {role: f"{self.train[role].size}:{hashes[role]}" for role in hashes}

    def left_out(self) -> list[str]:
        """Messages of all images that could not be read so far."""
        sources = {id(s): s for s in (*self.train.values(), *self.test.values())}  # may be shared
        return [message for s in sources.values() for message in s.left_out.values()]


def open_dataset(
    name: str,
    *,
    size: int,
    roles: Sequence[str] = (),
    paired_test: bool = False,
    download: bool = True,
    report: Callable[[str], None] = print,
) -> Dataset:
    """Opens what `--dataset` names.

    Args:
        name: "seasons", "seasons_paired", "photos", "folder:PATH", a TensorFlow Datasets name, or
            several of one domain each, separated by commas.
        size: height and width at which an embedded set is drawn.
        roles: of the domains of a name with commas, in its order.
        paired_test: of a folder of two domains: the files in testA and testB have the same names
            and belong together, so that translation has an exact error.
        download: fetch a TensorFlow Datasets set that is not there yet.
        report: takes a line about an image that is left out, or a test set that is missing.

    Raises:
        InputError: unknown name, missing or empty folder, or a set that cannot be downloaded.
    """
    if "," in name and not os.path.isdir(os.path.expanduser(name.removeprefix("folder:"))):
        options = {"size": size, "download": download, "report": report}
        return _join(name, roles, [open_dataset(part, **options) for part in name.split(",")])
    if name == "photos":
        return _photos(size)
    if name in EMBEDDED:
        return _seasons(name, size)
    if name.startswith("folder:"):
        return _folder(name, paired_test, report)
    if "/" not in name and difflib.get_close_matches(name, EMBEDDED, 1):
        raise InputError(f"--dataset={name}: unknown. {suggestion(name)}")
    from experiments.data.tfds import open_tfds  # slow to import, needed by few

    return open_tfds(name, download, report)


def suggestion(name: str) -> str:
    """What an unknown `--dataset` may have meant, else what is expected."""
    found = [f"folder:{name}"] if name and os.path.isdir(os.path.expanduser(name)) else []
    found += difflib.get_close_matches(name, EMBEDDED, 1)
    near = difflib.get_close_matches(name.split("/")[-1], CYCLE_GAN, 1)
    found += [f"cycle_gan/{config}" for config in near]
    if found:
        return f"Did you mean {' or '.join(map(repr, found))}?"
    return (
        f"Expected {', '.join(map(repr, EMBEDDED))}, 'folder:PATH' or a TensorFlow Datasets name "
        "such as 'cycle_gan/horse2zebra'."
    )


def _seasons(name, size):
    """Training domains of different scenes, or of the same; test domains of the same ones."""
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


def _photos(size):
    """The pictures of `experiments.data.photos`."""
    sources = {
        role: Source(f"photos {role}", len(names), lambda i, n=names: photos.read(n[i]),
                     identity=" ".join(names))
        for role, names in (("content", photos.CONTENT), ("style", photos.STYLE))
    }  # fmt: skip
    return Dataset("photos", sources, sources)


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


def _folder(name, paired_test, report):
    """`trainA trainB testA testB`, or any nested folder of pictures as one domain."""
    root = Path(name.removeprefix("folder:")).expanduser()
    if not root.is_dir():
        raise InputError(f"--dataset={name}: no folder '{root}' ({root.absolute()}). Give an "
                         "existing folder.")  # fmt: skip
    if (root / "trainA").is_dir() or (root / "trainB").is_dir():
        return _two_domains(name, root, paired_test, report)
    source = _pictures(root, report)
    return Dataset(name, {"image": source}, {"image": source})


def _two_domains(name, root, paired_test, report):
    train = {role: _pictures(root / f"train{role}", report) for role in "AB"}
    if paired_test:
        _check_pairs(root)
    there = [role for role in "AB" if (root / f"test{role}").is_dir()]
    test = train | {role: _pictures(root / f"test{role}", report) for role in there}
    missing = [role for role in "AB" if role not in there]
    if missing:
        report(
            f"--dataset={name}: no {' and '.join(f'test{r}' for r in missing)}: scores are of the "
            f"training images in {' and '.join(f'train{r}' for r in missing)} and say nothing "
            "about new pictures. Put pictures there that are not trained on."
        )
    return Dataset(name, train, test, truth=paired_test)


def _check_pairs(root):
    """Refuses test folders whose files do not have the same names."""
    a, b = ([p.relative_to(f).with_suffix("") for p in pictures.find(f)]
            for f in (root / "testA", root / "testB"))  # fmt: skip
    if a != b:
        odd = sorted(set(a) ^ set(b))
        raise InputError(
            f"data.paired_test: '{root}/testA' and '{root}/testB' need files of the same names; "
            f"{len(odd)} have no partner, such as '{odd[0] if odd else a[0]}'."
        )


def _pictures(folder, report):
    """A source of all pictures below `folder`, refused if there is none that can be read."""
    if not folder.is_dir():
        raise InputError(f"'{folder}' is missing. Two domains need the folders trainA and trainB "
                         "(testA and testB if there is a test set).")  # fmt: skip
    files = pictures.find(folder)
    if not files:
        raise InputError(f"'{folder}' holds no pictures ({', '.join(sorted(pictures.EXTENSIONS))})"
                         ". Put some in, or give another folder.")  # fmt: skip
    names = "\0".join(path.relative_to(folder).as_posix() for path in files)
    source = Source(
        str(folder), len(files), lambda i: pictures.read(files[i]), report=report, identity=names
    )
    source.load(0)  # refuses a folder in which every file is damaged, now and not in mid-training
    return source


def check_domains(dataset: Dataset, roles: tuple[str, ...]) -> None:
    """Refuses a data set that lacks a domain which the model needs.

    Raises:
        InputError: names the roles that are there and the ones that are needed.
    """
    if set(roles) - set(dataset.train):
        advice = "A folder of two domains holds trainA, trainB and, for evaluation, testA, testB."
        if "style" in roles:
            advice = "Give two folders of pictures: --dataset=folder:CONTENT,folder:STYLE."
        raise InputError(
            f"--dataset={dataset.name}: has the domain(s) {', '.join(dataset.train)}, this model "
            f"needs {', '.join(roles)}. {advice}"
        )
