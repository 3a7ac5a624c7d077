"""What training and evaluation see of a data set: images by index, by role.

A `Source` gives image `i` of `size`; a `Dataset` holds the sources of its splits, by role: "A" and
"B" for two domains (unpaired, or paired when item `i` of both belongs together), "image" for one,
"content" and "style" for style transfer.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.errors import InputError


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
        state: gives what changes when the images do though they are called the same, such as the
            sizes and dates of files; None where they cannot.
        label: index -> number of the image's class; None where there are no classes.
        classes: their names, by number.
    """

    name: str
    size: int
    read: Callable[[int], np.ndarray]
    left_out: dict[int, str] = field(default_factory=dict)
    report: Callable[[str], None] = print
    identity: str = ""
    state: Callable[[], str] | None = None
    label: Callable[[int], int] | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self):
        self._lock, self._good = threading.Lock(), set()

    def load(self, index: int, partners: Sequence["Source"] = ()) -> np.ndarray:
        """Image `index`, uint8 `[H, W, 3]`, or the first good one after it: `find`."""
        return self.find(index, partners)[1]

    def find(self, index: int, partners: Sequence["Source"] = ()) -> tuple[int, np.ndarray]:
        """Image `index`, uint8 `[H, W, 3]`, or the first good one after it, behind its own index.

        Args:
            partners: sources of the same size; only images that are good in them, too, count, so
                that each of them comes to the same image.

        Raises:
            InputError: none of the images can be read.
        """
        for i in (index, *((index + k) % self.size for k in range(1, self.size))):
            image = self.get(i, partners)
            if image is not None:
                return i, image
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
        kept: where the pipeline keeps what it has loaded, for the next stage of training.
    """

    name: str
    train: Mapping[str, Source]
    test: Mapping[str, Source]
    truth: bool = False
    paired: bool = False
    kept: dict = field(default_factory=dict, repr=False, compare=False)

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

    @property
    def labelled(self) -> Source:
        """The training images with their classes; `check_labels` says what it raises."""
        self.check_labels()
        return self.train["image"]

    def check_labels(self) -> None:
        """Refuses a data set without classes.

        Raises:
            InputError: there are no classes, or several domains.
        """
        source = self.train.get("image")
        if source is None or source.label is None:
            found = f"has the domains {', '.join(self.train)}" if source is None else "has none"
            raise InputError(
                f"--dataset={self.name}: data.labels needs images of one domain in classes; this "
                f"{found}. Give a folder with a folder of pictures for each class, a TensorFlow "
                "Datasets name with the feature 'label' such as cifar10, or 'faces'."
            )

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
