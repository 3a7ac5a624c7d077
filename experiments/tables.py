"""Writes tables as Markdown, CSV and LaTeX, and reads the recorded rows that they are made of."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from core.errors import InputError, one_line
from core.files import read_json_lines
from core.names import reason
from core.paths import user_path

MISSING = "–"  # stands for a value that was not measured


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table in GitHub's Markdown; only the first column is aligned to the left."""
    lines = ["| " + " | ".join(map(as_markdown, row)) + " |" for row in (header, *rows)]
    lines.insert(1, "|---|" + "---:|" * (len(header) - 1))
    return "\n".join(lines) + "\n"


def as_markdown(text: str) -> str:
    """Returns text that Markdown shows as it is: no HTML, no cell's end, no line's end."""
    text = re.sub(r"&(?=#?\w+;)", "&amp;", one_line(text))  # no names of characters
    return text.replace("<", "&lt;").replace("|", r"\|")


def comma_separated(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table as CSV, with whole numbers without separators of thousands."""
    text = io.StringIO()
    plain = [[_plain(cell) for cell in row] for row in rows]
    csv.writer(text, lineterminator="\n").writerows([header, *plain])
    return text.getvalue()


def _plain(cell):
    return cell.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", cell) else cell


def latex(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table as a LaTeX `tabular` with the rules of booktabs."""
    lines = [" & ".join(map(_escaped, row)) + r" \\" for row in (header, *rows)]
    body = [lines[0], r"\midrule", *lines[1:]]
    columns = "l" + "r" * (len(header) - 1)
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _escaped(text):
    text = text.replace("\\", r"\textbackslash{}")
    for mark in "&%_#":
        text = text.replace(mark, "\\" + mark)
    return text.replace(MISSING, "--").replace("∞", r"$\infty$").replace("×", r"$\times$")


def write(
    folder: str | Path,
    name: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    notes: str = "",
) -> str:
    """Writes `<folder>/<name>.md`, `.csv` and `.tex`; returns the Markdown.

    Args:
        folder: the folder; made if it does not exist.
        name: the name of the files without suffix.
        header: the titles of the columns.
        rows: the cells of each row, text.
        notes: text below the table in the Markdown file.

    Raises:
        InputError: a file cannot be written.
    """
    header, *rows = ([one_line(cell) for cell in row] for row in (header, *rows))
    text = markdown(header, rows) + ("\n" + notes + "\n" if notes else "")
    parts = {"md": text, "csv": comma_separated(header, rows), "tex": latex(header, rows)}
    folder = user_path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in parts.items():
            (folder / f"{name}.{suffix}").write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write to {folder} ({error}). Give another folder.") from error
    return text


def read_lines(
    folder: str | Path, table: str, check: Callable[[dict], None] = lambda row: None
) -> list[dict]:
    """Returns the recorded rows of a table: lines of `<folder>/*.jsonl` with `"table": table`.

    Args:
        folder: the folder.
        table: the name of the table.
        check: raises ValueError for a row that is none of this table.

    Raises:
        InputError: a line is not JSON, or not of this table; the message names the file and the
            line.
    """

    def ours(row: Any) -> bool:
        return isinstance(row, dict) and row.get("table") == table

    def check_ours(row: Any) -> None:
        if ours(row):
            check(row)

    lines = []
    for path in sorted(user_path(folder).glob("*.jsonl")):
        try:
            lines += [row for row in read_json_lines(path, check=check_ours) if ours(row)]
        except OSError as error:
            raise InputError(f"'{path}' cannot be read ({reason(error)}). Remove it.") from error
    return lines


def append_lines(path: str | Path, rows: Iterable[dict]) -> None:
    """Adds recorded rows to a file, which is made if it does not exist.

    Raises:
        InputError: the file cannot be written.
    """
    path = user_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error}). Give another folder.") from error


def print_table(values: dict[str, float]) -> None:
    """Prints names and numbers on standard output, one pair a line."""
    for key, value in values.items():
        if isinstance(value, float):
            digits = ".3f" if abs(value) >= 0.1 else ".3g"  # kernel distances are small
            print(f"{key:24} {value:10{digits}}")
        else:
            print(f"{key:24} {value:10}")
