"""Writes parts in a format, with a page that explains them and an example, all or nothing."""

import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from core.errors import InputError
from core.paths import user_path
from core.tensors import to_numpy
from experiments.data import files
from experiments.export.formats import Format
from experiments.export.guide import example, example_file, readme
from experiments.export.networks import assemble
from experiments.export.options import Options
from experiments.export.parts import Part
from experiments.export.web_page import PAGE, write_page

README = "README.md"


def check_output(output: str, names: Sequence[str]) -> Path:
    """The folder of the results, after checking that it can be written and has none of them.

    Args:
        output: the value of `--output`.
        names: of the files and folders that will be in it.

    Raises:
        InputError: one of them is there, or the folder cannot be written.
    """
    folder = user_path(output)
    if there := [name for name in names if os.path.lexists(folder / name)]:
        raise InputError(
            f"--output={output}: has {there[0]} already. Give another folder, or remove it."
        )
    files.check_folder(output)
    return folder


def names_of(parts: Sequence[Part], form: Format) -> list[str]:
    """The names of all that is written."""
    beside = PAGE if form.page else (example_file(form),)
    return [*(form.file(part) for part in parts), README, *beside]


def check_weights(network: keras.Model, source: str) -> None:
    """Refuses a network with weights that are not numbers.

    Args:
        network: what will be exported.
        source: where the weights are from, for the message.

    Raises:
        InputError: a training that diverged, or a damaged file.
    """
    for variable in network.variables:
        if not np.isfinite(to_numpy(variable)).all():
            raise InputError(
                f"{source}: {variable.path} of {network.name} is not finite (NaN or infinite). "
                "Give an earlier --checkpoint, or train again."
            )


def write_parts(
    parts: Sequence[Part],
    output: str,
    form: Format,
    options: Options,
    *,
    title: str,
    source: str = "the run",
    say: Callable[[str], None] = print,
) -> None:
    """Writes all parts into a folder, with `README.md` and an example, or the page that uses them.

    Args:
        parts: what a task exports.
        output: the folder, as `--output` gives it.
        form: the format.
        options: how.
        title: what the networks are, for the page.
        source: where the weights are from, for messages.
        say: takes a line for each file.

    Raises:
        InputError: the format or the folder cannot take them, or weights are no numbers; nothing is
            left behind.
    """
    options = replace(options, uint8=options.uint8 or form.page)
    form.check(options)
    form.check_parts(parts, options)
    names = names_of(parts, form)
    folder = check_output(output, names)
    batch, networks = 1 if form.single else None, []
    for part in parts:
        network = assemble(part, size=options.size, batch=batch, uint8=options.uint8)
        check_weights(network, source)
        networks.append(network)
    hidden = folder / f".{uuid.uuid4().hex}.tmp"
    hidden.mkdir()
    try:
        for network, part in zip(networks, parts, strict=True):
            form.write(network, part, parts, hidden / form.file(part), options)
        sizes = {part.name: stored(hidden / form.file(part)) for part in parts}
        (hidden / README).write_text(readme(parts, form, options, title, sizes), encoding="utf-8")
        if form.page:
            write_page(parts, hidden, options)
        else:
            text = example(parts, form, options)
            (hidden / example_file(form)).write_text(text, encoding="utf-8")
        for name in names:
            os.replace(hidden / name, folder / name)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    for part in parts:
        say(f"{folder / form.file(part)}: {sizes[part.name]:,} bytes, {part.summary}")


def stored(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    inside = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in inside if file.is_file())
