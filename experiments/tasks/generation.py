"""The task of making pictures from noise: sheets, scores, and pictures by seed.

Its algorithms are of the class `gan.latent.LatentGAN`.
"""

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from core.errors import InputError
from core.paths import user_path
from experiments.data import files, pictures
from experiments.data.pipeline import test_images
from experiments.export.parts import Part
from experiments.metrics import protocols
from experiments.metrics.classes import (
    INTRA,
    check_each_class,
    measure_classes,
    reals_by_class,
)
from experiments.metrics.sampling import BATCH, METRIC_BATCH, Sampler, given_seeds
from experiments.metrics.separability import DATASET, SEPARABILITIES
from experiments.metrics.subject import Subject
from experiments.model import Mode, Run, Say, Task
from experiments.tasks.animation import interpolate_mode, video_mode
from experiments.tasks.editing import edit_mode
from experiments.tasks.exporting import exporting
from experiments.tasks.figures import mix_mode, noise_mode, truncation_mode
from experiments.tasks.generator_parts import generator_parts
from experiments.tasks.projection import project_mode
from experiments.tasks.seeds import (
    TRUNCATION,
    check_pictures,
    chosen_seeds,
    chosen_transform,
    chosen_ws,
    controls,
    counted_seeds,
    sampler,
)
from experiments.tasks.side_by_side import side_by_side
from experiments.training.config import RunConfig
from experiments.training.imported import check_imported

SHEET = 8  # rows and columns of the sheet that training writes
GRID = 64  # pictures in the grid of --mode=sample, at most
COMMON = ("output", "seeds", "label", "checkpoint")
EDITING = ("method", "directions", "strength", "layers")


class Generation(Task):
    """One domain, and a generator that makes pictures like those of the domain."""

    title = "Make pictures from noise"
    roles = ("image",)
    benchmark = {"data.dataset": "faces"}
    better = {"colour_distance": -1}

    @property
    def uses(self) -> dict[str, Mode]:
        return {
            "sample": Mode(
                "a picture for each seed, and a grid of them",
                sample_mode,
                takes=(*COMMON, "w", "count", *TRUNCATION, "translate", "rotate"),
                needs=("output",),
            ),
            "mix": Mode(
                "styles of some pictures in others (style-based models)",
                mix_mode,
                takes=(*COMMON, "w", "seeds_b", *TRUNCATION),
                needs=("output",),
            ),
            "interpolate": Mode(
                "a walk from seed to seed, as GIF or MP4",
                interpolate_mode,
                takes=(*COMMON, "w", "frames", "fps", *TRUNCATION),
                needs=("output",),
            ),
            "video": Mode(
                "a walk whose pictures also move or turn, if the model can, as GIF or MP4",
                video_mode,
                takes=(*COMMON, "w", "motion", "frames", "fps", *TRUNCATION),
                needs=("output",),
            ),
            "truncation": Mode(
                "pictures under several psi (style-based models)",
                truncation_mode,
                takes=COMMON,
                needs=("output",),
            ),
            "noise": Mode(
                "what the noise inputs change (style-based models)",
                noise_mode,
                takes=(*COMMON, *TRUNCATION),
                needs=("output",),
            ),
            "project": Mode(
                "the w whose picture is nearest to a given one (style-based models)",
                project_mode,
                takes=(
                    "input",
                    "output",
                    "steps",
                    "distance",
                    "metric_networks",
                    "label",
                    "checkpoint",
                ),
                needs=("input", "output"),
            ),
            "edit": Mode(
                "pictures changed along directions of w (style-based models)",
                edit_mode,
                takes=(*COMMON, "w", *EDITING, *TRUNCATION),
                needs=("output",),
            ),
            "export": exporting(*TRUNCATION),
        }

    def complete(
        self, config: RunConfig, presets: Mapping[str, RunConfig], given: Collection[str] = ()
    ) -> RunConfig:
        """The configuration; growing networks that training begins with (`start_from`) have grown,
        so that it begins with the full resolution."""
        key = "start_resolution"
        grown = config.start_from and f"algorithm.{key}" not in given
        if not (grown and hasattr(config.algorithm, key)):
            return config
        return replace(config, algorithm=replace(config.algorithm, **{key: config.data.size}))

    def check_ready(self, run: Run) -> None:
        """Refuses a run of imported networks without the generator."""
        check_imported(run, "G", "pictures")

    def evaluate(self, run: Run, dataset: Any) -> dict[str, float]:
        """Returns simple scores of `config.eval_images` generated pictures and as many test images.

        `diversity/generated` and `diversity/real` are values of `diversity`; after a collapse, the
        first is much lower. `colour_distance` is that of the function `colour_distance`. None of
        them measures whether pictures look real.
        """
        config, count = run.config, max(2, run.config.eval_images)
        fakes = sampler(run).pictures(range(count))
        reals = test_images(dataset, config.data, "image", count)
        return {
            "diversity/generated": diversity(fakes),
            "diversity/real": diversity(reals),
            "colour_distance": colour_distance(fakes, reals),
        }

    def sheets(self, run: Run, dataset: Any) -> dict[str, np.ndarray]:
        """Returns `{"samples": sheet}`: generated pictures and a row of test images.

        The z of the pictures are the same throughout training. If there are few classes, each has a
        column.
        """
        classes = run.algorithm.classes
        columns = classes if 2 <= classes <= 2 * SHEET else SHEET
        images = list(sampler(run).pictures(range(SHEET * columns)))
        rows = [images[i : i + columns] for i in range(0, len(images), columns)]
        rows.append(list(test_images(dataset, run.config.data, "image", columns)))
        titles = ["generated", *[""] * (SHEET - 1), "real"]
        scale = pictures.enlargement(images[0])
        return {"samples": pictures.sheet(rows, row_titles=titles, scale=scale)}

    def subject(self, run: Run, dataset: Any) -> Subject:
        return Generated(run, dataset)

    def sample(self, run: Run, seeds: int | Sequence[int] = 16, **controls: Any) -> np.ndarray:
        """Returns pictures of a trained run, uint8 `[N, H, W, C]`.

        Args:
            run: the run.
            seeds: the seeds, or how many of the first seeds.
            controls: the options of `experiments.metrics.sampling.Sampler.pictures`.
        """
        self.check_ready(run)
        chosen = given_seeds(seeds)
        check_pictures(run, len(chosen), "seeds")
        return sampler(run).pictures(chosen, **controls)

    def parts(
        self, run: Run, truncation: float | None = None, cutoff: int | None = None, **_: Any
    ) -> list[Part]:
        self.check_ready(run)
        return generator_parts(run, truncation, cutoff)


class LabelledGeneration(Generation):
    """Generation by a model that may be told the classes of its pictures."""

    def check_data(self, config: RunConfig, dataset: Any) -> None:
        """Refuses a data set with another number of classes than `algorithm.classes`.

        Raises:
            InputError: the numbers differ; the message names both.
        """
        expected = config.algorithm.classes
        there = len(dataset.labelled.classes) if expected else 0
        if there != expected:
            raise InputError(
                f"--dataset={dataset.name}: has {there} classes, algorithm.classes is {expected}. "
                f"Give --set algorithm.classes={there}."
            )


def gan_options(config: RunConfig) -> dict[str, Any]:
    """What every GAN of this task takes beside its hyper-parameters."""
    return {
        "size": config.data.size,
        "batch_size": config.batch_size,
        "seed": config.seed,
        "xla": config.xla,
    }


def check_classes(config: RunConfig) -> None:
    """Raises ValueError for classes that the data does not give (`data.labels`)."""
    if config.algorithm.classes and not config.data.labels:
        raise ValueError(
            f"algorithm.classes={config.algorithm.classes} needs the labels of the images: give "
            "--set data.labels=true and a data set with classes"
        )


def diversity(images: np.ndarray) -> float:
    """Returns the root mean square difference of two pictures, mean over all pairs.

    It is in 8-bit levels (0 to 255), and 0 for a single picture.

    Args:
        images: the pictures, uint8 `[N, H, W, C]`.
    """
    flat = images.reshape(len(images), -1).astype(np.float32) - 127.5
    squares = np.square(flat).sum(1)
    distances = squares[:, None] + squares - 2 * flat @ flat.T
    pairs = np.triu_indices(len(flat), 1)
    roots = np.sqrt(np.maximum(distances[pairs], 0) / flat.shape[1])
    return float(roots.mean()) if len(roots) else 0.0


def colour_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Returns how far the colours of two sets of pictures are apart, in 8-bit levels.

    It is the 1-Wasserstein distance between the histograms of all pixels, mean over their
    channels (red, green and blue).

    Args:
        a: the first set, uint8 `[N, H, W, C]`.
        b: the second set, uint8 `[M, h, w, C]`.
    """
    first, second = (_cumulative(images) for images in (a, b))
    return float(np.abs(first - second).sum(1).mean())


def _cumulative(images):
    """Returns the cumulative histogram of each channel, `[C, 256]`, whose last value is 1."""
    channels = [images[..., c].ravel() for c in range(images.shape[-1])]
    return np.stack([np.cumsum(np.bincount(x, minlength=256)) / x.size for x in channels])


def sample_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Carries out `--mode=sample`: writes `seed0000.png` and so on, and `grid.png`.

    Pictures of `--w` are called `w0000.png` and so on.
    """
    text = counted_seeds(flags)
    transform = chosen_transform(run, flags)
    chosen: Any = chosen_ws(run, flags, text)[1] if flags.w else chosen_seeds(run, flags, text)
    files.check_folder(flags.output)
    images: list[np.ndarray] = []
    folder = user_path(flags.output)

    def named():
        """Yields files and pictures, which are written while the next ones are made."""
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            names = itertools.count(start) if flags.w else batch
            made = _chosen_pictures(run, flags, batch, transform, start)
            images.extend(made[: GRID - len(images)])
            for number, picture in zip(names, made, strict=False):
                yield folder / f"{'w' if flags.w else 'seed'}{number:04}.png", picture

    for _ in side_by_side(lambda pair: pictures.write_png(*pair), named(), 1, BATCH):
        pass
    columns = math.ceil(math.sqrt(len(images)))
    rows = [images[i : i + columns] for i in range(0, len(images), columns)]
    pictures.write_png(folder / "grid.png", pictures.sheet(rows))
    say(f"{len(chosen)} pictures and grid.png of {len(images)} written to {folder}")
    return 0


def _chosen_pictures(run, flags, chosen, transform, start):
    """The pictures of seeds, or with `--w` of styles, of which `start` came before.

    `transform` moves and turns all of them.
    """
    made = sampler(run)
    if not flags.w and transform is None:
        return made.pictures(chosen, **controls(flags, start))
    ws = chosen if flags.w else made.ws(chosen, **controls(flags, start))
    if transform is None:
        return made.from_ws(ws)
    return made.from_ws(ws, transform=np.repeat(transform[None], len(ws), axis=0))


class Generated(Subject):
    """Pictures from noise, made by the averaged generator if there is one."""

    names = (*protocols.NAMES, *INTRA)

    def values(self, name: str) -> list[str]:
        return [name] if name in INTRA else protocols.value_names(name)

    def better(self, value: str) -> int:
        return -1 if value in INTRA else protocols.better(value)

    def check(self, name: str, folder: str | Path | None) -> dict[str, Any]:
        check_imported(self.run, "G", f"--metrics={name}")
        if name in INTRA:
            return self._check_classes(name, folder)
        reals = self.reals(name, "image")
        size, algorithm = self.config.data.sides, self.algorithm
        count = protocols.check(name, size, reals, algorithm=algorithm, folder=folder)
        data = self.config.data
        if name in SEPARABILITIES and (data.dataset != DATASET or data.channels != 3):
            raise InputError(
                f"--metrics={name}: judges portraits of {DATASET} in RGB, this run is of "
                f"{data.dataset} in {data.channels} channels."
            )
        return {"seeds": f"0-{count - 1}"} | ({"real": reals.key} if reals else {})

    def measure(self, name: str, folder: str | Path | None, cache: Path) -> dict[str, float]:
        made = Sampler(self.algorithm, METRIC_BATCH)
        if name in INTRA:
            return measure_classes(
                name,
                lambda k: (
                    lambda seeds: pictures.to_rgb(made.pictures(seeds, noise="random", label=k))
                ),
                self._reals_by_class(name),
                self.dataset.labelled.classes,
                folder=folder,
                cache=cache,
            )
        return protocols.compute(
            name,
            lambda seeds: pictures.to_rgb(made.pictures(seeds, noise="random")),
            self.reals(name, "image"),
            algorithm=self.algorithm,
            folder=folder,
            cache=cache,
        )

    def _check_classes(self, name, folder):
        reals, size = self._reals_by_class(name), self.config.data.size
        names = self.dataset.labelled.classes
        count = check_each_class(name, size, reals, names, folder)
        return {"seeds": f"0-{count - 1} of each class", "real": [found.key for found in reals]}

    def _reals_by_class(self, name):
        return reals_by_class(name, self.algorithm, self.dataset, self.config.data)
