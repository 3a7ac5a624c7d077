"""Carries out `--mode=video`: stylises clips, steadies them, and measures their flicker."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from core.errors import InputError
from core.given_numbers import as_number
from core.paths import user_path
from experiments.data import clip_writers, clips, files, pictures
from experiments.data.given_pictures import frames_of
from experiments.flag_values import either
from experiments.model import Run, Say
from experiments.tasks.stylize_files import controls, style_groups, style_inputs
from experiments.tasks.trained_ranges import trained_ranges
from nst.video import Steadier

FPS = 25  # frames per second of a video made from a folder of frames
EVERY = 25  # frames between two lines of progress


def stylize_video(
    run: Run,
    frames: Iterable[np.ndarray],
    styles: Sequence = (0,),
    *,
    steady: float = 0.0,
    flow: str = "tvl1",
    flicker: dict[str, float] | None = None,
    **options: Any,
) -> Iterator[np.ndarray]:
    """Yields the stylised frames of a clip one after another; holds two in memory.

    Steadying and measuring take about 0.6 seconds per frame at 256 pixels and 1.5 at 1024,
    independent of the network. Without them, each frame costs one call of `stylize`.

    Args:
        run: a trained model that has `stylize`.
        frames: pictures of one size, see `experiments.data.given_pictures.picture`.
        styles: see `experiments.tasks.stylization.stylize`.
        steady: how much of the result before is kept where the optical flow of the content holds,
            from 0 (nothing) to below 1, see `nst.video.Steadier`.
        flow: the method of optical flow, "tvl1" or "dis", see `nst.video.Steadier`.
        flicker: a dictionary that gets the figures of `nst.video.Steadier.flicker` after the last
            frame.
        options: `alpha`, `style_weights`, `masks` and `colours`, see `tasks.stylization.stylize`.

    Yields:
        The stylised frames, uint8 `[H, W, 3]`.

    Raises:
        InputError: at the first frame, what `stylize` raises or `steady` is out of range; later, a
            frame has another size or is no picture.
    """
    try:
        steadier = Steadier(as_number("steady", steady), flow)
    except ValueError as error:
        raise InputError(str(error)) from error
    first = None
    for number, frame in enumerate(frames_of(frames), 1):
        first = frame.shape if first is None else first
        clips.check_shape(f"frame {number}", frame.shape, first)
        result = run.stylize(frame, styles, **options)
        if steady or flicker is not None:
            result = pictures.from_unit(steadier(pictures.to_unit(frame), pictures.to_unit(result)))
        yield result
    if flicker is not None:
        flicker.update(steadier.flicker())


def video_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Stylises a video or a folder of frames; returns the exit status.

    The result is a video or a folder of frames too. The command prints the number of frames and the
    figures of `nst.video.Steadier.flicker`.
    """
    clip = clips.open_clip("--content", flags.content, say, trained_ranges(run, "content"))
    groups = style_groups(run, flags)
    if len(groups) > 1:
        raise InputError(
            f"--style: {len(groups)} styles make as many videos. Give one, or mix "
            "them with --style_weights or --mask."
        )
    read = [*clip.files, *map(Path, (*groups[0], *flags.mask))]
    write = _writer(flags, clip, read)
    scores: dict[str, float] = {}
    options = controls(flags) | {"steady": flags.steady or 0.0, "flow": flags.flow or "tvl1"}
    side = either(flags, "shorter_side")
    frames = (pictures.fit_side(x, side) if side else x for x in clip.frames())
    styles = style_inputs(run, flags, groups[0])
    results = stylize_video(run, frames, styles, flicker=scores, **options)
    write(_told(results, scores, flags.content, say))
    say(f"{flags.content} -> {flags.output}")
    if clip.sound and flags.sound and flags.fps is not None:
        say("the sound is left out, as --fps changes the speed")
    print(f"{'frames':24} {scores.pop('frames'):10}")
    for name, value in scores.items():
        print(f"{f'flicker/{name}':24} {value:10.5f}")
    return 0


def _told(results, scores, name, say):
    """Yields the results, reports the progress, and refuses a clip without frames."""
    number = 0
    for number, result in enumerate(results, 1):
        yield result
        if number % EVERY == 0:
            say(f"{number} frames")
    if not number:
        raise InputError(f"--content={name}: no frames in it. Is it damaged?")
    scores["frames"] = number


def _writer(flags, clip, read):
    """Returns the function that writes results; refuses an output that cannot be written."""
    output = user_path(flags.output)
    if output.suffix and not output.is_dir():
        return _video_writer(flags, clip, read)
    if flags.fps is not None:
        raise InputError(
            f"--fps={flags.fps:g}: a folder of frames has none. Leave it out, or give "
            "an --output that ends in .mp4."
        )
    files.check_folder(flags.output)
    return _folder_writer(flags, output, clip, read)


def _folder_writer(flags, folder, clip, read):
    names = [folder / name for name in clip.names]
    taken = names or list(folder.glob(f"{'[0-9]' * 6}.png"))
    files.check_overwrites(flags.output, taken, read)

    def write(results):
        targets = names or (folder / f"{i:06}.png" for i in count(1))
        for result, target in zip(results, targets, strict=False):  # zip stops with the results
            pictures.write_png(target, result)

    return write


def _video_writer(flags, clip, read):
    target = files.output_file(flags.output, "", (".mp4", ".gif"))
    files.check_overwrites(flags.output, [target], read)
    suffix = target.suffix.lower()
    limit = clip_writers.MAX_FPS[suffix]
    if flags.fps is not None and not 1 <= flags.fps <= limit:
        raise InputError(f"--fps={flags.fps:g}: expected a number from 1 to {limit} for {suffix}.")
    timing = flags.fps or clip.times or FPS
    if suffix == ".gif":
        if timing is clip.times:
            clip_writers.check_gif_times(timing)
        return _into(target, lambda file, results: clip_writers.write_gif(file, results, timing))
    write = clip_writers.mp4_writer("give a folder")
    sound = (clip.sound, clip.sound_from) if _keeps_sound(flags, clip) else None
    return _into(target, lambda file, results: write(file, results, timing, sound))


def _into(target, write):
    """Returns the function that writes results to a file, whole or not at all."""
    return lambda results: clip_writers.write_whole(target, lambda file: write(file, results))


def _keeps_sound(flags, clip):
    """Returns whether an MP4 gets the sound of the video: not where --fps changes the speed."""
    return clip.sound and flags.sound and flags.fps is None
