"""Writes a comparison's pictures, tables and chart layouts for TensorBoard, a run per method."""

import io
import re
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2, metadata
from tensorboard.plugins.hparams import api as hparams
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto


def keep_only(folder: str | Path, names: Collection[str]) -> None:
    """Removes the events of the runs in a folder that are not among `names`."""
    for place in Path(folder).glob("*/"):
        if place.name not in names:
            _remove_events(place)
            with suppress(OSError):  # something else is in it
                place.rmdir()


def _remove_events(folder):
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()


class Events:
    """Writes one run of TensorBoard, and replaces an earlier one in the same folder."""

    def __init__(self, folder: str | Path):
        """Removes the events in the folder and begins new ones.

        Args:
            folder: the folder of the run; made if it does not exist.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _remove_events(folder)
        self._events = EventFileWriter(str(folder))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._events.close()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to each curve: `values` by tag, at `step`."""
        points = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(Summary(value=points), step)

    def picture(self, tag: str, picture: np.ndarray) -> None:
        """Adds a picture, uint8 `[H, W, 3]`."""
        data = io.BytesIO()
        Image.fromarray(picture).save(data, "PNG")
        height, width = picture.shape[:2]
        image = Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=data.getvalue()
        )
        self._add(Summary(value=[Summary.Value(tag=tag, image=image)]))

    def row(self, name: str, values: Mapping[str, str | float]) -> None:
        """Adds a row to the table in HParams. Measured values are not in it: they are scalars.

        Args:
            name: the name of the row.
            values: the values of the row by column name.
        """
        self._add(hparams.hparams_pb(dict(values), trial_id=name))

    def table(self, columns: Mapping[str, str], measures: Mapping[str, str]) -> None:
        """Declares the columns of the table in HParams, once for all runs.

        Args:
            columns: the titles of the columns that `row` fills, by column name.
            measures: the titles of the columns that scalars fill, by their tag.
        """
        self._add(
            hparams.hparams_config_pb(
                [hparams.HParam(name, display_name=title) for name, title in columns.items()],
                [hparams.Metric(tag, display_name=title) for tag, title in measures.items()],
            )
        )

    def layout(self, categories: Mapping[str, Sequence[str]]) -> None:
        """Lays out the page Custom Scalars: a chart for each tag, with the curves of all runs.

        Args:
            categories: the tags of each section of the page, by its title.
        """
        charts = layout_pb2.Layout(
            category=[
                layout_pb2.Category(
                    title=title,
                    chart=[
                        layout_pb2.Chart(
                            title=tag,
                            multiline=layout_pb2.MultilineChartContent(tag=[f"^{re.escape(tag)}$"]),
                        )
                        for tag in tags
                    ],
                )
                for title, tags in categories.items()
            ]
        )
        value = Summary.Value(
            tag=metadata.CONFIG_SUMMARY_TAG,
            metadata=metadata.create_summary_metadata(),
            tensor=make_tensor_proto(charts.SerializeToString()),
        )
        self._add(Summary(value=[value]))

    def _add(self, summary, step=0):
        self._events.add_event(Event(step=step, wall_time=time.time(), summary=summary))
