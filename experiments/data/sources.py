"""Where images come from: embedded sets, folders, TensorFlow Datasets.

A `Source` gives image `i` of `size`; a `Dataset` holds the sources of its splits, by role: "A" and
"B" for two domains (unpaired, or paired when item `i` of both belongs together), "image" for one.
`--dataset` names one: "seasons" (embedded), "folder:PATH", or a TensorFlow Datasets name.
"""

import difflib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from core.errors import InputError
from experiments.data import pictures, seasons

TRAIN_SCENES, TEST_SCENES = 2000, 100  # per domain of the embedded set
EMBEDDED = {"seasons": "summer and winter landscapes, unpaired, with the true pairs as test set"}


@dataclass
class Source:
    """Images by index.

    Attributes:
        name: for messages.
        size: how many there are.
        read: index -> uint8 `[H, W, 3]`; may raise InputError for a damaged file.
        left_out: messages of the images that could not be read, by index. Their place is taken by
            the next good one, so that a damaged file neither stops nor shifts a run.
    """

    name: str
    size: int
    read: Callable[[int], np.ndarray]
    left_out: dict[int, str] = field(default_factory=dict)
    report: Callable[[str], None] = print

    def __post_init__(self):
        self._lock = threading.Lock()

    def load(self, index: int) -> np.ndarray:
        """Image `index`, or the first good one after it.

        Raises:
            InputError: none of the images can be read.
        """
        for i in (index, *((index + k) % self.size for k in range(1, self.size))):
            if i in self.left_out:
                continue
            try:
                return self.read(i)
            except InputError as error:
                self._leave_out(i, str(error))
        raise InputError(f"{self.name}: none of its {self.size} images can be read. For example: "
                         f"{next(iter(self.left_out.values()))}")  # fmt: skip

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
    """

    name: str
    train: Mapping[str, Source]
    test: Mapping[str, Source]
    truth: bool = False

    @property
    def epoch(self) -> int:
        """Images in an epoch: those of the larger domain (official unaligned_dataset.py:71)."""
        return max(source.size for source in self.train.values())

    def left_out(self) -> list[str]:
        """Messages of all images that could not be read so far."""
        sources = {id(s): s for s in (*self.train.values(), *self.test.values())}  # may be shared
        return [message for s in sources.values() for message in s.left_out.values()]


def open_dataset(
    name: str,
    *,
    size: int,
    paired_test: bool = False,
    download: bool = True,
    report: Callable[[str], None] = print,
) -> Dataset:
    """Opens what `--dataset` names.

    Args:
        name: "seasons", "folder:PATH" or a TensorFlow Datasets name.
        size: height and width at which an embedded set is drawn.
        paired_test: of a folder of two domains: the files in testA and testB have the same names
            and belong together, so that translation has an exact error.
        download: fetch a TensorFlow Datasets set that is not there yet.
        report: takes a line about an image that is left out.

    Raises:
        InputError: unknown name, missing or empty folder, or a set that cannot be downloaded.
    """
    if name in EMBEDDED:
        return _seasons(size)
    if name.startswith("folder:"):
        return _folder(name, paired_test, report)
    if "/" not in name and (near := difflib.get_close_matches(name, EMBEDDED, 1)):
        raise InputError(f"--dataset={name}: unknown. Did you mean '{near[0]}'?")
    from experiments.data.tfds import open_tfds  # slow to import, needed by few

    return open_tfds(name, download, report)


def _seasons(size):
    """Training domains of different scenes; test domains of the same ones."""

    def read(split, domain, stride, offset):
        return lambda i: seasons.draw(i * stride + offset, split=split, size=size)[domain]

    train = {
        role: Source(f"seasons train{role}", TRAIN_SCENES, read("train", domain, 2, domain))
        for domain, role in enumerate("AB")
    }
    test = {
        role: Source(f"seasons test{role}", TEST_SCENES, read("test", domain, 1, 0))
        for domain, role in enumerate("AB")
    }
    return Dataset("seasons", train, test, truth=True)


def _folder(name, paired_test, report):
    """`trainA trainB testA testB`, or any nested folder of pictures as one domain."""
    from pathlib import Path

    root = Path(name.removeprefix("folder:")).expanduser()
    if not root.is_dir():
        raise InputError(f"--dataset={name}: no folder '{root}' ({root.absolute()}). Give an "
                         "existing folder.")  # fmt: skip
    if (root / "trainA").is_dir() or (root / "trainB").is_dir():
        train = {role: _pictures(root / f"train{role}", report) for role in "AB"}
        test = {
            role: _pictures(root / f"test{role}", report)
            if (root / f"test{role}").is_dir()
            else train[role]
            for role in "AB"
        }
        if paired_test:
            _check_pairs(root)
        return Dataset(name, train, test, truth=paired_test)
    source = _pictures(root, report)
    return Dataset(name, {"image": source}, {"image": source})


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
    source = Source(str(folder), len(files), lambda i: pictures.read(files[i]), report=report)
    source.load(0)  # refuses a folder in which every file is damaged, now and not in mid-training
    return source


def check_domains(dataset: Dataset, roles: tuple[str, ...]) -> None:
    """Refuses a data set that lacks a domain which the model needs.

    Raises:
        InputError: names the roles that are there and the ones that are needed.
    """
    if set(roles) - set(dataset.train):
        raise InputError(
            f"--dataset={dataset.name}: has the domain(s) {', '.join(dataset.train)}, this model "
            f"needs {', '.join(roles)}. A folder of two domains holds trainA, trainB and, for "
            "evaluation, testA, testB."
        )
