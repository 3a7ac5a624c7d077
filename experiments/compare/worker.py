"""A column of a comparison: the pictures of one method, in a process of its own.

    python -m experiments.compare.worker --plan=FOLDER/plan.json

is how `experiments.compare` calls it, so that the peak memory is that of the method. Each picture
is written with a record of what it was made from, how long it took and what it took; one that is
there is not made again.
"""

import json
import time
from pathlib import Path
from statistics import median
from typing import Any

from absl import app, flags

from core.errors import InputError
from core.files import write_json_whole
from core.memory import peak_memory
from experiments.compare import processes
from experiments.run import FLAGS, command, say

flags.DEFINE_string("plan", None, "The column to make: a JSON file that a comparison wrote.")
PLAN = "plan.json"
RECORD = {"made_from": dict, "picture": str, "seconds": float, "memory": int, "parameters": int,
          "images": int, "environment": dict}  # fmt: skip


class Unusable(InputError):
    """An input that a method cannot take; other inputs it may."""


def made(folder: str | Path, cell: dict[str, Any]) -> dict | None:
    """The record of a cell, None where it has to be made.

    Args:
        folder: of the method.
        cell: its "name", and under "made_from" what it depends on.

    Raises:
        InputError: it was made from something else, or is damaged.
    """
    path = Path(folder) / f"{cell['name']}.json"
    picture = path.with_suffix(".png")
    if not (path.exists() and picture.exists()):
        return None
    record = _read(path)
    if record["picture"] != digest(picture):
        raise InputError(f"{picture} is not what was made: changed or damaged. Remove it; the same "
                         "command makes it again.")  # fmt: skip
    changed = [k for k, v in cell["made_from"].items() if record["made_from"].get(k) != v]
    if changed:
        raise InputError(f"{picture}: what it was made from has changed: {', '.join(changed)}. "
                         f"Restore that, remove {folder}, or give another --output.")  # fmt: skip
    return record


def _read(path):
    """A record that is whole."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        wrong = [key for key, kind in RECORD.items() if not isinstance(record[key], kind)]
        wrong += {"device", "machine", "commit"} - record["environment"].keys()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}). Remove it.") from error
    if wrong:
        raise InputError(f"{path} is damaged ({', '.join(wrong)}). Remove it.")
    return record


def digest(path: str | Path) -> str:
    """Of a file, 16 hexadecimal digits."""
    from experiments.metrics.published import sha256

    return sha256(Path(path))[:16]


def make(plan: dict[str, Any]) -> None:
    """Makes what is missing of a column. A cell whose inputs the method cannot take is said and
    left out.

    Args:
        plan: "folder", "model", "run_dir", "checkpoint" (of a trained run), "preset", "changes" (of
            one that optimises), "direction" (of a translation), and "cells": "name", "inputs"
            (files by role, and the name of a learned style) and "made_from".

    Raises:
        InputError: the run or the settings cannot be used.
    """
    folder, maker = Path(plan["folder"]), None
    for cell in plan["cells"]:
        if made(folder, cell):
            continue
        maker = maker or (Trained(plan) if plan["run_dir"] else Optimised(plan))
        try:
            picture, seconds = maker.make(cell)
        except Unusable as error:
            say(f"left out: {cell['name']}: {error}")
            continue
        _keep(folder / f"{cell['name']}.json", picture, maker, cell, seconds)
        say(f"{folder.name}: {cell['name']}, {seconds:.3g} s")


def _keep(path, picture, maker, cell, seconds):
    """Writes a picture and, last, its record."""
    from experiments.data import pictures

    path.unlink(missing_ok=True)  # of a picture that was lost
    pictures.write_png(path.with_suffix(".png"), picture)
    record = _record(maker, cell, seconds) | {"picture": digest(path.with_suffix(".png"))}
    write_json_whole(path, record)


def _record(maker, cell, seconds):
    from experiments.training.rundir import environment

    return {
        "made_from": cell["made_from"],
        "seconds": float(seconds),
        "memory": peak_memory(),
        "parameters": maker.parameters,
        "images": maker.images,
        "environment": environment(),
    }


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
        """`(uint8 [H, W, 3], seconds)`, the time that of a second call: the first one compiles.

        Raises:
            Unusable: a content or a style that the network cannot take.
        """
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
                try:
                    return self.run.stylize(content, [style])
                except InputError as error:
                    raise Unusable(str(error)) from error

        call()
        seconds, result = _timed(call)
        return result, seconds + self._encoding(inputs)

    def _encoding(self, inputs):
        """Seconds to encode the style, which a stylizer keeps from one call to the next."""
        from experiments.tasks.stylization import read, to_unit

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
            Unusable: a picture that cannot be used.
            InputError: settings, weights, or a run directory that cannot be used.
            Interrupted: SIGINT or SIGTERM came; the run was saved.
        """
        from experiments import api
        from experiments.tasks.optimisation import result
        from experiments.training.writer import read_metrics

        plan, inputs = self.plan, cell["inputs"]
        pair = {"data.content": inputs["content"], "data.style": [inputs["style"]]}
        changes = {"log_every": 1} | plan["changes"] | pair  # compiling is in the first line alone
        config = api.make_config(plan["model"], plan["preset"], changes)
        try:
            run = api.train_config(config, Path(plan["folder"]) / "runs" / cell["name"], say=say)
        except InputError:
            _check_pictures(config)
            raise
        networks = run.algorithm.networks | run.algorithm.frozen
        self.parameters = sum(network.count_params() for network in networks.values())
        return result(run), elapsed(read_metrics(run.run_dir))


def _check_pictures(config):
    """Raises `Unusable` where it is the pictures that a model refuses."""
    from experiments import api
    from experiments.tasks.stylization import features_weights

    features_weights(config.algorithm)  # their error is not the pictures'
    try:
        api.model_module(config.model).build(config, epoch=1, budget=config.budget(1))
    except InputError as error:
        raise Unusable(str(error)) from error
    except ValueError:  # settings
        return


def elapsed(rows: list[dict]) -> float:
    """Seconds of all steps of a run, from the lines of its log: their number times the median of
    one, without the first line, which has the compiling in it, where there are others."""
    paces = [1 / row["images_per_second"] for row in rows if "images_per_second" in row]
    return rows[-1]["images"] * median(paces[1:] or paces)


def _timed(call):
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def _run():
    if not FLAGS.plan:
        raise InputError("--plan: give the file that experiments.compare wrote.")
    try:
        make(json.loads(Path(FLAGS.plan).read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{FLAGS.plan}: beside it nothing can be written ({error}). Make room; "
                         "the same command goes on.") from error  # fmt: skip
    return 0


if __name__ == "__main__":
    app.run(command(_run, processes.end_with_parent))
