"""Writes a walk through the pictures of a generator as GIF or MP4."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl.flags import FlagValues
from scipy.interpolate import CubicSpline

from core.errors import InputError
from experiments.data import clip_writers, files, pictures
from experiments.metrics.sampling import labels, latents
from experiments.model import Run, Say
from experiments.tasks.seeds import (
    check_pictures,
    check_together,
    chosen_classes,
    chosen_seeds,
    chosen_ws,
    controls,
    sampler,
)
from gan.stylegan3.transforms import inverse_transform

FRAMES, FPS = 120, 25
RADIUS = 0.125  # of the circle that pictures move along, parts of their side


def interpolate_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Carries out `--mode=interpolate`, a walk from seed to seed and back; returns the exit status.

    With several classes the seeds have them in turn, and if there are more classes than seeds, the
    seeds come in turn, too: a single seed walks from class to class.

    For a style-based model the walk is a spline through w. For others it goes through z, along
    great circles, or along lines if z is uniform.
    """
    points, frames = _points(run, flags, "0-5"), _frames(flags)
    if len(points) < 2 or frames < 2:
        given = f"--w={','.join(flags.w)}" if flags.w else f"--seeds={flags.seeds}"
        raise InputError(f"{given}, --frames={frames}: expected two or more of each.")
    check_pictures(run, frames, f"--frames={frames}")
    write = _writer(flags, "interpolation")
    if flags.w:
        made = sampler(run).from_ws(spline(points, frames))
    else:
        made = walk(run, points, frames, **controls(flags))
    return write(made, say)


def video_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Carries out `--mode=video`; returns the exit status.

    Without `--motion` it is `interpolate_mode`. With it, pictures also move along a circle or turn
    once about their centre, while w walks from seed to seed or, for a single one, stays.
    """
    if flags.motion is None:
        return interpolate_mode(run, flags, say)
    if not run.algorithm.has_transform:
        raise InputError(
            f"--motion={flags.motion}: this {run.config.model} takes no transform. Leave it out, "
            "or give the --run_dir of a model that takes one."
        )
    points, frames = _points(run, flags, "0"), _frames(flags)
    if frames < 2:
        raise InputError(f"--frames={frames}: expected two or more.")
    check_pictures(run, frames, f"--frames={frames}")
    write = _writer(flags, "video")
    if not flags.w:
        points = sampler(run).ws(points, **controls(flags))
    ws = spline(points, frames) if len(points) > 1 else np.repeat(points, frames, axis=0)
    return write(sampler(run).from_ws(ws, transform=MOTIONS[flags.motion](frames)), say)


def circle(frames: int, radius: float = RADIUS) -> np.ndarray:
    """Returns transforms that move pictures along a circle, clockwise, float32 `[frames, 3, 3]`.

    Args:
        frames: how many places on the circle; the first one is at the right.
        radius: its radius, parts of the side of a picture.
    """
    angles = 2 * np.pi * np.arange(frames) / frames
    places = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.array([inverse_transform(place) for place in places])


def turn(frames: int) -> np.ndarray:
    """Returns transforms that turn pictures once, counter-clockwise, float32 `[frames, 3, 3]`."""
    return np.array([inverse_transform(degrees=360 * i / frames) for i in range(frames)])


MOTIONS = {"circle": circle, "turn": turn}


def _points(run, flags, text):
    """The seeds, as many as there are classes or more, or the styles of `--w`."""
    text = flags.seeds or text
    if flags.w:
        return chosen_ws(run, flags, text)[1]
    seeds = chosen_seeds(run, flags, text)
    check_together(run, len(seeds), "--seeds")
    count = max(len(seeds), len(chosen_classes(flags) or ()))
    return [seeds[i % len(seeds)] for i in range(count)]


def _frames(flags):
    return FRAMES if flags.frames is None else flags.frames


def _writer(flags, name):
    """Returns the function that writes frames to `--output`, after checking that it can be.

    Args:
        flags: the flags.
        name: what the file is called in a folder.
    """
    fps = FPS if flags.fps is None else flags.fps
    target = files.output_file(flags.output, name, tuple(clip_writers.MAX_FPS))
    limit = clip_writers.MAX_FPS[target.suffix.lower()]
    if not 1 <= fps <= limit:
        raise InputError(f"--fps={fps:g}: expected a number from 1 to {limit} for {target.suffix}.")
    write = clip_writers.write_gif
    if target.suffix.lower() == ".mp4":
        write = clip_writers.mp4_writer("give a name that ends in .gif")

    def written(frames, say):
        frames = pictures.to_rgb(frames)  # neither GIF nor MP4 has an opacity
        clip_writers.write_whole(target, lambda path: write(path, frames, fps))
        say(f"written: {target}, {len(frames)} frames")
        return 0

    return written


def walk(
    run: Run,
    seeds: Sequence[int],
    frames: int,
    *,
    label: int | Sequence[int] | None = None,
    **truncation: Any,
) -> np.ndarray:
    """Returns the pictures of a closed walk through seeds, uint8 `[frames, H, W, C]`.

    Args:
        run: the run of a trained generator.
        seeds: two or more seeds. The walk begins at the first one and ends just before it.
        frames: how many pictures, evenly timed.
        label: the class of all pictures, or the classes of the seeds, in turn.
        truncation: see `experiments.metrics.sampling.Sampler.ws`.

    Raises:
        InputError: there are several classes, and the model has no w through which to walk from
            one to the other.
    """
    made, algorithm = sampler(run), run.algorithm
    if algorithm.has_styles:
        points = made.ws(seeds, label=label, **truncation)
        return made.from_ws(spline(points, frames))
    if isinstance(label, Sequence) and len(label) > 1:
        raise InputError(
            f"--label={','.join(map(str, label))}: a walk from class to class goes "
            f"through w, which this {run.config.model} does not have. Give one class."
        )
    z = arcs(latents(algorithm, seeds), frames, algorithm.latent == "uniform")
    # one class for all pictures: there is nothing between two classes
    return made.from_z(z, labels(algorithm, [0] * frames, label))


def spline(points: np.ndarray, frames: int) -> np.ndarray:
    """Returns a closed smooth curve through points, evenly timed, float32 `[frames, ...]`.

    Args:
        points: the points, `[K, ...]`; the curve begins at the first one.
        frames: how many places on the curve.
    """
    closed = np.concatenate([points, points[:1]])
    curve = CubicSpline(np.arange(len(closed)), closed, bc_type="periodic")
    return np.float32(curve(np.arange(frames) * len(points) / frames))


def arcs(points: np.ndarray, frames: int, straight: bool = False) -> np.ndarray:
    """Returns a closed walk through points, evenly timed, float32 `[frames, D]`.

    Args:
        points: the points, `[K, D]`; the walk begins at the first one.
        frames: how many places on the walk.
        straight: walk along lines. Otherwise the walk follows arcs, on which normal z keep their
            usual length (White 2016, https://arxiv.org/abs/1609.04468).
    """
    places = np.arange(frames) * len(points) / frames
    return np.array([_between(points, place, straight) for place in places], np.float32)


def _between(points, place, straight):
    i, t = int(place), place % 1
    a, b = points[i].astype(np.float64), points[(i + 1) % len(points)].astype(np.float64)
    cosine = a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12)
    angle = math.acos(np.clip(cosine, -1, 1))
    if straight or math.sin(angle) < 1e-6:
        return a + (b - a) * t
    return (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)
