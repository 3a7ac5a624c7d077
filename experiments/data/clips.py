"""Reads videos and folders of frames as streams of pictures."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import ModuleType

import numpy as np

from core.errors import InputError
from core.files import open_regular
from core.paths import user_path
from experiments.data import files, pictures
from experiments.data.ranges import Ranges

EXACT = "flags=accurate_rnd+full_chroma_int"  # colours without the shortcuts of FFmpeg's scaler
USUAL = 25  # frames per second of a video that does not say it
APART = Fraction(1, 1000)  # seconds between frames for which a damaged video gives one time
# a list of other files is no video, and nothing but the video is opened; hundredths of a second
# under 2 in a GIF are kept, and 0 is 10 as in browsers
OPTIONS = {"protocol_whitelist": "none", "min_delay": "1"}


@dataclass(frozen=True)
class Clip:
    """A video or a folder of frames.

    Attributes:
        frames: a function that yields the frames, uint8 `[H, W, 3]`, one at a time.
        files: the files that are read: the frames, or the video.
        names: a PNG name for each frame; empty for a video.
        times: when each frame of a video begins, seconds after the first one, and last when the
            last one ends; empty for a folder.
        sound: the file that has sound to the pictures, if there is one.
        sound_from: the time in that file at which the first frame is shown, seconds.
    """

    frames: Callable[[], Iterator[np.ndarray]]
    files: list[Path]
    names: Sequence[Path] = ()
    times: Sequence[Fraction] = ()
    sound: Path | None = None
    sound_from: Fraction = Fraction(0)


def open_clip(
    flag: str,
    source: str,
    say: Callable[[str], None] = lambda line: None,
    known: Ranges | None = None,
) -> Clip:
    """Opens a clip: a folder of frames, or a video in any format that FFmpeg reads.

    Frames of a folder come in the order of the numbers in their names, 2 before 10.

    Args:
        flag: the flag that names it, such as "--content", for messages.
        source: the path of the folder or the file.
        say: takes a line on the range of frames that have more than 8 bits,
        known: and their ranges that are not guessed, see `experiments.data.ranges`.

    Raises:
        InputError: it does not exist, the video is damaged, PyAV is missing, or the frames have
            several sizes. A damaged picture in a folder is noticed only when it is read.
    """
    path = user_path(source, flag)
    if not path.exists():
        raise InputError(f"{flag}={source}: does not exist. Give a video or a folder of frames.")
    if path.is_dir():
        return _folder(flag, path, say, known)
    if path.suffix.lower() in pictures.EXTENSIONS - {".gif"}:
        raise InputError(
            f"{flag}={source}: a picture. Give a video or a folder of frames; --mode=stylize takes "
            "pictures."
        )
    return _video(path)


def _folder(flag, folder, say, known):
    frames = [path for path in pictures.find(folder) if path.parent == folder]
    if not frames:
        raise InputError(
            f"{flag}={folder}: no frames in this folder. Expected pictures in it, not in folders "
            "below."
        )
    frames.sort(key=lambda path: natural(path.name))
    first = pictures.shape(frames[0])
    for path in frames[1:]:
        check_shape(f"the frame {path}", pictures.shape(path), first)
    ranges = pictures.ranges_of(flag, frames, say, known)
    return Clip(
        lambda: (pictures.read(path, find_ranges=ranges) for path in frames),
        frames,
        files.names(frames, folder),
    )


def natural(name: str) -> tuple[list[int | str], str]:
    """Returns a key that sorts names by the numbers in them: frame2 before frame10."""
    parts = re.split("([0-9]+)", name)
    return [int(part) if i % 2 else part.lower() for i, part in enumerate(parts)], name


def check_shape(name: str, shape: tuple[int, ...], first: tuple[int, ...]) -> None:
    """Raises InputError for a frame that has not the height and width of the first one."""
    if tuple(shape[:2]) != tuple(first[:2]):
        raise InputError(
            f"{name}: {shape[1]}x{shape[0]} pixels, expected {first[1]}x{first[0]} as the first "
            "frame. Resize it or leave it out."
        )


# --- reading videos


def _video(path):
    av = pyav(f"the video {path}", "give a folder of frames")
    try:
        start, times, sound = _check_all(av, path)
    except InputError:
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    heard = path if sound else None
    return Clip(lambda: _decode(av, path), [path], (), times, heard, start)


def _check_all(av, path):
    """Decodes the whole video, which is fast, to notice damage before the work and not after it.

    Returns:
        When the first frame is shown, seconds; `Clip.times`; and whether there is sound.
    """
    with opened(av, path) as container:
        shown = [(_seconds(frame, frame.pts), frame.duration) for frame in _frames(container)]
        stream = container.streams.video[0]
        rate, base = stream.average_rate or USUAL, stream.time_base
        sound = bool(container.streams.audio)
    if not shown:
        return Fraction(0), [], sound
    starts = [time for time, _ in shown]
    if None in starts:  # raw streams of a codec
        return Fraction(0), [i / Fraction(rate) for i in range(len(shown) + 1)], sound
    length = (shown[-1][1] or 0) * base or _last_step(starts) or 1 / Fraction(rate)
    return starts[0], _increasing([*starts, starts[-1] + length]), sound


def _seconds(frame, ticks):
    return None if ticks is None or frame.time_base is None else ticks * frame.time_base


def _last_step(starts):
    return starts[-1] - starts[-2] if len(starts) > 1 else 0


def _increasing(starts):
    """Times from 0 on; those that do not increase, which is damage, are moved a little."""
    times = [Fraction(0)]
    for start in starts[1:]:
        time = start - starts[0]
        times.append(time if time > times[-1] else times[-1] + APART)
    return times


@contextmanager
def opened(av: ModuleType, path: Path) -> Iterator:
    """Opens a video that is a regular file, as a container of PyAV.

    Raises:
        InputError: it is no regular file.
        OSError: it cannot be opened.
        ValueError: there are no pictures in it, or FFmpeg cannot read it.
    """
    with open_regular(path) as file, av.open(file, options=OPTIONS) as container:
        if not container.streams.video:
            raise ValueError("there are no pictures in it")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"err_detect": "explode"}  # no guessing at damage
        yield container


def _frames(container):
    """Yields the frames of an open video; ValueError if one of them is damaged."""
    for packet in container.demux(container.streams.video[0]):
        if packet.is_corrupt:
            raise ValueError("a part of it is missing or damaged")
        for frame in packet.decode():
            if frame.is_corrupt:
                raise ValueError("a frame of it is damaged")
            yield frame


def _decode(av, path):
    """Yields each frame once, as uint8 `[H, W, 3]`, upright, in exact colours."""
    try:
        with opened(av, path) as container:
            frames = _frames(container)
            first = next(frames, None)
            if first is None:
                return
            turns = round(first.rotation / 90)  # how a telephone was held
            filters = [("scale", EXACT), ("format", "rgb24")]
            for frame in filtered(av, chain([first], frames), filters):
                yield np.ascontiguousarray(np.rot90(frame.to_ndarray(), turns))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def filtered(av: ModuleType, frames: Iterator, filters: Sequence[tuple[str, str]]) -> Iterator:
    """Yields frames of PyAV after FFmpeg's filters, which are given as (name, options)."""
    graph = None
    for frame in frames:
        graph = graph or _graph(av, frame, filters)
        graph.vpush(frame)
        yield from _ready(av, graph)
    if graph is not None:
        graph.vpush(None)
        yield from _ready(av, graph)


def _graph(av, frame, filters):
    graph = av.filter.Graph()
    size = {"width": frame.width, "height": frame.height}
    source = graph.add_buffer(**size, format=frame.format, time_base=frame.time_base)
    nodes = [graph.add(name, options) for name, options in filters]
    graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
    return graph


def _ready(av, graph):
    """Yields the frames that have come out of the filters so far."""
    with suppress(av.BlockingIOError, av.EOFError):
        while True:
            yield graph.vpull()


def _unreadable(path, reason):
    return InputError(
        f"Cannot read the video {path}: {reason}. Truncated or damaged? Convert it to MP4 or to a "
        "folder of frames."
    )


def pyav(what: str, instead: str) -> ModuleType:
    """Returns PyAV, which reads and writes videos; InputError if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise InputError(f"{what} needs PyAV. pip install -e '.[video]', or {instead}.") from error
    return av
