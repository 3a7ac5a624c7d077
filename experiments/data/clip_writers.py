"""Writes streams of pictures as GIF or MP4, each picture at its time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain, count, pairwise
from math import lcm
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from core import files as core_files
from core.errors import InputError
from experiments.data.clips import EXACT, filtered, opened, pyav

MAX_FPS = {".gif": 50, ".mp4": 240}  # GIF times are hundredths of a second
SMPTE170M = 6  # the matrix of BT.601 in H.264, ITU-T H.264 table E-5
FINEST = 90_000  # parts of a second in which MP4 times are written at most
COPIED = ("aac", "ac3", "alac", "eac3", "flac", "mp3", "opus")  # kinds of sound that MP4 has
# frames per second; or when each frame begins and, last, when the last one ends, seconds from 0 on
Timing = float | Sequence[Fraction]
Sound = tuple[Path, Fraction]  # a file, and the time in it at which the first frame is shown


def check_gif_times(times: Sequence[Fraction]) -> None:
    """Refuses frames that follow each other faster than GIF can show.

    Raises:
        InputError: there are more than 50 in a second, and the times are not those of a GIF.
    """
    rate = (len(times) - 1) / times[-1]
    if rate > MAX_FPS[".gif"] and any((100 * time).denominator > 1 for time in times):
        raise InputError(
            f"--output: {float(rate):g} frames a second, expected {MAX_FPS['.gif']} or fewer for "
            "GIF. Give a name that ends in .mp4, or --fps."
        )


def write_gif(target: Path | IO[bytes], frames: Iterable[np.ndarray], timing: Timing) -> None:
    """Writes a GIF that repeats endlessly.

    Each frame lasts a whole number of hundredths of a second. Pillow keeps all frames in memory
    until the file is written.

    Args:
        target: a path, or a file that is open for writing.
        frames: at least one frame, uint8 `[H, W, 3]`.
        timing: frames per second, or times.
    """
    images = map(Image.fromarray, frames)
    delays = _delays(timing) if isinstance(timing, Sequence) else 10 * round(100 / timing)
    options: dict[str, Any] = {"duration": delays, "loop": 0}
    next(images).save(target, "GIF", save_all=True, append_images=images, **options)


def _delays(times):
    """Milliseconds of each frame, whole hundredths of a second, that sum up to the last time."""
    ends = [round(100 * time) for time in times]
    return [10 * max(1, end - start) for start, end in pairwise(ends)]


def mp4_writer(instead: str) -> Callable[..., None]:
    """Returns the function that writes frames as an MP4, `write(target, frames, timing)`.

    Its arguments are those of `write_gif`; a fourth one may be the `Sound` to write with them.

    H.264 with colours that every player shows needs even heights and widths, so the last row or
    column of an odd one is repeated.

    Args:
        instead: what to do where PyAV is missing, for the message.

    Raises:
        InputError: PyAV is not installed.
    """
    av = pyav("--output: an MP4", instead)

    def write(target, frames, timing, sound=None):
        try:
            _write_mp4(av, target, map(_even, frames), _Ticks(timing), sound)
        except av.FFmpegError as error:
            raise OSError(f"FFmpeg: {error}") from error

    return write


class _Ticks:
    """A timing in whole parts of a second."""

    def __init__(self, timing: Timing):
        self.starts: Iterator[int]
        if not isinstance(timing, Sequence):
            self.rate = Fraction(timing).limit_denominator(1_001_000)
            self.base, self.starts = 1 / self.rate, count()
            return
        self.rate = ((len(timing) - 1) / Fraction(timing[-1])).limit_denominator(1_001_000)
        parts = lcm(*(time.denominator for time in timing))
        parts = parts if parts <= FINEST else FINEST
        self.base, self.starts = Fraction(1, parts), iter([round(parts * t) for t in timing])


def _write_mp4(av, target, made, ticks, sound):
    first = next(made)
    place = target if hasattr(target, "write") else f"file:{target}"
    filters = [("scale", f"{EXACT}:out_color_matrix=bt601"), ("format", "yuv420p")]
    lengths: dict[int, int] = {}
    with ExitStack() as stack:
        source = stack.enter_context(opened(av, sound[0])) if sound else None
        container = stack.enter_context(av.open(place, "w", format="mp4"))
        stream = _picture_stream(container, first.shape, ticks)
        heard = _Heard(container, source, sound[1]) if sound else None
        frames = _as_frames(av, chain([first], made), ticks, lengths)
        for frame in chain(filtered(av, frames, filters), [None]):
            for packet in stream.encode(frame):
                packet.duration = lengths[packet.pts]
                if heard:
                    heard.write_until(packet.pts * ticks.base)
                container.mux(packet)
        if heard:
            heard.write_until(None)


def _picture_stream(container, shape, ticks):
    stream = container.add_stream("libx264", rate=ticks.rate, options={"crf": "10"})
    stream.height, stream.width = shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.colorspace = SMPTE170M
    stream.codec_context.time_base = stream.time_base = ticks.base
    return stream


def _as_frames(av, pictures, ticks, lengths):
    """Yields pictures, uint8 `[H, W, 3]`, as frames of a video, each with its time.

    `lengths` gets how long each lasts, by its time.
    """
    for picture, (start, end) in zip(pictures, pairwise(ticks.starts), strict=False):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = start, ticks.base
        lengths[start] = end - start
        yield frame


def _even(frame):
    rows, columns = frame.shape[:2]
    return np.pad(frame, ((0, rows % 2), (0, columns % 2), (0, 0)), mode="edge")


class _Heard:
    """The first sound of an open video, on its way into another one."""

    def __init__(self, container: Any, source: Any, start: Fraction):
        """Adds a stream of sound to a container: a copy where MP4 has this kind, else AAC.

        Args:
            container: what is written to, of PyAV.
            source: what is read from.
            start: the time in the source that becomes 0, seconds.
        """
        self.container, self.source, self.start = container, source, start
        self.stream = source.streams.audio[0]
        codec = self.stream.codec_context
        ready = codec.name != "aac" or codec.extradata  # in a transport stream it is in packets
        if codec.name in COPIED and ready:
            self.track = container.add_stream_from_template(self.stream)
            self.packets = self._copies()
        else:
            self.track = container.add_stream("aac", rate=codec.sample_rate)
            self.packets = self._encoded()

    def write_until(self, time: Fraction | None) -> None:
        """Writes the sound up to a time, seconds; all that is left for None."""
        for packet in self.packets:
            begins = packet.pts * packet.time_base
            self.container.mux(packet)
            if time is not None and begins > time:
                return

    def _copies(self) -> Iterator:
        for packet in self.source.demux(self.stream):
            if packet.pts is not None:  # the last one is empty
                shift = round(self.start / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = self.track
                yield packet

    def _encoded(self) -> Iterator:
        for frame in self.source.decode(self.stream):
            if frame.pts is not None:
                frame.pts -= round(self.start / frame.time_base)
            yield from self.track.encode(frame)
        yield from self.track.encode(None)


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
