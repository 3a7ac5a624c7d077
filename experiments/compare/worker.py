"""Makes a column of a comparison: the pictures of one method, in a separate process.

    python -m experiments.compare.worker --plan=FOLDER/plan.json

`experiments.compare` calls this command. As a separate process, its peak memory is that of the
method alone. Each picture is written with a record of what it was made from, and of the time and
the memory that it took. A picture that is already there is not made again.
"""

import time
from pathlib import Path
from statistics import median
from typing import Any

from absl import flags

from core.errors import InputError
from core.files import parse_json, read_json, sha256, write_json_whole
from core.memory import peak_memory
from experiments import cli
from experiments.cli import FLAGS, say
from experiments.compare import processes

flags.DEFINE_string("plan", None, "The column to make: a JSON file that a comparison wrote.")
PLAN = "plan.json"
RECORD_SUFFIX = ".json"  # of the record beside a picture
RECORD = {
    "made_from": dict,
    "picture": str,
    "seconds": float,
    "memory": int,
    "parameters": int,
    "images": int,
    "environment": dict,
}


class Unusable(InputError):
    """Raised for an input that a method cannot take; it may be able to take others."""


def made(folder: str | Path, cell: dict[str, Any]) -> dict | None:
    """Returns the record of a cell, None where its picture has yet to be made.

    Args:
        folder: the folder of the method.
        cell: a dictionary with "name", and "made_from": all that the picture depends on.

    Raises:
        InputError: the picture was made from something else, or it or its record is damaged.
    """
    path = Path(folder) / f"{cell['name']}{RECORD_SUFFIX}"
    picture = path.with_suffix(".png")
    if not (path.exists() and picture.exists()):
        return None
    record = _read(path)
    if record["picture"] != digest(picture):
        raise InputError(
            f"{picture} is not what was made: changed or damaged. Remove it; the same "
            "command makes it again."
        )
    changed = [k for k, v in cell["made_from"].items() if record["made_from"].get(k) != v]
    if changed:
        raise InputError(
            f"{picture}: what it was made from has changed: {', '.join(changed)}. "
            f"Restore that, remove {folder}, or give another --output."
        )
    return record


def _read(path):
    """Returns the record in a file; InputError where it is damaged."""
    try:
        record = parse_json(path.read_bytes())
        wrong = [key for key, kind in RECORD.items() if not isinstance(record[key], kind)]
        wrong += {"device", "machine", "commit"} - record["environment"].keys()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}). Remove it.") from error
    if wrong:
        raise InputError(f"{path} is damaged ({', '.join(wrong)}). Remove it.")
    return record


def digest(path: str | Path) -> str:
    """Returns a digest of a file: 16 hexadecimal digits."""
    return sha256(path)[:16]


def make(plan: dict[str, Any]) -> None:
    """Makes the pictures that are missing in a column.

    A cell whose inputs the method cannot take is reported and left out.

    Args:
        plan: a dictionary with "folder", "model", "run_dir" and "checkpoint" (for a trained run),
            "preset" and "changes" (for a method that optimises), "direction" (for a translation),
            and "cells", each with "name", "inputs" (files by role, and the name of a learned
            style) and "made_from".

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
        _keep(folder / f"{cell['name']}{RECORD_SUFFIX}", picture, maker, cell, seconds)
        say(f"{folder.name}: {cell['name']}, {seconds:.3g} s")


def _keep(path, picture, maker, cell, seconds):
    """Writes a picture, and then its record."""
    from experiments.data import pictures

    path.unlink(missing_ok=True)  # the record of a picture that was lost
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
    """Makes pictures with a trained run.

    Attributes:
        parameters: how many parameters the networks have that a picture goes through.
        images: how many images the run was trained on.
    """

    def __init__(self, plan: dict[str, Any]):
        """Loads the run.

        Args:
            plan: see the function `make`.

        Raises:
            InputError: see `api.load`.
        """
        from experiments import api

        self.run = api.load(plan["run_dir"], say=say, checkpoint=plan["checkpoint"])
        self.direction = plan["direction"]
        algorithm = self.run.algorithm
        self.images = int(algorithm.images.numpy())
        networks = [*algorithm.networks.values(), *algorithm.frozen.values()]
        if self.direction:
            networks = [algorithm.networks[algorithm.translator_name(self.direction)]]
        self.parameters = sum(network.count_params() for network in networks)

    def make(self, cell: dict[str, Any]) -> tuple:
        """Returns the picture, uint8 `[H, W, 3]`, and the seconds that it took.

        The time is that of a second call, because the first one compiles.

        Raises:
            Unusable: the network cannot take this content or style.
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
        """Returns the seconds to encode the style, which a stylizer keeps for the next call."""
        from experiments.data import pictures

        if self.direction or inputs.get("learned"):
            return 0.0
        style = pictures.to_unit(pictures.read(inputs["style"]))
        return _timed(lambda: self.run.stylizer.encode_style(style))[0]


class Optimised:
    """Optimises pictures, each in its own run directory, so that an interrupted one can go on.

    Attributes:
        parameters: how many parameters the network has that computes the loss.
        images: 0, since nothing is trained.
    """

    parameters, images = 0, 0

    def __init__(self, plan: dict[str, Any]):
        """Keeps the plan.

        Args:
            plan: see the function `make`.
        """
        self.plan = plan

    def make(self, cell: dict[str, Any]) -> tuple:
        """Returns the picture, uint8 `[H, W, 3]`, and the seconds of all its iterations.

        Raises:
            Unusable: a picture cannot be used.
            InputError: the settings, the weights or the run directory cannot be used.
            Interrupted: SIGINT or SIGTERM came; the run was saved.
        """
        from experiments import api
        from experiments.tasks.optimisation import result
        from experiments.training.writer import read_metrics

        plan, inputs = self.plan, cell["inputs"]
        pair = {"data.content": inputs["content"], "data.style": [inputs["style"]]}
        changes = {"log_every": 1} | plan["changes"] | pair  # compiling: first line only
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
    """Raises `Unusable` if the model refuses the pictures, not the settings or the weights."""
    from experiments import configs
    from experiments.tasks.vgg import loss_weights

    taps = [tap for term in config.algorithm.terms().values() for tap in term]
    loss_weights(config.algorithm, taps)  # missing weights are not the pictures' fault
    try:
        configs.find(config.model).build(config, 1, config.budget(1))
    except InputError as error:
        raise Unusable(str(error)) from error
    except ValueError:  # the settings are wrong
        return


def elapsed(rows: list[dict]) -> float:
    """Returns the seconds of all steps of a run: their number times the median time of a step.

    Args:
        rows: the lines of its log. The first one includes compiling; it counts only if it is the
            only one.
    """
    paces = [1 / row["images_per_second"] for row in rows if row.get("images_per_second")]
    if not paces:
        raise InputError("the log of the run names no speed. Remove the run; it is made again.")
    return rows[-1]["images"] * median(paces[1:] or paces)


def _timed(call):
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def _run():
    if not FLAGS.plan:
        raise InputError("--plan: give the file that experiments.compare wrote.")
    try:
        make(read_json(FLAGS.plan))
    except OSError as error:
        raise InputError(
            f"{FLAGS.plan}: its folder cannot be written to ({error}). Make room; "
            "the same command goes on."
        ) from error
    return 0


if __name__ == "__main__":
    cli.start(_run, processes.end_with_parent)
