"""The task of translation in one direction, from sets of pictures or from one picture of each."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.errors import InputError
from experiments.data import pictures, zoomed
from experiments.data.embedded import EMBEDDED
from experiments.metrics.subject import Subject
from experiments.model import Run
from experiments.tasks.one_way import OneWayTranslation
from experiments.tasks.translation import at_own_size, translator
from experiments.training.config import RunConfig

SHOWN = 512  # longer side of the pictures of a sheet, pixels


class SinglesOrSets(OneWayTranslation):
    """`OneWayTranslation`, and where `data.zoom` is above 0, that of one picture of each domain."""

    def complete(
        self, config: RunConfig, presets: Mapping[str, RunConfig], given: Collection[str] = ()
    ) -> RunConfig:
        """The configuration; of an embedded set, `data.zoom` takes one picture of each domain."""
        data = config.data
        if data.zoom and data.dataset in EMBEDDED and "data.limit" not in given:
            return replace(config, data=replace(data, limit=1))
        return config

    def check_data(self, config: RunConfig, dataset: Any) -> None:
        """Refuses, with `data.zoom`, anything but one picture of each domain with room for crops.

        Raises:
            InputError: says what came and what to do.
        """
        if not config.data.zoom:
            return
        if config.epochs:
            raise InputError(
                f"epochs={config.epochs:g}: of one picture (data.zoom above 0) any number of crops "
                "can be made. Give the number of crops, such as --images=100000."
            )
        if dataset.paired:
            raise InputError(
                f"--dataset={dataset.name}: has pairs, whose crops would be of the same places; "
                "with data.zoom above 0 the places are drawn for each picture. Leave out "
                "data.paired, or give another data set."
            )
        for role, source in dataset.train.items():
            if source.size != 1:
                raise InputError(
                    f"--dataset={dataset.name}: has {source.size} training pictures ({role}); with "
                    "data.zoom above 0 the model learns from one of each domain. Leave one in "
                    "trainA and one in trainB, or take --set data.limit=1 for one at random. "
                    "(--preset=paper learns from many.)"
                )
            name = f"--dataset={dataset.name} ({role})"
            zoomed.check_large_enough(source.load(0), config.data, name)

    def batches(self, dataset: Any, config: Any, **wanted: Any) -> Iterator[dict]:
        """Endless training batches, of crops of single pictures with `data.zoom`."""
        make = zoomed.batches if config.zoom else super().batches
        return make(dataset, config, **wanted)

    def predicted(self, run: Run, direction: str, images: np.ndarray) -> np.ndarray:
        """Returns the translations of test images, uint8 `[N, H, W, C]`, of any H and W."""
        if not run.config.data.zoom:
            return super().predicted(run, direction, images)
        network = translator(run, direction)
        return np.stack([at_own_size(run, network, image) for image in images])

    def sheets(self, run: Run, dataset: Any) -> dict[str, np.ndarray]:
        """Returns `{"translation": sheet}`; of one picture: it, its translation and the target."""
        if not run.config.data.zoom:
            return super().sheets(run, dataset)
        (direction,) = run.algorithm.directions
        source, target = (dataset.train[role].load(0) for role in (direction[0], direction[-1]))
        made = self.predicted(run, direction, source[None])[0]
        height, width = _shrunk(source).shape[:2]
        shown = [pictures.fit(picture, (height, width), "stretch") for picture in (source, made)]
        shown.append(pictures.fit(target, (height, width), "crop"))
        titles = [direction[0], f"{direction[0]} to {direction[-1]}", f"target {direction[-1]}"]
        return {"translation": pictures.sheet([shown], titles, scale=pictures.enlargement(made))}

    def subject(self, run: Run, dataset: Any) -> Subject:
        """The pictures that metrics are taken of; there are too few of one each."""
        if run.config.data.zoom:
            return Subject(run, dataset)
        return super().subject(run, dataset)


def _shrunk(picture):
    """Returns a picture with a longer side of `SHOWN` pixels at most."""
    return pictures.fit_side(picture, SHOWN, max) if max(picture.shape[:2]) > SHOWN else picture
