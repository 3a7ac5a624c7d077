"""Reads videos and folders of frames as streams of pictures, and writes streams as GIF or MP4."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np
from PIL import Image

from core import files as core_files
from core.errors import InputError
from experiments.data import files, pictures

MAX_FPS = {".gif": 50, ".mp4": 240}  # GIF times are hundredths of a second
EXACT = "flags=accurate_rnd+full_chroma_int"  # colours without the shortcuts of FFmpeg's scaler
SMPTE170M = 6  # the matrix of BT.601 in H.264, ITU-T H.264 table E-5


@dataclass(frozen=True)
class Clip:
    """A video or a folder of frames.

    Attributes:
        frames: a function that yields the frames, uint8 `[H, W, 3]`, one at a time.
        files: the files that are read: the frames, or the video.
        names: a PNG name for each frame; empty for a video.
        fps: frames per second; None if it is not known.
    """

    frames: Callable[[], Iterator[np.ndarray]]
    files: list[Path]
    names: Sequence[Path] = ()
    fps: float | None = None


def open_clip(flag: str, source: str) -> Clip:
    """Opens a clip: a folder of frames, or a video in any format that FFmpeg reads.

    Frames of a folder come in the order of the numbers in their names, 2 before 10.

    Args:
        flag: the flag that names it, such as "--content", for messages.
        source: the path of the folder or the file.

    Raises:
        InputError: it does not exist, the video is damaged, PyAV is missing, or the frames have
            several sizes. A damaged picture in a folder is noticed only when it is read.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(f"{flag}={source}: does not exist. Give a video or a folder of frames.")
    if path.is_dir():
        return _folder(flag, path)
    if path.suffix.lower() in pictures.EXTENSIONS - {".gif"}:
        raise InputError(
            f"{flag}={source}: a picture. Give a video or a folder of frames; --mode=stylize takes "
            "pictures."
        )
    return _video(path)


def _folder(flag, folder):
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
    return Clip(lambda: map(pictures.read, frames), frames, files.names(frames, folder))


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
    av = _pyav(f"the video {path}", "give a folder of frames")
    try:
        rate = _check_all(av, path)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return Clip(lambda: _decode(av, path, rate), [path], fps=float(rate) if rate else None)


def _check_all(av, path):
    """Decodes the whole video, which is fast, to notice damage before the work and not after it.

    Returns:
        The mean frame rate, a fraction; None if the file does not have it.
    """
    with _opened(av, path) as container:
        for _ in _frames(container):
            pass
        return container.streams.video[0].average_rate or None


def _opened(av, path):
    container = av.open(f"file:{path}")
    if not container.streams.video:
        container.close()
        raise ValueError("there are no pictures in it")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    stream.codec_context.options = {"err_detect": "explode"}  # no guessing at damage
    return container


def _frames(container):
    """Yields the frames of an open video; ValueError if one of them is damaged."""
    for packet in container.demux(container.streams.video[0]):
        if packet.is_corrupt:
            raise ValueError("a part of it is missing or damaged")
        for frame in packet.decode():
            if frame.is_corrupt:
                raise ValueError("a frame of it is damaged")
            yield frame


def _decode(av, path, rate):
    """Yields the frames as uint8 `[H, W, 3]`, upright, in exact colours, at a constant rate.

    A variable rate becomes its mean: some frames are left out, others repeated.
    """
    steady = [("fps", str(rate))] if rate else []
    filters = [*steady, ("scale", EXACT), ("format", "rgb24")]
    try:
        with _opened(av, path) as container:
            frames = _frames(container)
            first = next(frames, None)
            if first is None:
                return
            turns = round(first.rotation / 90)  # how a telephone was held
            for frame in _filtered(av, chain([first], frames), filters):
                yield np.ascontiguousarray(np.rot90(frame.to_ndarray(), turns))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _filtered(av, frames, filters):
    """Yields the frames after FFmpeg's filters, which are given as (name, options)."""
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


def _pyav(what: str, instead: str) -> ModuleType:
    """Returns PyAV, which reads and writes videos; InputError if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise InputError(f"{what} needs PyAV. pip install -e '.[video]', or {instead}.") from error
    return av


# --- writing clips


def write_gif(target: Path | IO[bytes], frames: Iterable[np.ndarray], fps: float) -> None:
    """Writes a GIF that repeats endlessly.

    Each frame lasts a whole number of hundredths of a second. Pillow keeps all frames in memory
    until the file is written.

    Args:
        target: a path, or a file that is open for writing.
        frames: at least one frame, uint8 `[H, W, 3]`.
        fps: frames per second.
    """
    images = map(Image.fromarray, frames)
    options: dict[str, Any] = {"duration": 10 * round(100 / fps), "loop": 0}
    next(images).save(target, "GIF", save_all=True, append_images=images, **options)


def mp4_writer(instead: str) -> Callable[[Path | IO[bytes], Iterable[np.ndarray], float], None]:
    """Returns the function that writes frames as an MP4; its arguments are those of `write_gif`.

    H.264 with colours that every player shows needs even heights and widths, so the last row or
    column of an odd one is repeated. There is no sound.

    Args:
        instead: what to do where PyAV is missing, for the message.

    Raises:
        InputError: PyAV is not installed.
    """
    av = _pyav("--output: an MP4", instead)

    def write(target, frames, fps):
        try:
            _write_mp4(av, target, map(_even, frames), Fraction(fps).limit_denominator(1_001_000))
        except av.FFmpegError as error:
            raise OSError(f"FFmpeg: {error}") from error

    return write


def _write_mp4(av, target, made, rate):
    first = next(made)
    place = target if hasattr(target, "write") else f"file:{target}"
    filters = [("scale", f"{EXACT}:out_color_matrix=bt601"), ("format", "yuv420p")]
    with av.open(place, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace = SMPTE170M
        frames = _as_frames(av, chain([first], made), rate)
        for frame in _filtered(av, frames, filters):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _as_frames(av, pictures, rate):
    """Yields pictures, uint8 `[H, W, 3]`, as frames of a video, each with its time."""
    for i, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = i, 1 / rate
        yield frame


def _even(frame):
    rows, columns = frame.shape[:2]
    return np.pad(frame, ((0, rows % 2), (0, columns % 2), (0, 0)), mode="edge")


def write_whole(target: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Writes a file completely or not at all: under another name, and then renames it.

    Args:
        target: the path of the file.
        write: a function that gets the open file and writes to it.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        core_files.write_whole(target, write, durable=False)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error}. Choose another place.") from error
