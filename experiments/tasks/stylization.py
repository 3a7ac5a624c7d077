"""The task of style transfer with a trained network, and with one that takes any style."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from core.errors import InputError
from core.given_numbers import as_number
from experiments.data import pictures
from experiments.data.given_pictures import mask, picture, pictures_of
from experiments.data.pipeline import test_images
from experiments.data.styles import style_number
from experiments.metrics import picture_scores
from experiments.metrics.features import progress
from experiments.metrics.picture_scores import STYLING, styling_score
from experiments.metrics.subject import Subject
from experiments.model import Mode, Run, Task
from experiments.tasks.exporting import exporting
from experiments.tasks.stylize_files import CONTROLS, stylize_mode
from experiments.tasks.trained_ranges import trained_ranges
from experiments.tasks.video import stylize_video, video_mode
from nst.stylizer import Stylizer

SHEET = 4  # rows (contents) and columns (styles) of the sheet
STYLIZING = ("content", "style", "output", "checkpoint", *CONTROLS, "shorter_side", "size")


class Stylization(Task):
    """A network that stylises pictures; subclasses define how it is trained.

    `Run.stylizer` can call its algorithms.
    """

    compared = "styles"
    benchmark = {"data.dataset": "photos"}
    better = {"test/": -1}
    style_flags: tuple[str, ...] = ()  # further flags of --mode=stylize and --mode=video

    @property
    def uses(self) -> Mapping[str, Mode]:
        return {
            "stylize": Mode(
                "pictures or folders in the style of others, at their own size",
                stylize_mode,
                takes=(*STYLIZING, *self.style_flags),
                needs=("output",),
            ),
            "video": Mode(
                "a video, or a folder of frames, in a style",
                video_mode,
                takes=(*STYLIZING, *self.style_flags, "fps", "sound", "steady", "flow"),
                needs=("content", "output"),
            ),
            "export": exporting("style"),
        }

    def stylize(self, run: Run, content: Any, styles: Any = None, **controls: Any) -> np.ndarray:
        return stylize(run, content, styles, **controls)

    def stylize_video(
        self, run: Run, frames: Iterable[np.ndarray], styles: Any = (0,), **options: Any
    ) -> Iterator[np.ndarray]:
        return stylize_video(run, frames, styles, **options)


class AnyStyle(Stylization):
    """A network that learns from contents and styles, and stylises in any style."""

    title = "Give pictures any style, with a network trained once"
    roles = ("content", "style")
    options = {"vgg_weights": "algorithm.weights"}
    style_flags = ("style_size",)

    def fingerprint(self, run: Run) -> dict[str, str]:
        """Returns a digest of the encoder's weights, which checkpoints do not hold."""
        return {"weights": run.algorithm.digest}

    def make_stylizer(self, run: Run) -> Stylizer:
        return run.algorithm.make_stylizer()

    def evaluate(self, run: Run, dataset: Any) -> dict[str, float]:
        """Returns the mean losses, without their weights, of test contents in test styles.

        Content i gets style i. If there are fewer of one than of the other, they are repeated.
        """
        config = run.config
        images = [test_images(dataset, config.data, r, config.eval_images) for r in self.roles]
        pairs = [[x[i % len(x)][None] for x in images] for i in range(max(map(len, images)))]
        return mean_losses(run.algorithm.losses(*map(pictures.to_unit, pair)) for pair in pairs)

    def sheets(self, run: Run, dataset: Any) -> dict[str, np.ndarray]:
        """Returns `{"stylized": sheet}`: each of some test contents in each of some test styles."""
        contents, styles = (test_images(dataset, run.config.data, r, SHEET) for r in self.roles)
        unit = [[pictures.to_unit(style)] for style in styles]
        titles = ["content", *("style" for _ in styles)]
        return {"stylized": style_sheet(run.stylizer, contents, styles, unit, titles)}

    def subject(self, run: Run, dataset: Any) -> Subject:
        return Stylised(run, dataset)


def mean_losses(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Returns `{"test/<name>": mean}` of losses that are given by name."""
    numbers = [{k: float(keras.ops.convert_to_numpy(v)) for k, v in row.items()} for row in rows]
    return {f"test/{name}": float(np.mean([row[name] for row in numbers])) for name in numbers[0]}


def style_sheet(
    stylizer: Stylizer,
    contents: Sequence[np.ndarray] | np.ndarray,
    shown: Sequence[np.ndarray] | np.ndarray,
    styles: Sequence[list],
    titles: Sequence[str],
) -> np.ndarray:
    """Returns a sheet with a row for each content and a column for each style, uint8 `[H, W, 3]`.

    Args:
        stylizer: the stylizer that makes the pictures.
        contents: the contents of the rows, uint8 `[h, w, 3]`.
        shown: the pictures that stand for the styles of the columns, of the same size.
        styles: what the stylizer takes as the styles of each column.
        titles: the titles of the columns; the first is that of the contents.
    """
    rows = [[np.full_like(contents[0], 255), *shown]]
    for content in contents:
        made = (stylizer(pictures.to_unit(content), style) for style in styles)
        rows.append([content, *map(pictures.from_unit, made)])
    return pictures.sheet(rows, titles)


def stylize(
    run: Run,
    content: Any,
    styles: Sequence | None = None,
    *,
    alpha: float = 1.0,
    style_weights: Sequence[float] | None = None,
    masks: Sequence | None = None,
    colours: str = "style",
    weights: Sequence[float] | None = None,
) -> np.ndarray:
    """Returns the stylised content, uint8 `[H, W, 3]`, at the size of the content.

    Args:
        run: a trained run of a model that stylises.
        content: a file or a picture, see `experiments.data.given_pictures.picture`.
        styles: files or pictures, or one of them. For a network that has learned its styles: their
            numbers or names; the default is the first one.
        alpha: the strength of the style, from 0 (the content) to 1.
        style_weights: a number from 0 on for each style; they are scaled to sum to 1. None for
            equal shares.
        masks: a mask for each style, see `experiments.data.given_pictures.mask`. None or empty
            mixes all styles everywhere.
        colours: one of `nst.controls.COLOURS`.
        weights: the older name of `style_weights`.

    Raises:
        InputError: a number is out of range, there are not as many weights or masks as styles, or
            a picture is too small or none.
    """
    content = picture(content, "content", find_ranges=lambda: trained_ranges(run, "content"))
    chosen = _chosen(run, styles)
    masks = () if masks is None else pictures_of(masks, "masks")
    shape = content.shape[:2]
    maps = [mask(given, f"mask {i}", shape) for i, given in enumerate(masks, 1)] or None
    weights = weights if style_weights is None else style_weights
    try:
        made = run.stylizer(
            pictures.to_unit(content),
            chosen,
            alpha=as_number("alpha", alpha),
            style_weights=_numbers("style_weights", weights),
            masks=maps,
            colours=colours,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    return pictures.from_unit(made)


def _chosen(run, styles):
    """Returns the styles as the stylizer takes them: pictures in [0, 1], or learned numbers."""
    known = run.task.learned_styles(run.config)
    if known is not None:
        several = isinstance(styles, Iterable) and not isinstance(styles, str)
        given = list(styles) if several else [0 if styles is None else styles]
        chosen: list = [style_number(style, known) for style in given]
    else:
        given = pictures_of(() if styles is None else styles, "styles")
        chosen = [
            pictures.to_unit(_style(run, style, f"style {i}")) for i, style in enumerate(given, 1)
        ]
    if not chosen:
        raise InputError("styles: none came; give one picture or more.")
    return chosen


def _style(run, given, name):
    file = isinstance(given, (str, os.PathLike))
    return run.task.read_style(given) if file else picture(given, name)


def _numbers(name, given):
    """Returns numbers of any type as a list; None for None."""
    if given is None:
        return None
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise InputError(f"{name}={given!r}: expected a list of numbers.")
    return [as_number(name, number) for number in given]


# --- metrics


class StyledPictures(Subject):
    """Stylised pictures, which the property `rows` of a subclass makes."""

    names: tuple[str, ...] = STYLING

    @property
    def rows(self) -> list[picture_scores.Stylised]:
        """Returns the stylised pictures with their contents and styles, all in memory."""
        raise NotImplementedError

    @property
    def styles(self) -> list[np.ndarray]:
        """Returns the different styles, uint8 `[h, w, 3]` each."""
        raise NotImplementedError

    def count(self) -> int:
        """Returns how many stylised pictures there are."""
        raise NotImplementedError

    def better(self, value: str) -> int:
        return picture_scores.better(value)

    def check(self, name: str, folder: str | Path | None) -> dict[str, Any]:
        if name.startswith("art") and min(len(self.styles), self.count()) < 2:
            raise InputError(
                f"--metrics={name}: compares sets of pictures, which takes 2 styles and 2 results "
                f"or more, got {len(self.styles)} and {self.count()}. Take content_hed, style_hed "
                "or lpips_hed."
            )
        styling_score(name, folder)
        return {"test": self.count(), "styles": len(self.styles)}

    def measure(self, name: str, folder: str | Path | None, cache: Path) -> dict[str, float]:
        return {name: styling_score(name, folder)(self.rows)}


class Stylised(StyledPictures):
    """Test contents in test styles: content i in style i; the shorter list is repeated."""

    @cached_property
    def rows(self) -> list[picture_scores.Stylised]:
        contents, styles = self.images("content"), self.styles
        rows = []
        for (i,) in progress([[i] for i in range(self.count())], "stylised", self.count()):
            content, k = contents[i % len(contents)], i % len(styles)
            made = self.run.stylizer(pictures.to_unit(content), [self.given(k)])
            rows.append(picture_scores.Stylised(pictures.from_unit(made), content, styles[k]))
        return rows

    @cached_property
    def styles(self) -> list[np.ndarray]:
        return list(self.images("style"))

    def given(self, k: int) -> Any:
        """Returns style `k` as the stylizer takes it."""
        return pictures.to_unit(self.styles[k])

    def images(self, role: str) -> np.ndarray:
        """Returns test images of a domain, uint8 `[N, size, size, 3]`."""
        return test_images(self.dataset, self.config.data, role, self.config.eval_images)

    def count(self) -> int:
        return max(len(self.images("content")), len(self.styles))
