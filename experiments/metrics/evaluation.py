"""Metrics of a run by name: after training with a record of each, and in training."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from core.errors import InputError
from core.names import hint
from experiments.metrics.polling import polling
from experiments.tasks.subjects import Subject, subject
from experiments.training import best
from experiments.training.rundir import environment

RECORDS = "evaluations.jsonl"  # in the run directory: a line for every metric that was taken
FEATURES = "features"  # likewise, a folder: features of the real pictures, kept for the next time


def evaluate(run, dataset, names: Sequence[str], *, folder: str | Path | None, say) -> dict:
    """Takes metrics of a run as it is, and appends a line for each to its `evaluations.jsonl`.

    Args:
        run: `experiments.api.Run`.
        dataset: of its configuration, None for a model without one.
        names: see `experiments.tasks.subjects` and `experiments.metrics.protocols`.
        folder: of published networks, see `experiments.metrics.published.find`.
        say: takes lines for a person.

    Returns:
        `{"fd_hed5k": 12.3, ...}`, `"fid_test/AtoB"` of a translation.

    Raises:
        InputError: a metric that the model cannot take, too few pictures, a network that cannot be
            had, or a run directory that cannot be written. Nothing was measured then.
    """
    found, subjected = {}, subject(run, dataset)
    taken = {name: check(subjected, name, folder) for name in names}
    _write(run.run_dir, "")
    for name in taken:
        say(f"{name} ...")
        values = subjected.measure(name, folder, run.run_dir / FEATURES)
        line = {"metric": name, "values": values} | identity(run, dataset)
        _write(run.run_dir, json.dumps(line | {"pictures": taken[name]} | environment()) + "\n")
        found |= values
    return found


def check(subjected: Subject, name: str, folder: str | Path | None) -> dict:
    """Refuses, before the work, a metric that cannot be taken; returns which pictures it takes.

    Raises:
        InputError: says why, and lists the metrics that this model can take.
    """
    model = subjected.config.model
    if not subjected.names:
        raise InputError(f"--metrics={name}: there are none for {model}. --mode=evaluate without "
                         "--metrics has its own scores.")  # fmt: skip
    if not name:
        raise InputError("--metrics: one of the names is empty, expected names with single commas "
                         "between them, such as fd_hed5k,fid_test.")  # fmt: skip
    if name not in subjected.names:
        raise InputError(f"--metrics={name}: not a metric of {model}, which takes "
                         f"{', '.join(subjected.names)}.{hint(name, subjected.names)}")  # fmt: skip
    return subjected.check(name, folder)


def check_training(run, dataset) -> None:
    """Refuses, before training, what `metrics` and `best` of its configuration cannot be.

    Raises:
        InputError: a metric that cannot be taken, or a best score that there will not be.
    """
    config, subjected = run.config, subject(run, dataset)
    for name in config.metrics:
        check(subjected, name, config.metrics_weights or None)
    if not config.best:
        return
    known = {best.tag(v, config.metrics) for name in config.metrics for v in subjected.values(name)}
    wanted = best.tag(config.best, config.metrics)
    if wanted not in known and not wanted.startswith("metrics/"):
        quick = dataclasses.replace(config, eval_images=1)
        known |= set(run.module.evaluate(run.algorithm, dataset, quick))
    if wanted not in known:
        listed = ", ".join(sorted(name.removeprefix("metrics/") for name in known))
        raise InputError(f"best={config.best}: there will be no such score. Give one of {listed}, "
                         "or add it to metrics.")  # fmt: skip
    best.sign(config.best)


def in_training(
    run, dataset, say: Callable[[str], None], check: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Takes the configuration's `metrics`; returns `{"metrics/<name>": value}`.

    A metric that the pictures of this moment do not have, such as SWD of a single colour, is said
    and left out.

    Args:
        check: called between batches; raises an exception to give up.
    """
    found, subjected = {}, subject(run, dataset)
    for name in run.config.metrics:
        try:
            folder = run.config.metrics_weights or None
            with polling(check):
                found |= subjected.measure(name, folder, run.run_dir / FEATURES)
        except InputError as error:
            say(f"left out: {error}")
    return {f"metrics/{name}": value for name, value in found.items()}


def identity(run, dataset) -> dict:
    """What numbers are of that were taken of a run: for a line of `RECORDS`."""
    config, algorithm = run.config, run.algorithm
    return {
        "model": config.model,
        "preset": config.preset,
        "images": int(algorithm.images.numpy()),
        "checkpoint": run.checkpoint,
        "averaged": any(name.endswith("_ema") for name in algorithm.extra),
        "seed": config.seed,
        "dataset": config.data.dataset if dataset else None,
        "data": dataset.fingerprint() if dataset else None,
        "size": config.data.size,
        "backend": keras.backend.backend(),
        "precision": config.precision,
    }


def _write(run_dir, text):
    try:
        with open(run_dir / RECORDS, "a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"--run_dir={run_dir}: {RECORDS} cannot be written ({error.strerror}). "
                         "Copy the run to where you may write.") from error  # fmt: skip
