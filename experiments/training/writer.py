"""What a run leaves behind: `metrics.jsonl`, TensorBoard events, `samples/*.png`."""

import json
import os
import time
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from experiments.data import pictures
from experiments.training.rundir import read_lines


class Writer:
    """Writes scalars and pictures at an image count.

    A run that goes on from an earlier image count drops what was logged after it, so that every
    count appears once.
    """

    def __init__(self, run_dir: Path, images: int):
        """Args:
        run_dir: of the run, exists.
        images: at which training starts or goes on.
        """
        self.run_dir = Path(run_dir)
        self.path = self.run_dir / "metrics.jsonl"
        self._drop_after(images)
        self._lines = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 kept open
        self._events = EventFileWriter(str(self.run_dir / "tensorboard"))
        start = Event(step=images + 1, session_log=SessionLog(status=SessionLog.START))
        self._add(start)  # TensorBoard drops what an earlier session logged from here on

    def _drop_after(self, images):
        if not self.path.exists():
            return
        rows = [line for line in self.path.read_text().splitlines() if _images(line) <= images]
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("".join(row + "\n" for row in rows))
        os.replace(temporary, self.path)

    def scalars(self, images: int, values: dict[str, float]) -> None:
        """One line of metrics.jsonl and one point of each TensorBoard curve."""
        self._lines.write(json.dumps({"images": images, "time": round(time.time(), 3)} | values))
        self._lines.write("\n")
        self._lines.flush()
        summary = Summary(value=[Summary.Value(tag=k, simple_value=v) for k, v in values.items()])
        self._add(Event(step=images, wall_time=time.time(), summary=summary))

    def picture(self, images: int, name: str, picture: np.ndarray) -> Path:
        """`samples/<name>-<images>.png` and the same in TensorBoard; uint8 `[H, W, 3]`."""
        path = self.run_dir / "samples" / f"{name}-{images:09d}.png"
        pictures.write_png(path, picture)
        height, width = picture.shape[:2]
        image = Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=path.read_bytes()
        )
        summary = Summary(value=[Summary.Value(tag=name, image=image)])
        self._add(Event(step=images, wall_time=time.time(), summary=summary))
        return path

    def _add(self, event):
        self._events.add_event(event)

    def close(self) -> None:
        """Flushes and closes the files."""
        self._lines.close()
        self._events.close()


def _images(line):
    """The image count of a line of metrics.jsonl; a torn line counts as after everything."""
    try:
        return json.loads(line)["images"]
    except (ValueError, KeyError):
        return float("inf")


def read_metrics(run_dir: Path) -> list[dict]:
    """All lines of `metrics.jsonl` but a last one that is torn.

    Raises:
        InputError: a damaged line; names the file and the line.
    """
    return read_lines(Path(run_dir) / "metrics.jsonl", torn_end=True)
