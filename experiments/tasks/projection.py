"""Finds the w of a given picture, and writes it with the pictures on the way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from core import engine
from core.errors import InputError
from core.paths import user_path
from experiments.data import clip_writers, files, pictures
from experiments.metrics.features import as_rgb
from experiments.metrics.lpips import Embedding, embedding
from experiments.metrics.sampling import Sampler, labels
from experiments.model import Run, Say
from experiments.tasks.saved_w import write_w
from experiments.tasks.seeds import check_styles, one_class, sampler
from experiments.tasks.trained_ranges import trained_ranges
from experiments.training.imported import check_imported
from gan.projection import Projector

STEPS, MAX_STEPS = 1000, 100_000  # every step's w is kept
SAMPLES, SAMPLES_SEED, SAMPLES_BATCH = 10_000, 123, 500  # w that the mean is taken of; official
FRAMES, FPS = 100, 25  # of the GIF, at most
NAMES = {
    "lpips": "LPIPS on VGG-16 (published weights)",
    "hed": "the distance on HED's VGG-16, which is not LPIPS",
}


def project_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Carries out `--mode=project`; returns the exit status.

    Writes `target.png`, `projection.png`, `w.npz` and `projection.gif`, which has the target at the
    left and the way to the projection at the right.
    """
    check_styles(run, "--mode=project")
    files.check_folder(flags.output)
    folder, steps = user_path(flags.output), _steps(flags)
    check_imported(run, "G", "--mode=project")
    label = one_class(flags, "--mode=project")
    labels(run.algorithm, [0], label)
    source = user_path(flags.input)
    ranges = pictures.ranges_of("--input", [source], say, trained_ranges(run, "image"))
    target = fitted(run, pictures.read(source, run.algorithm.channels, ranges), say)
    files.check_overwrites(flags.output, [folder / "target.png"], [source])
    features = perceptual(flags.distance, flags.metric_networks, say)
    engine.setup(deterministic=run.config.deterministic)
    way = project(run, target, features, steps=steps, label=label, say=say)
    write(run, folder, target, way)
    say(f"written: target.png, projection.png, w.npz and projection.gif in {folder}")
    return 0


def _steps(flags):
    steps = STEPS if flags.steps is None else flags.steps
    if not 1 <= steps <= MAX_STEPS:
        raise InputError(f"--steps={steps}: expected 1 to {MAX_STEPS:,}; published: {STEPS}.")
    return steps


def fitted(run: Run, picture: np.ndarray, say: Say = print) -> np.ndarray:
    """Returns a picture, uint8 `[H, W, C]`, at the size of the run's pictures; says if it changed.

    Args:
        run: the run.
        picture: uint8 `[h, w, C]`, of any size; what is too long is cut off at both ends.
        say: takes lines for a person.
    """
    height, width = sampler(run).pictures([0]).shape[1:3]
    if picture.shape[:2] == (height, width):
        return picture
    given = f"{picture.shape[1]}x{picture.shape[0]}"
    say(
        f"the picture of {given} pixels (width x height) is cropped and resized to {width}x{height}"
        ", as this model's"
    )
    return pictures.fit(picture, (height, width), "crop")


def perceptual(name: str | None, folder: str | None = None, say: Say = print) -> Embedding:
    """Returns the features of a distance, and says which one.

    Args:
        name: "lpips" or "hed"; None for LPIPS where its files can be had, else the other.
        folder: the folder of published files, see `experiments.metrics.published.find`.
        say: takes lines for a person.

    Raises:
        InputError: its networks cannot be had.
    """
    try:
        found = embedding(name or "lpips", folder)
    except InputError as error:
        if name is not None:
            raise
        say(f"no LPIPS: {error}")
        found, name = embedding("hed"), "hed"
    say(f"distance: {NAMES[name or 'lpips']}")
    return found


def w_samples(run: Run, label: int | None = None) -> np.ndarray:
    """Returns samples of w, float32 `[SAMPLES, w_dim]`, without truncation.

    Args:
        run: the run of a style-based model.
        label: the class of all; None for all classes in turn.

    Source: NVlabs/stylegan2-ada-pytorch @ d72cc7d, projector.py (number and seed).
    """
    algorithm = run.algorithm
    made = Sampler(algorithm, SAMPLES_BATCH)
    random, rows = np.random.RandomState(SAMPLES_SEED), []
    for start in range(0, SAMPLES, SAMPLES_BATCH):
        numbers = range(start, min(start + SAMPLES_BATCH, SAMPLES))
        z = random.randn(len(numbers), algorithm.latent_size).astype(np.float32)
        rows.append(made.ws_of(z, labels(algorithm, numbers, label))[:, 0])
    return np.concatenate(rows)


def project(
    run: Run,
    target: np.ndarray,
    features: Callable[..., Any],
    *,
    steps: int = STEPS,
    label: int | None = None,
    say: Say = print,
) -> np.ndarray:
    """Returns the w after each step, float32 `[steps, w_dim]`; the last one is the projection.

    Args:
        run: the run of a style-based model.
        target: the picture, uint8 `[H, W, C]` of the size of the run's pictures.
        features: see `perceptual`.
        steps: how many steps.
        label: the class whose mean w is the start, for a model with classes; None: of all.
        say: takes lines for a person.
    """
    algorithm = run.algorithm
    projector = Projector(
        algorithm.generator.synthesis,
        [*algorithm.sampling_network.variables, *features.variables],  # type: ignore[attr-defined]
        lambda images: features(as_rgb(images)),
        pictures.to_signed(target),
        w_samples(run, label),
        layers=sampler(run).ws([0]).shape[1],
    )
    way = []
    for w, distance in projector.steps(steps):
        way.append(w)
        if len(way) % max(1, steps // 10) == 0:
            say(f"step {len(way)} of {steps}: distance {distance:.4f}")
    return np.array(way, np.float32)


def write(run: Run, folder: Path, target: np.ndarray, way: np.ndarray) -> None:
    """Writes the four files of a projection.

    Args:
        run: the run.
        folder: where to; it exists.
        target: the picture, uint8 `[H, W, C]`.
        way: the w after each step, `[steps, w_dim]`.
    """
    made = sampler(run)
    layers = made.ws([0]).shape[1]
    shown = np.unique(np.linspace(0, len(way) - 1, min(FRAMES, len(way))).round().astype(int))
    images = made.from_ws(np.repeat(way[shown, None], layers, axis=1))
    pictures.write_png(folder / "target.png", target)
    pictures.write_png(folder / "projection.png", images[-1])
    write_w(folder / "w.npz", np.repeat(way[-1:, None], layers, axis=1))
    frames = [pictures.to_rgb(np.concatenate([target, image], axis=1)) for image in images]
    clip_writers.write_whole(
        folder / "projection.gif", lambda file: clip_writers.write_gif(file, frames, FPS)
    )
