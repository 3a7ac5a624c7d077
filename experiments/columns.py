"""A column of a comparison: the pictures of one method, in a process of its own.

    python -m experiments.columns --plan=FOLDER/plan.json

is how `experiments.compare` calls it, so that the peak memory is that of the method. Each picture
is written with a record of what it was made from, how long it took and what it took; one that is
there is not made again.
"""

import hashlib
import json
import os
import resource
import time
from pathlib import Path
from statistics import median
from typing import Any

from absl import app, flags

from core.errors import InputError
from experiments.run import FLAGS, command, say

flags.DEFINE_string("plan", None, "The column to make: a JSON file that a comparison wrote.")
PLAN = "plan.json"


def made(folder: str | Path, cell: dict[str, Any]) -> dict | None:
    """The record of a cell, None where it has to be made.

    Args:
        folder: of the method.
        cell: its "name", and under "made_from" what it depends on.

    Raises:
        InputError: it was made from something else.
    """
    path = Path(folder) / f"{cell['name']}.json"
    if not (path.exists() and path.with_suffix(".png").exists()):
        return None
    try:
        record = json.loads(path.read_text())
        before = record["made_from"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}). Remove it.") from error
    changed = [k for k in cell["made_from"] if before.get(k) != cell["made_from"][k]]
    if changed:
        raise InputError(f"{path.with_suffix('.png')} was made from another {', '.join(changed)}. "
                         f"Restore it, remove {folder}, or give another --output.")  # fmt: skip
    return record


def digest(path: str | Path) -> str:
    """Of a file, 16 hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def make(plan: dict[str, Any]) -> None:
    """Makes what is missing of a column. A cell whose inputs the method cannot take is said and
    left out.

    Args:
        plan: "folder", "model", "run_dir", "checkpoint" (of a trained run), "preset", "changes" (of
            one that optimises), "direction" (of a translation), and "cells": "name", "inputs"
            (files by role, and the name of a learned style) and "made_from".

    Raises:
        InputError: the run cannot be used, or none of the cells could be made.
    """
    from experiments.data import pictures

    folder = Path(plan["folder"])
    maker, written, error = None, 0, None
    for cell in plan["cells"]:
        if made(folder, cell):
            written += 1
            continue
        maker = maker or (Trained(plan) if plan["run_dir"] else Optimised(plan))
        try:
            picture, seconds = maker.make(cell)
        except InputError as unusable:
            error = unusable
            say(f"left out: {cell['name']}: {error}")
            continue
        pictures.write_png(folder / f"{cell['name']}.png", picture)
        _write(folder / f"{cell['name']}.json", _record(maker, cell, seconds))
        written += 1
        say(f"{folder.name}: {cell['name']}, {seconds:.3g} s")
    if error and not written:
        raise error


def _record(maker, cell, seconds):
    from experiments.rundir import environment

    return {
        "made_from": cell["made_from"],
        "seconds": seconds,
        "memory": peak_memory(),
        "parameters": maker.parameters,
        "images": maker.images,
        "environment": environment(),
    }


def peak_memory() -> int:
    """Bytes: the largest resident memory of this process so far. (On Linux `ru_maxrss` would begin
    with what the process had that started this one.)"""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return int(peak) * 1024
    except (OSError, ValueError):  # macOS has no such file, and counts in bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _write(path, content):
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(temporary, path)


class Trained:
    """Pictures of a trained run.

    Attributes:
        parameters: of the networks that a picture goes through.
        images: that it was trained on.
    """

    def __init__(self, plan: dict[str, Any]):
        """Args:
        plan: as of `make`.

        Raises:
            InputError: see `api.load`.
        """
        from experiments import api

        self.run = api.load(plan["run_dir"], say=say, checkpoint=plan["checkpoint"])
        self.direction = plan["direction"]
        algorithm = self.run.algorithm
        self.images = int(algorithm.images.numpy())
        networks = algorithm.networks | algorithm.frozen
        if self.direction:
            networks = [algorithm.networks[algorithm.translator_name(self.direction)]]
        else:
            networks = networks.values()
        self.parameters = sum(network.count_params() for network in networks)

    def make(self, cell: dict[str, Any]) -> tuple:
        """`(uint8 [H, W, 3], seconds)`, the time that of a second call: the first one compiles."""
        from experiments.data import pictures

        inputs = cell["inputs"]
        if self.direction:
            picture = pictures.read(inputs["source"])

            def call():
                return self.run.translate(picture, self.direction)
        else:
            content, style = pictures.read(inputs["content"]), inputs.get("learned")
            style = style or pictures.read(inputs["style"])

            def call():
                return self.run.stylize(content, [style])

        call()
        seconds, result = _timed(call)
        return result, seconds + self._encoding(inputs)

    def _encoding(self, inputs):
        """Seconds to encode the style, which a stylizer keeps from one call to the next."""
        from experiments.stylization import read, to_unit

        if self.direction:
            return 0.0
        encode = getattr(self.run.algorithm.stylizer, "encode", None)
        if encode is None:
            return 0.0
        style = to_unit(read(inputs["style"]))
        return _timed(lambda: encode(style))[0]


class Optimised:
    """Pictures that are optimised, each in a run directory of its own, which goes on if it was
    interrupted.

    Attributes:
        parameters: of the network that looks at the picture.
        images: that it was trained on: none.
    """

    parameters, images = 0, 0

    def __init__(self, plan: dict[str, Any]):
        """Args:
        plan: as of `make`.
        """
        self.plan = plan

    def make(self, cell: dict[str, Any]) -> tuple:
        """`(uint8 [H, W, 3], seconds)`, the time that of all iterations.

        Raises:
            InputError: a picture or a setting that cannot be used.
            Interrupted: SIGINT or SIGTERM came; the run was saved.
        """
        from experiments import api
        from experiments.optimisation import result
        from experiments.writer import read_metrics

        plan, inputs = self.plan, cell["inputs"]
        pair = {"data.content": inputs["content"], "data.style": [inputs["style"]]}
        config = api.make_config(plan["model"], plan["preset"], plan["changes"] | pair)
        run = api.train_config(config, Path(plan["folder"]) / "runs" / cell["name"], say=say)
        networks = run.algorithm.networks | run.algorithm.frozen
        self.parameters = sum(network.count_params() for network in networks.values())
        return result(run), elapsed(read_metrics(run.run_dir))


def elapsed(rows: list[dict]) -> float:
    """Seconds of all steps of a run, from the lines of its log: their number times the median, so
    that neither compiling nor an interruption counts."""
    paces = [1 / row["images_per_second"] for row in rows if "images_per_second" in row]
    return rows[-1]["images"] * median(paces)


def _timed(call):
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def _run():
    if not FLAGS.plan:
        raise InputError("--plan: give the file that experiments.compare wrote.")
    try:
        make(json.loads(Path(FLAGS.plan).read_text()))
    except OSError as error:
        raise InputError(f"{FLAGS.plan}: beside it nothing can be written ({error}). Make room; "
                         "the same command goes on.") from error  # fmt: skip
    return 0


if __name__ == "__main__":
    app.run(command(_run))
