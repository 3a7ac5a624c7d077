"""What a metric is taken of: real and generated pictures as batches, features and moments."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from experiments.metrics import reals as real
from experiments.metrics.features import BATCH, Rows, in_batches, progress
from experiments.metrics.named import Protocol
from experiments.metrics.reals import Reals
from experiments.metrics.statistics import Moments

Generate = Callable[[Sequence[int]], np.ndarray]


@dataclass(frozen=True)
class Job:
    """The pictures that a metric is taken of, and the network that looks at them.

    Attributes:
        name: of the metric.
        protocol: what it stands for.
        generated: the generated pictures: a set of them, or a function from whole numbers, counted
            from 0, to pictures, uint8 `[N, H, W, 3]`.
        count: how many of these are taken; None for all of a set.
        reals: the real pictures; None where the metric needs none.
        network: None for a statistic without one, or where the moments of both are given.
        cache: the folder that keeps the features of sets; None keeps none.
        used: how many pictures of either kind, "real" and "generated", were looked at so far.
    """

    name: str
    protocol: Protocol
    generated: Generate | Reals
    count: int | None
    reals: Reals | None
    network: Any
    cache: Path | None
    used: dict[str, int] = field(default_factory=dict)

    def images(self) -> Iterator[np.ndarray]:
        """Yields the generated pictures in batches, uint8 `[N, H, W, 3]`."""
        if isinstance(self.generated, Reals):
            return self._counted("generated", self.generated, self.count)
        count = self.count or 0
        chunks = (range(i, min(i + BATCH, count)) for i in range(0, count, BATCH))
        single = (image for chunk in chunks for image in self.generated(chunk))
        self.used["generated"] = count
        return progress(in_batches(single), self.name, count)

    def real_images(self) -> Iterator[np.ndarray]:
        """Yields the real pictures in batches, uint8 `[N, H, W, 3]`."""
        return self._counted("real", self.reals, self.protocol.real)

    def _counted(self, title, pictures, count):
        self.used[title] = 0
        for batch in real.batches(pictures, count, title):
            self.used[title] += len(batch)
            yield batch

    def rows(self) -> np.ndarray:
        """Returns the features of the generated pictures, float32 `[N, D]`, read from a file."""
        if isinstance(self.generated, Reals):
            return self._kept(real.features, "generated", self.generated, self.count)
        rows = Rows()
        for batch in self.images():
            rows.add(self.network.run(batch)["features"])
        return rows.array()

    def real_rows(self) -> np.ndarray:
        """Returns the features of the real pictures, float32 `[N, D]`, read from a file."""
        return self._kept(real.features, "real", self.reals, self.protocol.real)

    def moments(self) -> Moments:
        """Returns the moments of the features of the generated pictures."""
        if isinstance(self.generated, Reals):
            return self._kept(real.moments, "generated", self.generated, self.count)
        moments = Moments()
        for batch in self.images():
            moments.add(self.network.run(batch)["features"])
        return moments

    def real_moments(self) -> Moments:
        """Returns the moments of the features of the real pictures."""
        return self._kept(real.moments, "real", self.reals, self.protocol.real)

    def _kept(self, find, title, pictures, count):
        found = find(pictures, self.network, count, self.cache, title)
        self.used[title] = found.count if isinstance(found, Moments) else len(found)
        return found
