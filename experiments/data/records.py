"""Reads single examples of a prepared TensorFlow Datasets set, by number, without loading it.

What stays in memory is at most the place of each record, 8 bytes.
"""

import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Protocol

import numpy as np

from core.errors import InputError

FORMATS = ("tfrecord", "array_record")
HEAD, TAIL = 12, 4  # bytes around a record: its length (8) and a checksum, and another checksum


class Records(Protocol):
    """The serialised examples of a split, by number. Several threads may read."""

    def __len__(self) -> int:
        """Returns how many there are."""

    def __getitem__(self, index: int, /) -> bytes:
        """Returns example `index`."""


def open_records(builder: Any, split: str) -> Records:
    """Returns the examples of a split, in the order of its files.

    Args:
        builder: of TensorFlow Datasets; the set is prepared.
        split: the name of the split.

    Raises:
        InputError: the set is in a format whose examples cannot be read one by one, the package
            `array_record` is needed and missing, or files are.
    """
    if file_format(builder) not in FORMATS:
        raise unreadable(builder)
    files = builder.info.splits[split].file_instructions
    missing = [file.filename for file in files if not os.path.exists(file.filename)]
    if missing:
        raise InputError(
            f"--dataset={builder.info.full_name}: {len(missing)} of the {len(files)} files of "
            f"'{split}' are missing, such as {missing[0]}. Copy them there, or remove its folder "
            "and run again."
        )
    if file_format(builder) == "tfrecord":
        return TfRecords([file.filename for file in files], [file.take for file in files])
    _allow_open_files(len(files))
    try:
        return builder.as_data_source(split).data_source
    except ImportError as error:
        raise unreadable(builder, "pip install array_record (Linux, macOS)") from error


def file_format(builder: Any) -> str:
    """Returns the format that a set is prepared in, or will be."""
    known = builder.info.file_format
    return known.value if known else "tfrecord"


def unreadable(builder: Any, remedy: str = "") -> InputError:
    """Returns the error for a set in a format that cannot be read; `remedy` is another way out."""
    again = "remove that folder and run again, which prepares the set as tfrecord"
    return InputError(
        f"--dataset={builder.info.full_name}: is prepared as {file_format(builder)} in "
        f"{builder.data_dir}, which cannot be read here. To go on, "
        f"{remedy + ', or ' if remedy else ''}{again}."
    )


def _allow_open_files(count):
    """Raises the limit of open files where that is possible: array_record keeps them all open."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(soft + count, hard) if hard != resource.RLIM_INFINITY else soft + count
    if resource.RLIM_INFINITY != soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class TfRecords:
    """The records of TFRecord files, see `Records`.

    A file is looked through for the places of its records at the first read from it. Checksums are
    not compared.

    Source of the format: tensorflow/tensorflow @ v2.17.0, tensorflow/core/lib/io/record_writer.h.
    """

    def __init__(self, paths: Sequence[str], counts: Sequence[int]):
        """Opens nothing yet.

        Args:
            paths: the files.
            counts: how many records each has.
        """
        self.paths, self.counts = list(paths), list(counts)
        self._ends = list(accumulate(self.counts))
        self._places: list[np.ndarray | None] = [None] * len(self.paths)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int, /) -> bytes:
        """Returns record `index`.

        Raises:
            InputError: the file ends before it, or cannot be read.
        """
        file = bisect_right(self._ends, index)
        number = index - self._ends[file] + self.counts[file]
        try:
            return self._read(file, number)
        except (OSError, ValueError) as error:
            raise InputError(
                f"Cannot read record {number} of {self.counts[file]} of {self.paths[file]}: "
                f"{error}. Truncated or damaged? Remove its folder and run again."
            ) from error

    def _read(self, file, number):
        places = self._places[file]
        if places is None:  # threads that come at once do it twice, with the same result
            places = self._places[file] = _places(self.paths[file])
        if number >= len(places) - 1:
            raise ValueError("the file ends before it")
        start, end = places[number] + HEAD, places[number + 1] - TAIL
        with open(self.paths[file], "rb", buffering=0) as opened:
            opened.seek(start)
            return opened.read(end - start)


def _places(path):
    """Returns where each whole record of a TFRecord file begins, and where the last one ends."""
    places = [0]
    with open(path, "rb", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        while places[-1] + HEAD + TAIL <= size:
            file.seek(places[-1])
            end = places[-1] + HEAD + int.from_bytes(file.read(8), "little") + TAIL
            if end > size:
                break
            places.append(end)
    return np.array(places, np.int64)


class Values(Sequence):
    """The values of one feature of all examples, read when they are asked for."""

    def __init__(self, records: Records, feature: str, name: str):
        """Reads nothing yet.

        Args:
            records: the examples.
            feature: a feature that is stored as bytes, or as a whole number.
            name: the name of the split, for messages.
        """
        self.records, self.feature, self.name = records, feature, name

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        """Returns the value of example `index`, bytes or a whole number.

        Raises:
            InputError: the example is damaged.
        """
        import tensorflow as tf

        try:
            example = tf.train.Example.FromString(self.records[index])
            value = example.features.feature[self.feature]
            return (value.bytes_list.value or value.int64_list.value)[0]
        except InputError:
            raise
        except Exception as error:  # protobuf's and array_record's own, or there is no value
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(
                f"Cannot read {self.name}[{index}]: the record is damaged ({reason})."
            ) from error
