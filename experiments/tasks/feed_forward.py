"""The task of networks that learn their styles from pictures: Johnson, Ulyanov, Dumoulin.

A trained run needs neither the style pictures nor VGG: the network itself holds the styles.
"""

import hashlib
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from core.errors import InputError
from core.paths import user_path
from experiments.data import pictures
from experiments.data.pipeline import test_images
from experiments.data.styles import EMBEDDED, digest_pixels, read, stem
from experiments.data.tiles import tiled
from experiments.export.parts import Part
from experiments.metrics.subject import Subject
from experiments.model import Run
from experiments.tasks.picture_parts import learned_parts
from experiments.tasks.stylization import Stylised, Stylization, mean_losses, style_sheet
from experiments.tasks.vgg import loss_weights, with_usual_layers
from experiments.training.config import RunConfig
from experiments.training.rundir import check_unchanged
from nst.perceptual import PerceptualConfig, PerceptualLoss, PerceptualTraining
from nst.stylizer import Stylizer

SHEET = 4  # contents on a sheet
SHEET_STYLES = 8  # styles on a sheet, at most


class LearnedStyles(Stylization):
    """A network that learns one style or several from pictures given with `--style`."""

    title = "Give pictures the styles that a network has learned, fast"
    roles = ("content",)
    options = {"vgg_weights": "algorithm.weights", "style": "algorithm.style"}

    def complete(
        self, config: RunConfig, presets: Mapping[str, RunConfig], given: Collection[str] = ()
    ) -> RunConfig:
        return with_usual_layers(config, given)

    def label(self, config: RunConfig) -> str:
        return styles_label(config)

    def fingerprint(self, run: Run) -> dict[str, str]:
        """Returns digests of VGG's weights and of the styles; none for a run that is only used."""
        return styles_fingerprint(run)

    def check_ready(self, run: Run) -> None:
        """Loads VGG and the styles into a run, since evaluation needs them.

        Raises:
            InputError: they are not available, or are not those of the training.
        """
        attach_loss(run)

    def learned_styles(self, config: RunConfig) -> tuple[str, ...]:
        return unique([stem(name) for name in config.algorithm.all_styles])

    def make_stylizer(self, run: Run) -> Stylizer:
        algorithm = run.algorithm
        return algorithm.make_stylizer(partial(tiled, channels=algorithm.width))

    def parts(self, run: Run, **_: Any) -> list[Part]:
        return learned_parts(run, self.learned_styles(run.config))

    def evaluate(self, run: Run, dataset: Any) -> dict[str, float]:
        """Returns mean losses, without their weights, of test contents in the trained styles."""
        config, algorithm = run.config, run.algorithm
        images = test_images(dataset, config.data, "content", config.eval_images)
        rows = np.eye(len(config.algorithm.style), dtype=np.float32)[:, None]
        return mean_losses(
            algorithm.measure(pictures.to_unit(image)[None], row)
            for image in images
            for row in rows
        )

    def sheets(self, run: Run, dataset: Any) -> dict[str, np.ndarray]:
        """Returns `{"stylized": sheet}`: test contents in the first eight of the trained styles."""
        config = run.config.algorithm
        contents = test_images(dataset, run.config.data, "content", SHEET)
        names, side = config.style[:SHEET_STYLES], contents.shape[1]
        first = len(config.all_styles) - len(config.style)
        shown = [pictures.fit(read(name), side, "crop") for name in names]
        numbers = [[first + i] for i in range(len(names))]
        titles = ["content", *map(stem, names)]
        return {"stylized": style_sheet(run.stylizer, contents, shown, numbers, titles)}

    def subject(self, run: Run, dataset: Any) -> Subject:
        return Learned(run, dataset)


def read_styles(config: PerceptualConfig) -> list[np.ndarray]:
    """Returns the style pictures of a configuration, RGB in [0, 1], at the size that it sets.

    Raises:
        InputError: a picture is missing or cannot be read.
    """
    for name in config.style:
        if not name.startswith(EMBEDDED) and not user_path(name).exists():
            raise InputError(
                f"--style={name}: there is no such picture, and training needs it. Put it back, or "
                "give another one and another --run_dir. (--mode=stylize works without it.)"
            )
    sized = (pictures.fit_side(read(name), config.style_size) for name in config.style)
    return [pictures.to_unit(style) for style in sized]


def perceptual_loss(config: PerceptualConfig) -> PerceptualLoss:
    """Returns the perceptual loss of a configuration.

    Raises:
        InputError: weights or styles are not available, or a style is too small.
        ValueError: the network does not have a layer.
    """
    styles = read_styles(config)  # first: they are found missing sooner than weights
    taps = (*config.content_layers, *config.style_layers)
    return PerceptualLoss(config, loss_weights(config, taps), styles)


@dataclass(frozen=True)
class Builder:
    """Makes the algorithm of a model that learns its styles: `build` and `rebuild` of its `Model`.

    Attributes:
        kind: the class of the algorithm.
        seeded: whether it takes a seed.
    """

    kind: Callable[..., PerceptualTraining]
    seeded: bool = True

    def build(self, config: RunConfig, epoch: int, budget: int) -> PerceptualTraining:
        """Returns the algorithm with its loss, whatever the length of the training.

        Raises:
            InputError, ValueError: see `perceptual_loss`.
        """
        return self._assemble(config, perceptual_loss(config.algorithm))

    def rebuild(self, config: RunConfig) -> PerceptualTraining:
        """Returns the algorithm without its loss, for use and not for training."""
        return self._assemble(config, None)

    def _assemble(self, config, loss):
        return self.kind(
            config.algorithm,
            loss,
            size=config.data.size,
            batch_size=config.batch_size,
            xla=config.xla,
            **({"seed": config.seed} if self.seeded else {}),
        )


def attach_loss(run: Run) -> None:
    """Adds the loss, with VGG and the styles, to a run that was loaded without it.

    Raises:
        InputError: VGG or a style is not available, or is not that of the training.
    """
    if run.algorithm.perceptual_loss is None:
        run.algorithm.attach(perceptual_loss(run.config.algorithm))
        check_unchanged(run.run_dir, run.task.fingerprint(run))


def styles_fingerprint(run: Run) -> dict[str, str]:
    """Returns digests of the styles and of VGG's weights; none for a run without its loss."""
    if run.algorithm.perceptual_loss is None:
        return {}
    digests = {name: digest_pixels(read(name)) for name in run.config.algorithm.style}
    return digests | {"weights": run.algorithm.perceptual_loss.digest}


def styles_label(config: RunConfig) -> str:
    """Returns a short text with the styles for the name of the run's directory."""
    names = [stem(name) for name in config.algorithm.style]
    if len(names) <= 2:
        return "-".join(names)
    joined = "/".join(names).encode("utf-8", "surrogatepass")
    return f"{len(names)}-{hashlib.sha256(joined).hexdigest()[:6]}"


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names, with a number from 2 on appended to those that occurred before."""
    made: list[str] = []
    for name in names:
        others = (f"{name}-{i}" for i in itertools.count(2))
        made.append(next(n for n in itertools.chain([name], others) if n not in made))
    return tuple(made)


class Learned(Stylised):
    """Test contents in the styles that a network has learned."""

    @cached_property
    def styles(self) -> list[np.ndarray]:
        return [pictures.from_unit(style) for style in read_styles(self.config.algorithm)]

    def given(self, k: int) -> int:
        config = self.config.algorithm
        return len(config.all_styles) - len(config.style) + k
