"""The task of translation in one direction, which is learned from pairs."""

from typing import Any

from core.errors import InputError
from experiments.tasks.one_way import OneWayTranslation
from experiments.training.config import RunConfig


class PairedTranslation(OneWayTranslation):
    """Pairs of A and B, and a network for one direction."""

    benchmark = {"data.dataset": "seasons_paired"}

    def check_data(self, config: RunConfig, dataset: Any) -> None:
        """Refuses a data set that is not made of pairs.

        Raises:
            InputError: it has no pairs; the message says how to give some.
        """
        if not dataset.paired:
            raise InputError(
                f"--dataset={dataset.name}: its domains are not pairs, which {config.model} learns "
                "from. Give 'seasons_paired', a folder with pictures A|B side by side in train and "
                "test, or one with trainA and trainB of the same file names and --set "
                "data.paired=true. (--model=cyclegan does without pairs.)"
            )
