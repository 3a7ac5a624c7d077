"""Sets of pictures of any origin, opened by what a person writes, at a size they can be compared.

A set is a folder, a zip archive, any other name that `--dataset` takes, or a file of statistics
(`experiments.metrics.exchange`). As in a run, real pictures get the size of the generated ones.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import InputError
from core.names import nearest
from core.paths import user_path
from experiments.data import pictures
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset, Source
from experiments.data.embedded import EMBEDDED, suggestion
from experiments.data.sources import open_dataset
from experiments.metrics import exchange
from experiments.metrics.reals import Reals, of_source

Say = Callable[[str], None]
Sides = tuple[int, int]
USUAL = 256  # pixels, where the pictures of both sets have many sizes
DRAWN = 64  # pixels, where both sets are drawn
LEAST = 8  # pixels: no network sees anything in less
LOOKED_AT = 100  # pictures without a file of their own, whose sizes are looked at


@dataclass(frozen=True)
class Named:
    """A set as a person named it.

    Attributes:
        flag: the flag, "--real" or "--generated".
        given: its value.
        part: which part of it is wanted, see `parts`; empty for the usual one.
    """

    flag: str
    given: str
    part: str = ""

    def __str__(self) -> str:
        return f"{self.flag}={self.given}"

    @property
    def title(self) -> str:
        """Returns "real" or "generated"."""
        return self.flag.removeprefix("--")

    @property
    def is_statistics(self) -> bool:
        """Returns whether it is a file of statistics, not of pictures."""
        return self.given.lower().endswith(".npz") and not self.is_folder

    @property
    def is_folder(self) -> bool:
        """Returns whether it is a folder, which comes before a data set of the same name."""
        return user_path(self.given, self.flag).is_dir()

    @property
    def is_drawn(self) -> bool:
        """Returns whether it is drawn by this code, at any size."""
        return self.given in EMBEDDED and self.given != "photos" and not self.is_folder

    def source(self, size: int, say: Say) -> Source:
        """Opens the pictures.

        Args:
            size: height and width in pixels of what is drawn; others have their own.
            say: called with a line about what is left out or which part is taken.

        Raises:
            InputError: there is no such set, it has no pictures, or which part of it is wanted is
                not said.
        """
        name = self._dataset_name()
        if self.is_folder and self.given in EMBEDDED:
            say(f"{self.title}: the folder '{self.given}' here, not the data set of that name")

        def reworded(text: str) -> str:
            return text.replace(f"--dataset={name}", str(self))

        try:
            dataset = open_dataset(name, size=size, report=lambda line: say(reworded(line)))
        except InputError as error:
            text = str(error)
            if name == self.given and f"--dataset={name}: unknown." in text:
                text = f"{self}: no such folder, and no data set of this name. {suggestion(name)}"
            raise InputError(reworded(text)) from error
        return self._part(parts(dataset), say)

    def _dataset_name(self):
        """Returns the name that `--dataset` would have."""
        path, given = user_path(self.given, self.flag), self.given
        if self.is_folder:
            return f"folder:{given}"
        if given in EMBEDDED or given.startswith(("folder:", "zip:")):
            return given
        if given.lower().endswith(".zip"):
            return f"zip:{given}"
        if path.exists():
            raise InputError(
                f"{self}: a file, expected a folder or a zip archive of pictures, or statistics "
                "that end in .npz."
            )
        if "," in given:
            raise InputError(f"{self}: expected one set of pictures.")
        is_path = given.startswith((".", "/", "~")) or os.sep + os.sep in given or "\\" in given
        return f"folder:{given}" if is_path else given

    def _part(self, found, say):
        names = ", ".join(found)
        wanted = self.part or ("train" if "train" in found else "")
        if not wanted and len(found) == 1:
            wanted = next(iter(found))
        if not wanted:
            raise InputError(f"{self}: has several parts. Give {self.flag}_part, one of {names}.")
        if wanted not in found:
            raise InputError(
                f"{self.flag}_part={wanted}: no part of {self.given}. {nearest(wanted, found)}"
            )
        if len(found) > 1 and not self.part:
            say(f"{self.title}: the part '{wanted}' of {names}; {self.flag}_part takes another")
        return found[wanted]


def parts(dataset: Dataset) -> Mapping[str, Source]:
    """Returns the sources of a data set by the name of its part.

    They are "train" and "test" in a set of one kind of pictures, else "trainA", "testB", or "A",
    "style" where the same pictures are for training and testing.
    """
    found = {}
    for role, source in dataset.train.items():
        name, test = "" if role == "image" else role, dataset.test[role]
        same = test is source
        found[(name or "train") if same else f"train{name}"] = source
        if not same:
            found[f"test{name}"] = test
    return found


def sizes(source: Source) -> Counter[Sides]:
    """Returns how many pictures of a source have which (height, width), without decoding files.

    Of sources without files, such as TensorFlow Datasets, some pictures are looked at. Damaged ones
    do not count.
    """
    found: Counter[Sides] = Counter()
    if source.raw is None:
        for i in sorted({k * source.size // LOOKED_AT for k in range(LOOKED_AT)}):
            if (picture := source.get(i)) is not None:
                found[picture.shape[0], picture.shape[1]] += 1
        return found
    for i in range(source.size):
        try:
            found[pictures.decode_shape(source.raw(i), f"picture {i}")] += 1
        except InputError:  # said when it is read
            continue
    return found


def usual_size(found: Mapping[Sides, int]) -> Sides | None:
    """Returns the size that more than half of the pictures have, None where there is none such."""
    size = max(found, key=lambda sides: found[sides], default=None)
    return size if size and 2 * found[size] > sum(found.values()) else None


class Opened(NamedTuple):
    """Two sets whose pictures have one size.

    Attributes:
        real: the real pictures, or None. `given` is set where it is a file of statistics.
        generated: the generated pictures, or None, likewise.
        sides: height and width of all pictures.
        named: both as they were named, by "real" and "generated".
    """

    real: Reals | None
    generated: Reals | None
    sides: Sides
    named: Mapping[str, Named]


def open_sets(real: Named | None, generated: Named | None, side: int, say: Say) -> Opened:
    """Opens two sets so that all of their pictures have one size.

    Args:
        real: the real pictures, or None.
        generated: the generated pictures, or None.
        side: the height and width of all pictures; 0 for the size of the pictures that a file of
            statistics is of, else the usual size of the generated ones, else of the real ones,
            else `USUAL`.
        say: called with lines about sizes, and what is left out.

    Raises:
        InputError: a set cannot be opened, or the size is impossible.
    """
    if side and side < LEAST:
        raise InputError(f"--size={side}: expected {LEAST} pixels or more.")
    named = {n.title: n for n in (generated, real) if n and not n.is_statistics}
    found = {t: n.source(DRAWN, say) for t, n in named.items() if not n.is_drawn}
    seen = {title: sizes(source) for title, source in found.items()}
    for title, counter in seen.items():
        if not counter:
            found[title].load(0)  # says that none can be read
    held = {n: exchange.read(n.given, str(n)) for n in (real, generated) if n and n.is_statistics}
    known = next((s.sides for s in held.values() if s.sides), None)
    sides = (side, side) if side else known or _agreed(seen)
    drawn = min(max(*sides, 32), 256)  # what all drawn sets can be
    for title, n in named.items():
        if n.is_drawn:
            found[title] = n.source(drawn, say)
            seen[title] = Counter({(drawn, drawn): found[title].size})
    _say_sizes(seen, sides, bool(side), say)
    for n, statistics in held.items():
        if statistics.sides not in (None, sides):
            say(
                f"{n.title}: statistics of pictures of {_size(statistics.sides)} pixels are "
                f"compared with others of {_size(sides)}: sizes that differ make a distance of "
                "their own"
            )
    if min(sides) < LEAST:
        raise InputError(f"pictures of {_size(sides)} pixels are too small. Give --size={LEAST}.")
    first, second = (_opened(n, found, held, sides) if n else None for n in (real, generated))
    return Opened(first, second, sides, {n.title: n for n in (real, generated) if n})


def _agreed(seen):
    known = [size for counter in seen.values() if (size := usual_size(counter))]
    return known[0] if known else ((USUAL, USUAL) if seen else (DRAWN, DRAWN))


def _opened(named, found, held, sides):
    if named in held:
        file = held[named]
        return Reals(lambda: (), file.pictures, file.network, given=file.moments)
    size = sides[0] if sides[0] == sides[1] else sides
    config = DataConfig(size=size, load_size=size, fit="crop")
    return of_source(found[named.title], config, "pictures")


def _say_sizes(seen, sides, asked, say):
    """Says which sizes there are, and what becomes of them where they differ."""
    for title in sorted(seen, reverse=True):  # real first
        counter = seen[title]
        low, high = min(counter, key=_area), max(counter, key=_area)
        span = _size(low) if len(counter) == 1 else f"{len(counter)} sizes, {_size(low)} to "
        say(f"{title}: {span}{_size(high) if len(counter) > 1 else ''} pixels")
    if any(set(counter) != {sides} for counter in seen.values()):
        why = "by --size" if asked else "--size=N takes another size"
        say(
            f"pictures of another size than {_size(sides)} are resized to it, and cropped about "
            f"their centre where the shape differs ({why})"
        )


def _area(size):
    return size[0] * size[1]


def _size(size):
    return f"{size[1]}x{size[0]}"
