"""A walk through the pictures of a generator, as GIF or MP4."""

import math
import os
import uuid
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.interpolate import CubicSpline

from core.errors import InputError
from experiments import files
from experiments.sampling import (
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
MAX_FPS = {".gif": 50, ".mp4": 240}  # a GIF counts in hundredths of a second


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
    target = files.output_file(flags.output, "interpolation", tuple(MAX_FPS))
    limit = MAX_FPS[target.suffix.lower()]
    if not 1 <= fps <= limit:
        raise InputError(f"--fps={fps:g}: expected a number from 1 to {limit} for {target.suffix}.")
    write = write_gif if target.suffix.lower() == ".gif" else _mp4_writer()
    made = _walk(run.algorithm, seeds, frames, flags)
    _write_whole(target, lambda path: write(path, made, fps))
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


def write_gif(path: Path, made: np.ndarray, fps: float) -> None:
    """A GIF that starts again at its end; frames last whole hundredths of a second."""
    first, *others = (Image.fromarray(frame) for frame in made)
    hundredths = round(100 / fps)
    first.save(path, "GIF", save_all=True, append_images=others, duration=10 * hundredths, loop=0)


def _mp4_writer():
    """The function that writes an MP4, if what it needs is installed."""
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise InputError("--output: an MP4 needs imageio-ffmpeg. pip install -e '.[video]', or "
                         "give a name that ends in .gif.") from error  # fmt: skip

    def write(path, made, fps):
        height, width = made.shape[1:3]
        # H.264 in colours that every player shows takes even sizes
        options = {"fps": fps, "macro_block_size": 2, "quality": 8, "ffmpeg_log_level": "error"}
        writer = imageio_ffmpeg.write_frames(str(path), (width, height), **options)
        writer.send(None)
        for frame in made:
            writer.send(np.ascontiguousarray(frame))
        writer.close()

    return write


def _write_whole(target, write):
    """Writes a file under another name and renames it: all of it or nothing."""
    temporary = target.parent / f".{uuid.uuid4().hex}{target.suffix.lower()}"
    try:
        write(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error}. Choose another place.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
