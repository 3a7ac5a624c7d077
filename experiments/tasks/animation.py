"""A walk through the pictures of a generator, as GIF or MP4."""

import math

import numpy as np
from scipy.interpolate import CubicSpline

from core.errors import InputError
from experiments.data import clips, files
from experiments.metrics.sampling import (
    chosen_seeds,
    generate_from,
    has_styles,
    labels,
    latents,
    styling,
    synthesize,
    ws,
)

FRAMES, FPS = 120, 25


def interpolate_mode(run, flags, say) -> int:
    """`--mode=interpolate`: from seed to seed and back to the first one.

    In w along a spline for a style-based model; in z along great circles, or along lines where z is
    uniform, for others.
    """
    seeds = chosen_seeds(run, flags, "0-5")
    frames = FRAMES if flags.frames is None else flags.frames
    fps = FPS if flags.fps is None else flags.fps
    if len(seeds) < 2 or frames < 2:
        raise InputError(f"--seeds={flags.seeds}, --frames={frames}: expected two or more of each.")
    target = files.output_file(flags.output, "interpolation", tuple(clips.MAX_FPS))
    limit = clips.MAX_FPS[target.suffix.lower()]
    if not 1 <= fps <= limit:
        raise InputError(f"--fps={fps:g}: expected a number from 1 to {limit} for {target.suffix}.")
    gif = target.suffix.lower() == ".gif"
    write = clips.write_gif if gif else clips.mp4_writer("give a name that ends in .gif")
    made = _walk(run.algorithm, seeds, frames, flags)
    clips.write_whole(target, lambda path: write(path, made, fps))
    say(f"written: {target}, {frames} frames")
    return 0


def _walk(algorithm, seeds, frames, flags):
    """uint8 `[frames, H, W, 3]`."""
    if has_styles(algorithm.generator):
        points = ws(algorithm, seeds, *styling(flags))
        return synthesize(algorithm.generator, spline(points, frames))
    straight = getattr(algorithm, "latent", "normal") == "uniform"
    z = arcs(latents(algorithm, seeds), frames, straight)
    # one class all along: there is nothing between two
    return generate_from(algorithm, z, labels(algorithm, [0] * frames, flags.label))


def spline(points: np.ndarray, frames: int) -> np.ndarray:
    """A closed smooth curve through `points [K, ...]`, evenly timed: float32 `[frames, ...]`, of
    which the first is the first point."""
    closed = np.concatenate([points, points[:1]])
    curve = CubicSpline(np.arange(len(closed)), closed, bc_type="periodic")
    return np.float32(curve(np.arange(frames) * len(points) / frames))


def arcs(points: np.ndarray, frames: int, straight: bool = False) -> np.ndarray:
    """A closed walk through `points [K, D]`, evenly timed: float32 `[frames, D]`.

    Args:
        straight: along lines. Otherwise along arcs, on which normal z keep their usual length
            (White 2016, https://arxiv.org/abs/1609.04468).
    """
    places = np.arange(frames) * len(points) / frames
    return np.float32([_between(points, place, straight) for place in places])


def _between(points, place, straight):
    i, t = int(place), place % 1
    a, b = points[i].astype(np.float64), points[(i + 1) % len(points)].astype(np.float64)
    cosine = a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12)
    angle = math.acos(np.clip(cosine, -1, 1))
    if straight or math.sin(angle) < 1e-6:
        return a + (b - a) * t
    return (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)
