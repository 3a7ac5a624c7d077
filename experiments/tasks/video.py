"""`--mode=video`: clips with a trained network, steadied, and how much they flicker."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from core.errors import InputError
from experiments.data import clips, files, pictures
from experiments.tasks.stylization import controls, style_groups, style_inputs, to_uint8, to_unit
from nst.video import Steadier

FPS = 25  # of a video made of a folder of frames
EVERY = 25  # frames between two lines that say how far it is


def stylize_video(
    run,
    frames: Iterable[np.ndarray],
    styles: Sequence = (0,),
    *,
    steady: float = 0.0,
    flicker: dict[str, float] | None = None,
    **options,
) -> Iterator[np.ndarray]:
    """Stylises the frames of a clip one after another; holds two at a time.

    Args:
        run: a trained model that has `stylize`.
        frames: uint8 `[H, W, 3]`, all of one size.
        styles: as of `experiments.tasks.stylization.stylize`.
        steady: how much of the result before is kept where the optical flow of the content holds,
            from 0 (nothing) to below 1, see `nst.video.Steadier`.
        flicker: a dictionary that gets the figures of `nst.video.Steadier.flicker` after the last
            frame.
        options: `alpha`, `weights`, `masks` and `colours`, see `tasks.stylization.stylize`.

    Yields:
        uint8 `[H, W, 3]`, one a frame. Steadying and measuring cost about 0.6 seconds a frame at
        256 pixels and 1.5 at 1024, whatever the network; without them only `stylize` is done.

    Raises:
        InputError: at the first frame: what `stylize` raises, or `steady` out of range; later: a
            frame of another size.
    """
    try:
        steadier = Steadier(steady)
    except ValueError as error:
        raise InputError(str(error)) from error
    first = None
    for number, frame in enumerate(frames, 1):
        first = frame.shape if first is None else first
        clips.check_shape(f"frame {number}", frame.shape, first)
        result = run.stylize(frame, styles, **options)
        if steady or flicker is not None:
            result = to_uint8(steadier(to_unit(frame), to_unit(result)))
        yield result
    if flicker is not None:
        flicker.update(steadier.flicker())


def video_mode(run, flags, say) -> int:
    """A video or a folder of frames to a video or a folder of frames; returns the exit status.

    Prints the number of frames and the figures of `nst.video.Steadier.flicker`.
    """
    clip = clips.open_clip("--content", flags.content)
    groups = style_groups(run, flags)
    if len(groups) > 1:
        raise InputError(f"--style: {len(groups)} styles make as many videos. Give one, or mix "
                         "them with --style_weights or --mask.")  # fmt: skip
    read = [*clip.files, *map(Path, (*groups[0], *flags.mask))]
    write, scores = _writer(flags, clip, read), {}
    options = controls(flags) | {"steady": flags.steady or 0.0}
    frames = (pictures.fit_side(x, flags.size) if flags.size else x for x in clip.frames())
    styles = style_inputs(run, flags, groups[0])
    results = stylize_video(run, frames, styles, flicker=scores, **options)
    write(_told(results, scores, flags.content, say))
    say(f"{flags.content} -> {flags.output}")
    print(f"{'frames':24} {scores.pop('frames'):10}")
    for name, value in scores.items():
        print(f"{f'flicker/{name}':24} {value:10.5f}")
    return 0


def _told(results, scores, name, say):
    """The results; says how far it is, counts them, and refuses a clip of none."""
    number = 0
    for number, result in enumerate(results, 1):
        yield result
        if number % EVERY == 0:
            say(f"{number} frames")
    if not number:
        raise InputError(f"--content={name}: no frames in it. Is it damaged?")
    scores["frames"] = number


def _writer(flags, clip, read):
    """The function that writes results; refuses what can be refused before the first is made."""
    output = Path(flags.output).expanduser()
    if output.suffix and not output.is_dir():
        return _video_writer(flags, clip, read)
    if flags.fps is not None:
        raise InputError(f"--fps={flags.fps:g}: a folder of frames has none. Leave it out, or give "
                         "an --output that ends in .mp4.")  # fmt: skip
    files.check_folder(flags.output)
    return _folder_writer(flags, output, clip, read)


def _folder_writer(flags, folder, clip, read):
    names = [folder / name for name in clip.names]
    taken = names or list(folder.glob(f"{'[0-9]' * 6}.png"))
    files.check_overwrites(flags.output, taken, read)

    def write(results):
        targets = names or (folder / f"{i:06}.png" for i in count(1))
        for result, target in zip(results, targets, strict=False):  # results end first
            pictures.write_png(target, result)

    return write


def _video_writer(flags, clip, read):
    target = files.output_file(flags.output, "", (".mp4",))
    files.check_overwrites(flags.output, [target], read)
    if flags.fps is not None and not 1 <= flags.fps <= clips.MAX_FPS[".mp4"]:
        raise InputError(f"--fps={flags.fps:g}: expected a number from 1 to "
                         f"{clips.MAX_FPS['.mp4']}.")  # fmt: skip
    write, fps = clips.mp4_writer("give a folder"), flags.fps or clip.fps or FPS
    return lambda results: clips.write_whole(target, lambda path: write(path, results, fps))
