"""Clips: videos and folders of frames as streams of pictures, and GIFs and MP4s of streams."""

import os
import re
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import InputError
from experiments.data import files, pictures

MAX_FPS = {".gif": 50, ".mp4": 240}  # a GIF counts in hundredths of a second


@dataclass(frozen=True)
class Clip:
    """A video or a folder of frames.

    Attributes:
        frames: yields uint8 `[H, W, 3]`, one at a time.
        files: that are read: the frames, or the video.
        names: of the frames as PNG, one each; empty for a video.
        fps: frames a second; None where nothing says.
    """

    frames: Callable[[], Iterator[np.ndarray]]
    files: list[Path]
    names: Sequence[Path] = ()
    fps: float | None = None


def open_clip(flag: str, source: str) -> Clip:
    """A clip, by its folder of frames, in the order of the numbers in their names (2 before 10), or
    by its file, whatever ffmpeg reads.

    Args:
        flag: such as "--content", for messages.

    Raises:
        InputError: there is none, it is damaged, or nothing to read it with; frames of several
            sizes. Of a damaged picture in a folder only the stream finds out.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(f"{flag}={source}: does not exist. Give a video or a folder of frames.")
    if path.is_dir():
        return _folder(flag, path)
    if path.suffix.lower() in pictures.EXTENSIONS - {".gif"}:
        raise InputError(f"{flag}={source}: a picture. Give a video or a folder of frames; "
                         "--mode=stylize takes pictures.")  # fmt: skip
    return _video(path)


def _folder(flag, folder):
    found = [path for path in pictures.find(folder) if path.parent == folder]
    if not found:
        raise InputError(f"{flag}={folder}: no frames in this folder. Expected pictures in it, not "
                         "in folders below.")  # fmt: skip
    found.sort(key=lambda path: natural(path.name))
    first = pictures.shape(found[0])
    for path in found[1:]:
        check_shape(f"the frame {path}", pictures.shape(path), first)
    return Clip(lambda: map(pictures.read, found), found, files.names(found, folder))


def natural(name: str) -> tuple:
    """A key that sorts numbers in names by their value: frame2 before frame10."""
    parts = re.split("([0-9]+)", name)
    return [int(part) if i % 2 else part.lower() for i, part in enumerate(parts)], name


def check_shape(name: str, shape: tuple[int, int], first: tuple[int, int]) -> None:
    """Raises InputError for a frame of another height and width than the first."""
    if tuple(shape[:2]) != tuple(first[:2]):
        raise InputError(
            f"{name}: {shape[1]}x{shape[0]} pixels, expected {first[1]}x{first[0]} as the first "
            "frame. Resize it or leave it out."
        )


def _video(path):
    ffmpeg = _ffmpeg(f"the video {path}", "give a folder of frames")
    # decodes all of it, which is fast, to find damage before the work and not after it
    command = [ffmpeg, "-nostats", "-xerror", "-i", f"file:{path}", "-map", "0:v:0", "-f", "null"]
    ended = subprocess.run([*command, "-"], stdin=subprocess.DEVNULL, capture_output=True)
    said = ended.stderr.decode(errors="replace").splitlines()
    pictured = [line for line in said if " Video: " in line]
    if ended.returncode or not pictured:
        raise _unreadable(path, "ffmpeg cannot decode all of it, or there are no pictures in it")
    rate = re.search(r" ([0-9.]+) fps", pictured[0])
    fps = _exact(float(rate[1])) or None if rate else None
    return Clip(lambda: _decode(ffmpeg, path, fps), [path], fps=fps)


def _exact(fps):
    """ffmpeg prints 30000/1001 as 29.97."""
    ntsc = round(fps * 1.001) / 1.001
    return ntsc if round(ntsc, 2) == fps else fps


def _decode(ffmpeg, path, fps):
    # exact colours; a variable rate becomes its mean, by leaving out and repeating frames
    options = ["-sws_flags", "accurate_rnd+full_chroma_int", *(["-r", str(fps)] if fps else [])]
    options += ["-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "-"]
    command = [ffmpeg, "-i", f"file:{path}", "-map", "0:v:0", *options]
    try:
        with _process(command, stdin=subprocess.DEVNULL) as process:
            while process.stdout.readline():
                width, height = map(int, process.stdout.readline().split())
                process.stdout.readline()
                data = process.stdout.read(3 * width * height)
                yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path, found):
    return InputError(f"Cannot read the video {path}: {found}. Truncated or damaged? Convert it to "
                      "MP4 or to a folder of frames.")  # fmt: skip


def _ffmpeg(what, instead):
    """The path of ffmpeg."""
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise InputError(f"{what} needs imageio-ffmpeg. pip install -e '.[video]', or {instead}."
                         ) from error  # fmt: skip
    return imageio_ffmpeg.get_ffmpeg_exe()


@contextmanager
def _process(command, stdin):
    """A running ffmpeg; `OSError` with its last words if it fails. Ends with the block."""
    command = [command[0], "-y", "-v", "error", *command[1:]]
    with tempfile.TemporaryFile() as words:
        try:
            process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=words)
            with process:
                try:
                    yield process
                except BaseException:
                    process.kill()
                    raise
            if process.returncode:
                raise BrokenPipeError
        except BrokenPipeError as error:
            words.seek(0)
            said = words.read().decode(errors="replace").strip().splitlines()
            raise OSError(f"ffmpeg: {said[-1] if said else 'stopped early'}") from error


def write_gif(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    """A GIF that starts again at its end; frames last whole hundredths of a second. Pillow keeps
    all of them until it is written."""
    made = map(Image.fromarray, frames)
    duration = 10 * round(100 / fps)
    next(made).save(path, "GIF", save_all=True, append_images=made, duration=duration, loop=0)


def mp4_writer(instead: str) -> Callable[[Path, Iterable[np.ndarray], float], None]:
    """The function that writes frames, uint8 `[H, W, 3]`, as an MP4 of so many a second.

    H.264 in colours that every player shows takes even sizes: the last row or column of an odd one
    is repeated. No sound.

    Args:
        instead: what to do where it is missing, for the message.

    Raises:
        InputError: imageio-ffmpeg is not installed.
    """
    ffmpeg = _ffmpeg("--output: an MP4", instead)

    def write(path, frames, fps):
        frames = map(_even, frames)
        first = next(frames)
        size = f"{first.shape[1]}x{first.shape[0]}"
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(fps), "-i", "-"]
        target = ["-c:v", "libx264", "-crf", "10", "-pix_fmt", "yuv420p",
                  "-colorspace", "smpte170m", f"file:{path}"]  # fmt: skip
        with _process([ffmpeg, *source, *target], stdin=subprocess.PIPE) as process:
            for frame in chain([first], frames):
                _send(process.stdin, frame.tobytes())

    return write


def _send(pipe, data):
    """An ffmpeg that is gone is an error: the runner lets SIGPIPE end the whole process."""
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        pipe.write(data)
        pipe.flush()
    finally:
        signal.signal(signal.SIGPIPE, before)


def _even(frame):
    rows, columns = frame.shape[:2]
    return np.pad(frame, ((0, rows % 2), (0, columns % 2), (0, 0)), mode="edge")


def write_whole(target: Path, write: Callable[[Path], None]) -> None:
    """Writes a file under another name and renames it: all of it or nothing.

    Raises:
        InputError: it cannot be written.
    """
    temporary = target.parent / f".{uuid.uuid4().hex}{target.suffix.lower()}"
    try:
        write(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error}. Choose another place.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
