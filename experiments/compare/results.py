"""Writes the results of a comparison: sheet, table, TensorBoard events and page."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.picture_size import as_text
from experiments import tables
from experiments.compare import inputs, report
from experiments.compare.events import Events, keep_only
from experiments.compare.inputs import FACTS, MEASURES, Cell, Column, Row, Scores
from experiments.compare.methods import Method
from experiments.compare.worker import made
from experiments.data import pictures
from experiments.model import Say
from experiments.training.rundir import environment

TITLE = "Comparison"


def read(plan: dict[str, Any], rows: Sequence[Row], scores: Scores) -> Column:
    """Returns the column of a plan: the pictures that could be made, with their scores."""
    folder, by_name, cells = Path(plan["folder"]), {row.name: row for row in rows}, {}
    for cell in plan["cells"]:
        record = made(folder, cell)
        if record:
            picture = pictures.read(folder / f"{cell['name']}.png")
            cells[cell["name"]] = Cell(picture, record, scores(by_name[cell["name"]], picture))
    return cells


def write(
    output: Path,
    methods: Sequence[Method],
    rows: Sequence[Row],
    columns: dict[str, Column],
    scores: Scores,
    say: Say,
) -> None:
    """Writes all results to `output` and prints the table."""
    header, lines = inputs.table(methods, columns, rows)
    notes = _notes(methods, rows, columns, scores)
    listed = "\n".join(f"- {tables.as_markdown(note)}" for note in notes)
    print(tables.write(output, "comparison", header, lines, listed))
    titles, grid = _grid(rows, columns)
    picture = _sheet(titles, grid)
    pictures.write_png(output / "sheet.png", picture)
    page = report.page(TITLE, (header, lines), (titles, grid), notes)
    (output / "report.html").write_text(page, encoding="utf-8")
    _tensorboard(output, methods, rows, columns, picture)
    say(
        f"{output}/sheet.png, {output}/comparison.md and .csv, {output}/report.html; tensorboard "
        f"--logdir {output}/tensorboard"
    )


def _grid(rows, columns):
    """Returns the column titles, and `(title, pictures)` of the rows; None is no picture."""
    titles = [*rows[0].files, *columns]
    grid = []
    for row in rows:
        cells = [column.get(row.name) for column in columns.values()]
        given = [pictures.read(path) for path in row.files.values()]
        grid.append((row.name, [*given, *(cell and cell.picture for cell in cells)]))
    return titles, grid


def _sheet(titles, grid):
    """Returns a sheet on white. Every field has the size of the largest picture."""
    shapes = [x.shape for _, row in grid for x in row if x is not None]
    shape = max(s[0] for s in shapes), max(s[1] for s in shapes)
    fields = [[_field(x, shape) for x in row] for _, row in grid]
    scale = max(1, 128 // max(shape))
    return pictures.sheet(fields, titles, [name for name, _ in grid], gap=4, scale=scale)


def _field(picture, shape):
    """Returns a picture in the middle of a white field, or a dash where there is no picture."""
    field = np.full((*shape, 3), 255, np.uint8)
    if picture is None:
        picture = np.zeros((max(1, shape[0] // 64), max(4, shape[1] // 12), 3), np.uint8)
    top, left = ((n - m) // 2 for n, m in zip(shape, picture.shape, strict=False))
    field[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return field


# --- notes


def _notes(methods, rows, columns, scores):
    names, here = inputs.common(columns, rows), environment()
    notes = [f"{m.name}: {_origin(m)}" for m in methods]
    notes += _differences(methods)
    notes += _styles(methods)
    notes += [
        f"{name}: {len(rows) - len(column)} of {len(rows)} pictures are missing: styles it has "
        "not learned, or inputs that it cannot take."
        for name, column in columns.items()
        if len(column) < len(rows)
    ]
    if scores.network:
        notes.append(
            f"Content and style terms: {scores.network}; content the mean squared difference at "
            "relu3_3, style that of Gram matrices at relu1_2, relu2_2, relu3_3 and relu4_3. Lower "
            "is nearer."
        )
    cells = [cell for column in columns.values() for cell in column.values()]
    where = [cell.record["environment"] for cell in cells]
    return [
        *notes,
        _over(len(names), columns),
        *_how(where),
        f"Made {here['date']}: {here['command']}",
    ]


def _over(count, columns):
    """Returns the note that says over which pictures the numbers were taken."""
    every = "all methods" if all(columns.values()) else "all methods that made any"
    if not count:
        return f"No picture is there of {every}: what they measure does not compare and is left –."
    pictures = "one picture" if count == 1 else f"{count} pictures"
    return (
        f"Scores are means over {pictures} that {every} have; seconds and memory are of the same."
    )


def _styles(methods):
    """Returns the note that says at which size each method sees the styles."""
    if methods[0].translates:
        return []
    sizes = ["Sizes of styles (--longer_side is the longer side of contents and styles in inputs)"]
    scales = [f"{m.name} {m.config.data.style_scale:g}" for m in methods if not m.run_dir]
    if scales:
        sizes.append(f"resized to a multiple of the content's longer side by {', '.join(scales)}")
    networks = [m.name for m in methods if m.run_dir and m.styles is None]
    if networks:
        sizes.append(f"as in inputs to {', '.join(networks)}")
    learned = [f"{m.name} {m.config.algorithm.style_size}" for m in methods if m.styles is not None]
    if learned:
        sizes.append(f"as in training, shorter side in pixels, {', '.join(learned)}")
    return ["; ".join(sizes) + "."]


def _origin(method):
    config = method.config
    if not method.run_dir:
        return (
            f"{config.model}, preset {config.preset}, {config.images} iterations for every picture."
        )
    return (
        f"{config.model}, {method.run_dir}, preset {config.preset}, checkpoint "
        f"{method.checkpoint}, trained on {config.data.dataset} at {as_text(config.data.size)} "
        "pixels."
    )


def _differences(methods):
    """Returns the notes that say how the data of runs that translate differ."""
    if not methods[0].translates:
        return []
    first = methods[0].config.data
    return [
        f"{method.name}: data.{name} {getattr(method.config.data, name)}, of the inputs "
        f"{getattr(first, name)}."
        for method in methods[1:]
        for name in ("dataset", "load_size", "fit")
        if getattr(method.config.data, name) != getattr(first, name)
    ]


def _how(where):
    places = sorted(
        {f"{x['device']}, {x['machine']}, commit {x['commit'] or 'unknown'}" for x in where}
    )
    return [
        "Seconds: median over the pictures. For trained networks, the time of a second call, with "
        "the encoding of the style. For pictures that are optimised, the number of iterations "
        "times the median time of one; the log's first line, with the compiling, is left out.",
        "Peak memory: that of the method's process with its libraries, without the GPU's memory.",
        "Parameters: those of the networks that a picture goes through. Training images: all that "
        "training saw, counting repetitions.",
        "Training curves are by images, for pictures that are optimised by iterations (means over "
        "the pictures). Losses have the scaling of their model, which their names begin with.",
        *(f"Measured on {place}." for place in places),
    ]


# --- TensorBoard


def _tensorboard(output, methods, rows, columns, picture):
    folder, names = output / "tensorboard", inputs.common(columns, rows)
    methods, tags = [m for m in methods if columns[m.name]], inputs.measures(columns)
    keep_only(folder, {"inputs"} | {method.name for method in methods})
    trained = {m.name: inputs.curves(m, output / m.name) for m in methods}
    for method in methods:
        column = columns[method.name]
        values = inputs.summary(column, names)
        with Events(folder / method.name) as events:
            _pictures(events, rows, column)
            events.scalars(0, {f"table/{k}": v for k, v in values.items() if k in MEASURES})
            facts = {"model": method.config.model, "preset": method.config.preset}
            events.row(method.name, facts | {name: values[name] for name in FACTS})
            for images, logged in trained[method.name]:
                events.scalars(images, logged)
    with Events(folder / "inputs") as events:
        events.picture("sheet", picture)
        for row in rows:
            given = {k: pictures.read(path) for k, path in row.files.items()}
            events.picture(f"comparison/{row.name}", _sheet(list(given), [("", given.values())]))
        events.table(
            {"model": "model", "preset": "preset"} | FACTS,
            {f"table/{tag}": MEASURES[tag][0] for tag in tags},
        )
        charts = {"By input": [f"by_input/{tag}" for tag in tags if tag != "memory"]}
        overlaid = shared(trained.values())
        events.layout(charts | ({"Training": overlaid} if overlaid else {}))


def _pictures(events, rows, column):
    """Adds the picture and the scores of each row; the number of the row is the step."""
    for step, row in enumerate(rows):
        if row.name in column:
            cell = column[row.name]
            events.picture(f"comparison/{row.name}", cell.picture)
            values = cell.scores | {"seconds": cell.record["seconds"]}
            events.scalars(step, {f"by_input/{k}": v for k, v in values.items()})


def shared(trained: Iterable[Sequence[tuple[int, dict[str, float]]]]) -> list[str]:
    """Returns the tags of the curves to draw over each other, without learning rates.

    These are the tags that two or more methods have. If there is only one method, all its tags.
    """
    tag_sets = [
        {tag for _, values in curve for tag in values if "learning_rate/" not in tag}
        for curve in trained
    ]
    counts = {tag: sum(tag in tags for tags in tag_sets) for tags in tag_sets for tag in tags}
    return sorted(tag for tag, count in counts.items() if count >= min(2, len(tag_sets)))
