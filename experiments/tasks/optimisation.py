"""What the models share that optimise one picture: no data set, a result at the end."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from experiments.data import files, pictures
from experiments.tasks.stylization import (
    digest_pixels,
    features_weights,
    levels,
    read,
    to_uint8,
    to_unit,
)
from experiments.training.config import CADENCE, RunConfig, flatten
from nst.colour import match_histogram
from nst.controls import colour_result
from nst.features import check_size, check_taps
from nst.gatys.algorithm import Gatys
from nst.weights import digest

ROLES = ()  # no data set
# flags of the runner that are settings here
OPTIONS = {
    "content": "data.content",
    "style": "data.style",
    "style_weights": "data.style_weights",
    "mask": "data.mask",
    "size": "data.size",
    "colours": "data.colours",
    "weights": "algorithm.weights",
}
SHEET_SIDE = 512  # pixels, at most


def build(config: RunConfig, *, epoch: int, budget: int, kind: type[Gatys] = Gatys) -> Gatys:
    """The algorithm with its pictures; `epoch` does not matter, `kind` is its class.

    Raises:
        InputError: a picture, mask or weights file that cannot be used.
        ValueError: layers that the network does not have.
    """
    algorithm = config.algorithm
    if config.batch_size != 1:
        raise ValueError(f"batch_size={config.batch_size}: one picture is optimised; expected 1")
    if not config.data.content and config.data.colours not in ("style", "histogram"):
        raise ValueError(f"data.colours={config.data.colours}: without a content picture expected "
                         "style or histogram")  # fmt: skip
    sums = np.cumsum(algorithm.pyramid_images)
    if len(sums) and budget <= sums[-1]:
        raise ValueError(f"images={budget}: the coarser levels take {sums[-1]} iterations and "
                         "nothing is left for the last; expected more")  # fmt: skip
    if not config.data.content and ("content" in algorithm.terms() or algorithm.init == "content"):
        raise ValueError("data.content: this configuration needs a content picture")
    weights = features_weights(algorithm)
    taps = [tap for term in algorithm.terms().values() for tap in term]
    check_taps(weights.network, taps)
    found = levels(config.data, algorithm.pyramid)
    for level in found:
        what = f"'{config.data.content}'" if config.data.content else "the result"
        check_size(weights.network, taps, level.height, level.width, what)
        for name, style in zip(config.data.style, level.styles, strict=True):
            if seen := kind.style_taps(algorithm):
                check_size(weights.network, seen, *style.shape[:2], f"'{name}'")
    built = kind(algorithm, weights, found, seed=config.seed, xla=config.xla)
    built.digest = digest(weights)
    return built


def fingerprint(run) -> dict[str, str]:
    """What the pictures and the weights are, by content."""
    data = run.config.data
    names = [name for name in (data.content, *data.style, *data.mask) if name]
    found = {name: digest_pixels(read(name)) for name in names}
    return found | {"weights": run.algorithm.digest}


def run_name(config: RunConfig, preset: RunConfig) -> str:
    """`<preset>-<pictures>`, and a hash of the settings that are not the preset's."""
    own, usual = flatten(config), flatten(preset)
    changed = {k: v for k, v in own.items() if k not in CADENCE and v != usual[k]}
    mark = hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:6]
    return f"{config.preset}-{config.data.label}" + (f"-{mark}" if changed else "")


def batches(dataset, config, *, size, batch_size, start, seed) -> Iterator[dict]:
    """Nothing, endlessly: the algorithm has its pictures."""
    while True:
        yield {}


def evaluate(algorithm: Gatys, dataset, config) -> dict[str, float]:
    """The loss and its parts for the picture as it is."""
    total, logs, _ = algorithm.level.evaluate()
    return {"objective/total": total} | {
        name.replace("loss/", "objective/"): value for name, value in logs.items()
    }


def sheets(algorithm: Gatys, dataset, config) -> dict[str, np.ndarray]:
    """`{"picture": as it is now, "transfer": beside what it is made from}`."""
    level, picture = algorithm.level.level, to_uint8(algorithm.picture())
    sources = [level.content] if level.content is not None else []
    titles = ["content"] * len(sources) + ["style"] * len(level.styles) + ["result"]
    row = [to_uint8(x) for x in (*sources, *level.styles)] + [picture]
    scale = min(1.0, SHEET_SIDE / max(picture.shape[:2]))
    shape = tuple(round(n * scale) for n in picture.shape[:2])
    row = [pictures.fit(x, shape, "crop") for x in row]
    return {"picture": picture, "transfer": pictures.sheet([row], titles)}


def result(run) -> np.ndarray:
    """The finished picture at the content's own size (a texture's: as it is), uint8 `[H, W, 3]`.

    Enlarged where it was optimised smaller.
    """
    config = run.config.data
    picture = to_uint8(run.algorithm.picture())
    if not config.content:
        source = to_unit(read(config.style[0]))
        if config.colours == "histogram":
            return to_uint8(match_histogram(to_unit(picture), source))
        return picture
    content = read(config.content)
    if picture.shape != content.shape:
        picture = pictures.fit(picture, content.shape[:2], "stretch")
    return to_uint8(colour_result(to_unit(picture), to_unit(content), config.colours))


def prepare(flags, config: RunConfig) -> None:
    """What can be refused before the work: an output that cannot be written."""
    if flags.output:
        target = files.output_file(flags.output, config.data.label)
        data = config.data
        names = [
            Path(name).expanduser() for name in (data.content, *data.style, *data.mask) if name
        ]
        files.check_overwrites(flags.output, [target], names)


def finish(run, flags, say) -> None:
    """Writes the result to `--output`, and beside the run's samples."""
    picture = result(run)
    targets = [run.run_dir / "result.png"]
    if flags.output:
        targets.append(files.output_file(flags.output, run.config.data.label))
    for target in targets:
        pictures.write_png(target, picture)
    height, width = run.algorithm.picture().shape[:2]
    size = f"{picture.shape[1]}x{picture.shape[0]}"
    if (height, width) != picture.shape[:2]:
        size += f", from {width}x{height}; --size=0 optimises at the content's size"
    say(f"{targets[-1]}: {size}")
