"""The pictures that metrics are taken of: the base class for the subjects of all tasks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.metrics import protocols
from experiments.metrics.reals import Reals, of_dataset


class Subject:
    """The pictures of a run as it is now, made when a metric asks for them.

    This class has no metrics. Each task has a subclass that says which metrics can be taken.

    Attributes:
        names: the metrics that can be taken.
        run: the `experiments.model.Run`.
        dataset: its data set, or None.
    """

    names: tuple[str, ...] = ()

    def __init__(self, run: Any, dataset: Any):
        """Keeps the run and its data set.

        Args:
            run: an `experiments.model.Run`.
            dataset: the data set of its configuration, None for a model without one.
        """
        self.run, self.dataset = run, dataset
        self.algorithm, self.config = run.algorithm, run.config

    def values(self, name: str) -> list[str]:
        """Returns the names of the values that a metric has."""
        return [name]

    def better(self, value: str) -> int:
        """Returns 1 if higher numbers are better for a value, -1 if lower are, 0 if neither."""
        return protocols.better(value)

    def check(self, name: str, folder: str | Path | None) -> dict[str, Any]:
        """Refuses, before the work, what `measure` would refuse.

        Args:
            name: one of `names`.
            folder: the folder of published networks, see `experiments.metrics.published.find`.

        Returns:
            Which pictures are taken, for a record.

        Raises:
            InputError: there are too few pictures, or a network is not available.
        """
        raise NotImplementedError

    def measure(self, name: str, folder: str | Path | None, cache: Path) -> Mapping[str, float]:
        """Returns the values of a metric, `{value name: number}`.

        Args:
            name: see `check`.
            folder: see `check`.
            cache: the folder that keeps the features of real pictures.
        """
        raise NotImplementedError

    def reals(self, name: str, role: str) -> Reals | None:
        """Returns the real pictures that a metric compares with, None where it needs none."""
        split = protocols.split_of(name)
        return of_dataset(self.dataset, self.config.data, role, split) if split else None
