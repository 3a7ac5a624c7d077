"""What the models share whose networks have learned their styles: Johnson, Ulyanov, Dumoulin.

A run of theirs is used without the style pictures and without VGG: the network has all of it.
"""

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core import engine
from core.errors import InputError
from experiments.data import pictures
from experiments.data.pipeline import test_images
from experiments.tasks.stylization import (
    EMBEDDED,
    digest_pixels,
    features_weights,
    read,
    stem,
    stylize,
    stylize_mode,
    to_uint8,
    to_unit,
)
from experiments.tasks.translation import max_pixels, translate
from experiments.tasks.video import video_mode
from experiments.training.config import RunConfig
from experiments.training.rundir import check_unchanged
from nst.controls import check_controls, colour_result, mask_shares, style_shares
from nst.perceptual import PerceptualConfig, PerceptualLoss, PerceptualTraining
from nst.weights import digest

__all__ = ["MODES", "OPTIONS", "ROLES", "assemble", "check_ready", "evaluate", "fingerprint",
           "learned_styles", "make_stylizer", "perceptual", "run_label", "sheets",
           "stylize"]  # fmt: skip

ROLES = ("content",)
OPTIONS = {"weights": "algorithm.weights", "style": "algorithm.style"}
MODES = {"stylize": stylize_mode, "video": video_mode}
SHEET = 4  # contents on a sheet
SHEET_STYLES = 8  # at most
COLOURS = ("style", "luminance")  # others change the style before it is learned


def read_styles(config: PerceptualConfig) -> list[np.ndarray]:
    """The style pictures, RGB in [0, 1], of the size that a configuration wants.

    Raises:
        InputError: one is missing or cannot be read.
    """
    for name in config.style:
        if not name.startswith(EMBEDDED) and not Path(name).expanduser().exists():
            raise InputError(
                f"--style={name}: there is no such picture, and training needs it. Put it back, or "
                "give another one and another --run_dir. (--mode=stylize works without it.)"
            )
    return [to_unit(pictures.fit_side(read(name), config.style_size)) for name in config.style]


def perceptual(config: PerceptualConfig) -> PerceptualLoss:
    """The loss of a configuration.

    Raises:
        InputError: weights or styles that cannot be had, or a style that is too small.
        ValueError: layers that the network does not have.
    """
    styles, weights = read_styles(config), features_weights(config)
    found = PerceptualLoss(config, weights, styles)
    found.digest = digest(weights)
    return found


def assemble(
    kind: type[PerceptualTraining], config: RunConfig, loss: PerceptualLoss | None, **options
) -> PerceptualTraining:
    """The algorithm `kind` of a configuration; `options` are its own."""
    return kind(
        config.algorithm,
        loss,
        size=config.data.size,
        batch_size=config.batch_size,
        xla=config.xla,
        **options,
    )


def fingerprint(run) -> dict[str, str]:
    """What training depends on beside its data set: VGG's weights and the styles. Nothing for a run
    that is only used."""
    if run.algorithm.perceptual is None:
        return {}
    names = run.config.algorithm.style
    found = {name: digest_pixels(read(name)) for name in names}
    return found | {"weights": run.algorithm.perceptual.digest}


def run_label(config: RunConfig) -> str:
    """The styles, short, for the name of the run's directory."""
    names = [stem(name) for name in config.algorithm.style]
    if len(names) <= 2:
        return "-".join(names)
    return f"{len(names)}-{hashlib.sha256('/'.join(names).encode()).hexdigest()[:6]}"


def learned_styles(run) -> tuple[str, ...]:
    """The names of the styles that the network has, by number."""
    config = run.config.algorithm
    return unique([stem(name) for name in (*getattr(config, "learned", ()), *config.style)])


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Names that came before get the first number from 2 up that makes them new."""
    found = []
    for name in names:
        others = (f"{name}-{i}" for i in itertools.count(2))
        found.append(next(n for n in itertools.chain([name], others) if n not in found))
    return tuple(found)


def check_ready(run) -> None:
    """Gives a run that was loaded what evaluation needs and use does not: VGG and the styles.

    Raises:
        InputError: they cannot be had, or are not those of the training.
    """
    if run.algorithm.perceptual is None:
        run.algorithm.attach(perceptual(run.config.algorithm))
        check_unchanged(run.run_dir, run.module.fingerprint(run))


def evaluate(algorithm: PerceptualTraining, dataset, config: RunConfig) -> dict[str, float]:
    """The losses, without their weights, of test contents in every style that is trained: means."""
    images = test_images(dataset, config.data, "content", config.eval_images)
    count = len(config.algorithm.style)
    if not hasattr(algorithm, "measure"):
        algorithm.measure = engine.compile(algorithm.losses, algorithm.variables())
    rows = [
        algorithm.measure(to_unit(image)[None], np.eye(count, dtype=np.float32)[i : i + 1])
        for image in images
        for i in range(count)
    ]
    return {
        f"test/{name}": float(np.mean([np.asarray(row[name]) for row in rows])) for name in rows[0]
    }


def sheets(algorithm: PerceptualTraining, dataset, config: RunConfig) -> dict[str, np.ndarray]:
    """`{"stylized": contents x styles}`, of the styles that are trained the first eight."""
    stylizer = make_stylizer(algorithm, config)
    contents = test_images(dataset, config.data, "content", SHEET)
    names, old = config.algorithm.style[:SHEET_STYLES], stylizer.count - len(config.algorithm.style)
    side = contents.shape[1]
    rows = [[np.full_like(contents[0], 255), *(pictures.fit(read(n), side, "crop") for n in names)]]
    for content in contents:
        made = (stylizer(to_unit(content), [old + i]) for i in range(len(names)))
        rows.append([content, *map(to_uint8, made)])
    return {"stylized": pictures.sheet(rows, ["content", *map(stem, names)])}


class Stylizer:
    """Stylises pictures of any size in the styles that a network has learned."""

    def __init__(self, algorithm: PerceptualTraining, count: int):
        """Args:
        algorithm: trained.
        count: of its styles.
        """
        self.count, self.smallest_size = count, algorithm.smallest_size
        self.size_multiple, self.width = algorithm.size_multiple, algorithm.width
        self._network = engine.compile_by_shape(
            lambda x, w: algorithm.stylise(x, w), algorithm.networks["network"].variables
        )

    def __call__(self, content, styles=(0,), *, alpha=1.0, weights=None, masks=None,
                 colours="style") -> np.ndarray:  # fmt: skip
        """The content in the styles.

        Args:
            content: RGB in [0, 1], `[H, W, 3]`.
            styles: their numbers.
            alpha: strength from 0 (the content) to 1: the share of the stylised picture's colours.
            weights: of the styles, from 0 up, made to sum to 1; None: equal. Their scales and
                offsets are mixed (Dumoulin et al. 2017, section 3.4), not pictures.
            masks: where each style goes, `[styles, H, W]` in [0, 1]; the stylised pictures are put
                together, and where they sum to less than 1 the content takes the rest.
            colours: "style", or "luminance" (the content's chroma).

        Returns:
            RGB in [0, 1], `[H, W, 3]`, of the content's size. Pictures that do not fit into memory
            are stylised in tiles that fade into each other.

        Raises:
            ValueError: numbers or options out of range, or that do not match in number.
        """
        check_controls(content, len(styles), alpha, masks, colours)
        if colours not in COLOURS:
            raise ValueError(f"colours={colours}: the style is in the network, its colours cannot "
                             f"be changed beforehand; expected {' or '.join(COLOURS)}")  # fmt: skip
        weights = style_shares(len(styles), weights)
        rows = np.eye(self.count, dtype=np.float32)[list(styles)]
        if masks is None:
            made = self.stylise(content, weights.astype(np.float32) @ rows)
        else:
            made = self._masked(content, rows, weights, masks)
        return colour_result(alpha * made + (1 - alpha) * content, content, colours)

    def _masked(self, content, rows, weights, masks):
        shares = mask_shares(np.asarray(masks, np.float32), weights)
        parts = (
            share * self.stylise(content, row) for share, row in zip(shares, rows, strict=True)
        )
        return sum(parts, (1 - shares.sum(0)) * content)

    def stylise(self, content: np.ndarray, row: np.ndarray) -> np.ndarray:
        """`[H, W, 3]` in [0, 1], with the styles weighed by `row [S]`."""

        def network(x, training=False):
            return 2 * self._network((x + 1) / 2, row[None]) - 1

        made = translate(
            network,
            to_uint8(content),
            self.size_multiple,
            max_pixels(self.width),
            smallest=self.smallest_size,
        )
        return to_unit(made)


def make_stylizer(algorithm: PerceptualTraining, config: RunConfig) -> Stylizer:
    """The algorithm's run time, made once."""
    if not hasattr(algorithm, "stylizer"):
        styles = (*getattr(config.algorithm, "learned", ()), *config.algorithm.style)
        algorithm.stylizer = Stylizer(algorithm, len(styles))
    return algorithm.stylizer
