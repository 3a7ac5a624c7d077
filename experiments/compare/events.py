"""TensorBoard events beside those of a training run: pictures, tables and layouts by method."""

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
    """A run of TensorBoard; what was in its folder is replaced."""

    def __init__(self, folder: str | Path):
        """Args:
        folder: of the run, made if it is not there.
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
        """A point of each curve."""
        found = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(Summary(value=found), step)

    def picture(self, tag: str, picture: np.ndarray) -> None:
        """A picture, uint8 `[H, W, 3]`."""
        data = io.BytesIO()
        Image.fromarray(picture).save(data, "PNG")
        height, width = picture.shape[:2]
        image = Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=data.getvalue()
        )
        self._add(Summary(value=[Summary.Value(tag=tag, image=image)]))

    def row(self, name: str, values: Mapping[str, str | float]) -> None:
        """A row of the table in HParams: what is not measured. Its measures are scalars.

        Args:
            name: of the row.
            values: by column.
        """
        self._add(hparams.hparams_pb(dict(values), trial_id=name))

    def table(self, columns: Mapping[str, str], measures: Mapping[str, str]) -> None:
        """What the rows of the table in HParams have, once for all runs.

        Args:
            columns: titles of those of `row`, by name.
            measures: titles by tag of a scalar.
        """
        self._add(
            hparams.hparams_config_pb(
                [hparams.HParam(name, display_name=title) for name, title in columns.items()],
                [hparams.Metric(tag, display_name=title) for tag, title in measures.items()],
            )
        )

    def layout(self, categories: Mapping[str, Sequence[str]]) -> None:
        """The charts of Custom Scalars, one for each tag: `{category: tags}`; a chart has the
        curves of all runs."""
        found = layout_pb2.Layout(
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
            tensor=make_tensor_proto(found.SerializeToString()),
        )
        self._add(Summary(value=[value]))

    def _add(self, summary, step=0):
        self._events.add_event(Event(step=step, wall_time=time.time(), summary=summary))
