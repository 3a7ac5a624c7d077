"""Makes a single HTML file of a comparison, which needs no other file."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from experiments.tables import MISSING

LARGE = 128  # pixels: larger pictures are stored as JPEG, smaller ones as PNG
CSS = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 90em; padding: 0 1em;
       color: #1b1b1b; background: #fff; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
table { border-collapse: collapse; }
th, td { padding: .35em .7em; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
.scroll { overflow-x: auto; }
.sheet th, .sheet td { text-align: center; padding: .25em; border: 0; vertical-align: middle; }
.sheet td:first-child { text-align: left; font-size: .85em; }
.sheet img { display: block; margin: auto; min-width: 6em;
             max-width: clamp(6em, calc(min(80vw, 76em) / var(--columns)), 20em); }
.small img { image-rendering: pixelated; }
li { margin: .2em 0; }
"""


def page(
    title: str,
    table: tuple[Sequence[str], Sequence[Sequence[str]]],
    sheet: tuple[Sequence[str], Sequence[tuple[str, Sequence[np.ndarray | None]]]],
    notes: Sequence[str],
) -> str:
    """Returns the HTML of the page.

    Args:
        title: the title of the page.
        table: the header and the rows of the table, as text.
        sheet: the titles of the columns, and `(title, pictures)` of each row. Pictures are uint8
            `[H, W, 3]` of any size, None where one is missing.
        notes: paragraphs that say how the comparison was made and what is missing.
    """
    titles, rows = sheet
    shown = [picture for _, pictures in rows for picture in pictures if picture is not None]
    small = " small" if max(max(picture.shape) for picture in shown) < LARGE else ""
    lines = [_row([name], map(_image, pictures, titles)) for name, pictures in rows]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{CSS}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<div class="scroll"><table>
{_header(table[0])}
{"".join(_row(row, []) for row in table[1])}</table></div>
<h2>Pictures</h2>
<div class="scroll"><table class="sheet{small}" style="--columns: {len(titles)}">
{_header(["", *titles])}
{"".join(lines)}</table></div>
<h2>How it was made</h2>
<ul>
{"".join(f"<li>{escape(note)}</li>{chr(10)}" for note in notes)}</ul>
</body>
</html>
"""


def _header(titles):
    return "<tr>" + "".join(f"<th>{escape(title)}</th>" for title in titles) + "</tr>"


def _row(texts, images):
    cells = [*map(escape, texts), *images]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"


def _image(picture, title):
    if picture is None:
        return MISSING
    height, width = picture.shape[:2]
    form = "PNG" if max(height, width) < LARGE else "JPEG"
    data = io.BytesIO()
    Image.fromarray(picture).save(data, form, quality=92)
    text = base64.b64encode(data.getvalue()).decode()
    return (
        f'<img src="data:image/{form.lower()};base64,{text}" width="{width}" alt="{escape(title)}">'
    )
