"""The tasks of optimising a single picture, without a data set: style transfer and texture."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from absl.flags import FlagValues

from core.errors import InputError
from core.paths import user_path
from experiments.data import files, pictures
from experiments.data.ranges import given
from experiments.data.styles import PictureConfig, digest_pixels, read, read_mask
from experiments.metrics import picture_scores
from experiments.metrics.picture_scores import TERMS
from experiments.metrics.subject import Subject
from experiments.model import Run, Say, Task
from experiments.tasks.stylization import StyledPictures
from experiments.tasks.vgg import loss_weights, with_usual_layers
from experiments.training.config import CADENCE, RunConfig, flatten
from nst.backbones.seeing import check_size, check_taps
from nst.colour import match_histogram
from nst.controls import check_masks, colour_result, colour_style, style_shares
from nst.gatys.algorithm import Gatys
from nst.gatys.objective import Level

SHEET_SIDE = 512  # longer side of a picture on a sheet, pixels, at most


class Texture(Task):
    """Optimises noise to a texture like that of a picture."""

    title = "Make more of a texture"
    options = {
        "style": "data.style",
        "style_weights": "data.style_weights",
        "mask": "data.mask",
        "longer_side": "data.size",
        "size": "data.size",
        "colours": "data.colours",
        "vgg_weights": "algorithm.weights",
    }
    writes = True
    lacks = {"export": "it trains no network, but makes one picture. Take johnson or ghiasi"}
    better = {"objective/": -1}
    benchmark = {"algorithm.optimizer": "adam"}  # an iteration of L-BFGS is one step or several

    def complete(
        self, config: RunConfig, presets: Mapping[str, RunConfig], given: Collection[str] = ()
    ) -> RunConfig:
        return with_usual_layers(config, given)

    def run_name(self, config: RunConfig, preset: RunConfig) -> str:
        """Returns `<preset>-<pictures>`, and a hash of the settings that differ from the preset."""
        own, usual = flatten(config), flatten(preset)
        changed = {k: v for k, v in own.items() if k not in CADENCE and v != usual[k]}
        mark = hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:6]
        return f"{config.preset}-{config.data.label}" + (f"-{mark}" if changed else "")

    def batches(self, dataset: Any, config: Any, **_: Any) -> Iterator[dict]:
        """Yields empty batches endlessly, since the algorithm holds its pictures."""
        while True:
            yield {}

    def fingerprint(self, run: Run) -> dict[str, str]:
        """Returns digests of the pictures and of VGG's weights."""
        digests = {name: digest_pixels(read(name)) for name in run.config.data.names}
        return digests | {"weights": run.algorithm.digest}

    def prepare(self, flags: FlagValues, config: RunConfig) -> None:
        """Refuses an output that cannot be written."""
        if flags.output:
            target = files.output_file(flags.output, config.data.label)
            originals = [user_path(name) for name in config.data.names]
            files.check_overwrites(flags.output, [target], originals)

    def finish(self, run: Run, flags: FlagValues, say: Say) -> None:
        """Writes the result to `result.png` of the run directory, and to `--output`."""
        picture = result(run)
        targets = [run.run_dir / "result.png"]
        if flags.output:
            targets.append(files.output_file(flags.output, run.config.data.label))
        for target in targets:
            pictures.write_png(target, picture)
        height, width = run.algorithm.picture().shape[:2]
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        if (height, width) != picture.shape[:2]:
            size += f", from {width}x{height}; --longer_side=0 optimises at the content's size"
        say(f"{targets[-1]}: {size}")

    def evaluate(self, run: Run, dataset: Any) -> dict[str, float]:
        """Returns the loss and its parts for the picture as it is now."""
        total, logs, _ = run.algorithm.level.evaluate()
        parts = {name.replace("loss/", "objective/"): value for name, value in logs.items()}
        return {"objective/total": total} | parts

    def sheets(self, run: Run, dataset: Any) -> dict[str, np.ndarray]:
        """Returns "picture", the picture as it is now, and "transfer", beside its sources."""
        algorithm = run.algorithm
        contents = [] if algorithm.content is None else [algorithm.content]
        picture = pictures.from_unit(algorithm.picture())
        row = [pictures.from_unit(x) for x in (*contents, *algorithm.styles)] + [picture]
        titles = ["content"] * len(contents) + ["style"] * len(algorithm.styles) + ["result"]
        scale = min(1.0, SHEET_SIDE / max(picture.shape[:2]))
        shape = tuple(round(n * scale) for n in picture.shape[:2])
        row = [pictures.fit(x, shape, "crop") for x in row]
        return {"picture": picture, "transfer": pictures.sheet([row], titles)}

    def subject(self, run: Run, dataset: Any) -> Subject:
        return Optimised(run, dataset)


class StyleOptimisation(Texture):
    """Transfers the style of a picture to the content of another by optimisation."""

    title = "Give one photograph the style of one painting, without training"
    options = {"content": "data.content", **Texture.options}
    compared = "styles"
    optimises = True
    benchmark = {**Texture.benchmark, "data.content": "photos:astronaut"}


def build(config: RunConfig, epoch: int, budget: int, kind: type[Gatys] = Gatys) -> Gatys:
    """Returns the algorithm of a configuration, with its pictures.

    Args:
        config: the configuration.
        epoch: not used.
        budget: the total number of iterations.
        kind: the class of the algorithm.

    Raises:
        InputError: a picture, mask or weights file cannot be used.
        ValueError: settings do not go together, or the network does not have a layer.
    """
    algorithm = config.algorithm
    _check(config, budget)
    taps = [tap for term in algorithm.terms().values() for tap in term]
    weights = loss_weights(algorithm, taps)
    check_taps(weights, taps)
    scales = levels(config.data, algorithm.pyramid)
    for level in scales:
        what = f"'{config.data.content}'" if config.data.content else "the result"
        check_size(weights, taps, level.height, level.width, what)
        for name, style in zip(config.data.style, level.styles, strict=True):
            if seen := kind.style_taps(algorithm):
                height, width = style.shape[:2]
                check_size(weights, seen, height, width, f"'{name}'")
    return kind(algorithm, weights, scales, seed=config.seed, xla=config.xla)


def _check(config, budget):
    """Raises ValueError if settings do not go together."""
    algorithm, data = config.algorithm, config.data
    if config.batch_size != 1:
        raise ValueError(f"batch_size={config.batch_size}: one picture is optimised; expected 1")
    if not data.content and data.colours not in ("style", "histogram"):
        raise ValueError(
            f"data.colours={data.colours}: without a content picture expected style or histogram"
        )
    coarse = sum(algorithm.pyramid_images)
    if algorithm.pyramid_images and budget <= coarse:
        raise ValueError(
            f"images={budget}: the coarser levels take {coarse} iterations and nothing is left for "
            "the last; expected more"
        )
    if not data.content and ("content" in algorithm.terms() or algorithm.init == "content"):
        raise ValueError("data.content: this configuration needs a content picture")


def levels(config: PictureConfig, pyramid: tuple[int, ...]) -> list[Level]:
    """Returns the pictures at the sizes of the pyramid, and at the size of the result.

    Args:
        config: the pictures.
        pyramid: longer sides of the coarser levels, pixels, increasing.

    Raises:
        InputError: a picture or mask cannot be used, or the sizes do not increase.
    """
    content: Any = _read(config, config.content) if config.content else None
    styles = [_read(config, name) for name in config.style]
    last = config.size or max(content.shape[:2])
    if list(pyramid) != sorted(set(pyramid) - {last}) or any(size > last for size in pyramid):
        raise InputError(
            f"algorithm.pyramid={','.join(map(str, pyramid))}: expected increasing sizes below "
            f"that of the result, {last}."
        )
    return [_level(config, content, styles, size) for size in (*pyramid, last)]


def _read(config, name):
    return read(name, lambda: given(config.range))


def _level(config, content, styles, size):
    shape = (size, size)
    if content is not None:
        content = pictures.to_unit(pictures.fit_side(content, size, max))
        shape = content.shape[:2]
    scaled = max(1, round(size * config.style_scale))
    styles = [pictures.to_unit(pictures.fit_side(style, scaled, max)) for style in styles]
    if content is not None:
        styles = [colour_style(style, content, config.colours) for style in styles]
    masks = np.stack([read_mask(name, shape) for name in config.mask]) if config.mask else None
    if masks is not None:
        check_masks(masks, len(styles))
    shares = style_shares(len(styles), config.style_weights).tolist()
    return Level(*shape, content, styles, shares, masks)


def result(run: Run) -> np.ndarray:
    """Returns the finished picture, uint8 `[H, W, 3]`.

    It has the size of the content file, and is enlarged if it was optimised at a smaller size. A
    texture keeps its own size.
    """
    config = run.config.data
    picture = pictures.from_unit(run.algorithm.picture())
    if not config.content:
        if config.colours != "histogram":
            return picture
        source = pictures.to_unit(_read(config, config.style[0]))
        return pictures.from_unit(match_histogram(pictures.to_unit(picture), source))
    content = _read(config, config.content)
    if picture.shape != content.shape:
        picture = pictures.fit(picture, content.shape[:2], "stretch")
    unit = colour_result(pictures.to_unit(picture), pictures.to_unit(content), config.colours)
    return pictures.from_unit(unit)


class Optimised(StyledPictures):
    """The optimised picture, paired with each of its styles."""

    def __init__(self, run: Run, dataset: Any):
        super().__init__(run, dataset)
        has_content = self.algorithm.content is not None
        self.names = tuple(name for name in TERMS if has_content or name.startswith("style"))

    @cached_property
    def rows(self) -> list[picture_scores.Stylised]:
        content = self.algorithm.content
        content = content if content is None else pictures.from_unit(content)
        made = pictures.from_unit(self.algorithm.picture())
        return [picture_scores.Stylised(made, content, style) for style in self.styles]

    @cached_property
    def styles(self) -> list[np.ndarray]:
        return [pictures.from_unit(style) for style in self.algorithm.styles]

    def count(self) -> int:
        return 1
