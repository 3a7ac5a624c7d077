"""Data sets as training and evaluation use them: images by role and index.

A `Source` gives its images by index. A `Dataset` holds the sources of its splits by role: "A" and
"B" for two domains (paired if item `i` of both belongs together, otherwise unpaired), "image" for
one domain, "content" and "style" for style transfer.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.errors import InputError
from experiments.data.ranges import Ranges

SAMPLE = 32  # files of a source that are compared when it moved, at most


@dataclass
class Source:
    """Images by index.

    Attributes:
        name: the name of the source, for messages.
        size: how many images it has.
        read: a function from an index to uint8 `[H, W, C]`; raises InputError for a damaged file.
        left_out: a message for each image that could not be read, by index. In training, the next
            good image takes its place, so that a damaged file neither stops nor shifts a run.
        report: called with a line about an image that is left out.
        identity: text that identifies the images, such as all file names; the default is the name.
        state: a function that returns text which changes when the images change under the same
            names, such as the sizes and dates of files; None if they cannot change.
        label: a function from an index to the number of the image's class; None without classes.
        classes: the names of the classes, by number.
        raw: a function from an index to the bytes of the image's file; None without files.
        ranges: a function that returns the values of black and white of its images, by kind of
            values, as far as they were needed; see `experiments.data.ranges`.
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
    raw: Callable[[int], bytes] | None = None
    ranges: Callable[[], Ranges] = dict

    def __post_init__(self):
        self._lock, self._good = threading.Lock(), np.zeros(self.size, bool)

    def load(self, index: int, partners: Sequence["Source"] = ()) -> np.ndarray:
        """Returns image `index`, uint8 `[H, W, C]`, or the first good one after it; see `find`."""
        return self.find(index, partners)[1]

    def find(self, index: int, partners: Sequence["Source"] = ()) -> tuple[int, np.ndarray]:
        """Returns (index, image) of image `index`, or of the first good one after it.

        The image is uint8 `[H, W, C]`.

        Args:
            index: the index of the image.
            partners: sources of the same size. An image counts as good only if it is good in all of
                them, so that all of them arrive at the same index.

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
        """Returns image `index`, uint8 `[H, W, C]`; None if it or a partner's is damaged."""
        if index in self.left_out:
            return None
        try:
            image = self.read(index)
        except InputError as error:
            self._leave_out(index, str(error))
            return None
        self._good[index] = True
        return image if all(partner._readable(index) for partner in partners) else None

    def part(self, indices: Sequence[int]) -> "Source":
        """Returns a source of some of the images, in the order of their indices here."""
        label, name, raw = self.label, self.name, self.raw
        return Source(
            name,
            len(indices),
            lambda i: self.read(indices[i]),
            report=self.report,
            identity=f"{self.identity or name}\0{','.join(map(str, indices))}",
            state=self.state,
            label=None if label is None else lambda i: label(indices[i]),
            classes=self.classes,
            raw=None if raw is None else lambda i: raw(indices[i]),
            ranges=self.ranges,
        )

    def contents(self) -> str:
        """Returns a digest of the files of some images, evenly spaced; "" without files."""
        if self.raw is None:
            return ""
        digest = hashlib.sha256()
        for i in sorted({k * self.size // SAMPLE for k in range(SAMPLE)}):
            data = self.raw(i)
            digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()[:16]

    def _readable(self, index):
        """Returns whether image `index` can be read; this is tried only once."""
        return self._good[index] or self.get(index) is not None

    def _leave_out(self, index, message):
        with self._lock:
            if index not in self.left_out:
                self.left_out[index] = message
                self.report(f"left out ({len(self.left_out)} of {self.size}): {message}")


@dataclass(frozen=True)
class Dataset:
    """The sources of a training and a test split, by role.

    Attributes:
        name: the name given to `--dataset`.
        train: the training sources by role.
        test: the test sources by role.
        truth: whether item `i` of the test roles "A" and "B" shows the same scene.
        paired: whether item `i` of all training roles belongs together. Then they are drawn,
            cropped and flipped alike, and the sources have one size.
        whole: the training sources before `limited` took a part of them; empty if it did not.
        kept: what the pipeline has loaded, for the next stage of training.
    """

    name: str
    train: Mapping[str, Source]
    test: Mapping[str, Source]
    truth: bool = False
    paired: bool = False
    whole: Mapping[str, Source] = field(default_factory=dict)
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
        """Returns the images in an epoch: the size of the larger domain.

        Source: junyanz/pytorch-CycleGAN-and-pix2pix, data/unaligned_dataset.py:71.
        """
        return max(source.size for source in self.train.values())

    def limited(self, count: int) -> "Dataset":
        """Returns the data set with `count` training images of each domain, to study small sets.

        They are drawn at random, but always the same ones, and a smaller count takes a part of
        those of a larger one. Pairs stay pairs. The test images stay, and metrics still compare
        with all training images (`reals`).

        Args:
            count: how many; 0 for all.

        Raises:
            InputError: a domain has fewer.

        Source: NVlabs/stylegan2-ada-pytorch @ d72cc7d, training/dataset.py, max_size.
        """
        if not count:
            return self
        for role, source in self.train.items():
            if count > source.size:
                raise InputError(
                    f"--set data.limit={count}: --dataset={self.name} has {source.size} training "
                    f"images ({role}). Give {source.size} or fewer, or 0 for all."
                )
        order = {s.size: np.random.RandomState(0).permutation(s.size) for s in self.train.values()}
        parts = {r: s.part(sorted(order[s.size][:count].tolist())) for r, s in self.train.items()}
        return replace(self, train=parts, whole=self.train, kept={})

    def reals(self, role: str, split: str) -> Source:
        """Returns the images of a domain that metrics compare with, all of them.

        Args:
            role: the domain.
            split: "train" or "test".
        """
        return (self.test if split == "test" else self.whole or self.train)[role]

    @property
    def labelled(self) -> Source:
        """Returns the source of training images with classes; raises what `check_labels` raises."""
        self.check_labels()
        return self.train["image"]

    def check_labels(self) -> None:
        """Refuses a data set without classes.

        Raises:
            InputError: there are no classes, or several domains.
        """
        source = self.train.get("image")
        if source is None or source.label is None:
            domains = f"has the domains {', '.join(self.train)}" if source is None else "has none"
            raise InputError(
                f"--dataset={self.name}: data.labels needs images of one domain in classes; this "
                f"{domains}. Give a folder with a folder of pictures for each class, or with the "
                "dataset.json of StyleGAN's dataset_tool; a TensorFlow Datasets name with the "
                "feature 'label' such as cifar10; or 'faces'."
            )

    def fingerprint(self) -> dict[str, str]:
        """Returns "count:hash" for each training role; the hash is of names, not of pixels.

        It tells a run that goes on whether images were added, removed or renamed.
        """
        names = {r: os.fsencode(s.identity or s.name) for r, s in self.train.items()}
        hashes = {role: hashlib.sha256(name).hexdigest()[:16] for role, name in names.items()}
        return {role: f"{self.train[role].size}:{hashes[role]}" for role in hashes}

    def contents(self) -> dict[str, str]:
        """Returns a digest of some files of each training role that has files.

        Beside `fingerprint`, it tells whether a data set in another place is the same one.
        """
        digests = {role: source.contents() for role, source in self.train.items()}
        return {role: digest for role, digest in digests.items() if digest}

    def ranges(self) -> dict[str, Ranges]:
        """Returns the `Source.ranges` of each training role that has some."""
        ranges = {role: source.ranges() for role, source in self.train.items()}
        return {role: dict(found) for role, found in ranges.items() if found}

    def left_out(self) -> list[str]:
        """Returns the messages about all images that could not be read so far."""
        sources = {id(s): s for s in (*self.train.values(), *self.test.values())}  # may be shared
        return [message for s in sources.values() for message in s.left_out.values()]


def check_domains(dataset: Dataset, roles: tuple[str, ...]) -> None:
    """Refuses a data set that lacks a domain which the model needs.

    Raises:
        InputError: it lacks one; the message names the roles that there are and those needed.
    """
    if set(roles) - set(dataset.train):
        advice = "A folder of two domains holds trainA, trainB and, for evaluation, testA, testB."
        if "style" in roles:
            advice = "Give two folders of pictures: --dataset=folder:CONTENT,folder:STYLE."
        raise InputError(
            f"--dataset={dataset.name}: has the domain(s) {', '.join(dataset.train)}, this model "
            f"needs {', '.join(roles)}. {advice}"
        )
