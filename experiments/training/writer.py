"""Writes the records of a run: `metrics.jsonl`, TensorBoard events, `samples/*.png`."""

import json
import time
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from core.files import append_text, read_json_lines, write_text_whole
from experiments.data import pictures
from experiments.training.declared import check_metrics
from experiments.training.rundir import read_lines


class Writer:
    """Writes scalars and pictures, each at a count of images."""

    def __init__(self, run_dir: Path, images: int):
        """Opens the events, and removes what was logged after `images`: no count comes twice.

        Args:
            run_dir: the directory of the run, which must exist.
            images: the count of images at which training starts or goes on.
        """
        self.run_dir = Path(run_dir)
        self.path = self.run_dir / "metrics.jsonl"
        self._drop_after(images)
        self._events = EventFileWriter(str(self.run_dir / "tensorboard"))
        start = Event(step=images + 1, session_log=SessionLog(status=SessionLog.START))
        self._add(start)  # makes TensorBoard drop what an earlier session logged later

    def _drop_after(self, images):
        if not self.path.exists():
            return
        rows = read_json_lines(self.path, check=check_metrics, skip_damaged=True)
        kept = [json.dumps(row) + "\n" for row in rows if row["images"] <= images]
        write_text_whole(self.path, "".join(kept))

    def scalars(self, images: int, values: dict[str, float]) -> None:
        """Writes one line of metrics.jsonl and one point of each TensorBoard curve."""
        line = json.dumps({"images": images, "time": round(time.time(), 3)} | values)
        append_text(self.path, line + "\n")  # opened anew: it may have been removed
        summary = Summary(value=[Summary.Value(tag=k, simple_value=v) for k, v in values.items()])
        self._add(Event(step=images, wall_time=time.time(), summary=summary))

    def picture(self, images: int, name: str, picture: np.ndarray) -> Path:
        """Writes a picture, uint8 `[H, W, C]`, to a file and to TensorBoard.

        Returns:
            The path of the file, `samples/<name>-<images>.png`.
        """
        path = self.run_dir / "samples" / f"{name}-{images:09d}.png"
        pictures.write_png(path, picture)
        height, width, channels = picture.shape
        image = Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=path.read_bytes()
        )
        summary = Summary(value=[Summary.Value(tag=name, image=image)])
        self._add(Event(step=images, wall_time=time.time(), summary=summary))
        return path

    def _add(self, event):
        self._events.add_event(event)

    def close(self) -> None:
        """Flushes and closes the events."""
        self._events.close()


def read_metrics(run_dir: Path) -> list[dict]:
    """Returns the lines of `metrics.jsonl`, without a last one that was written only in part.

    Raises:
        InputError: a line is damaged; the message names the file and the line.
    """
    return read_lines(Path(run_dir) / "metrics.jsonl", torn_end=True)
