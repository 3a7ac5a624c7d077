"""Takes metrics of a run by name: after training, with a record of each, and during training."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from core.errors import InputError
from core.files import append_text
from core.names import hint
from experiments.metrics.polling import polling
from experiments.metrics.subject import Subject
from experiments.training import best
from experiments.training.rundir import environment

Say = Callable[[str], None]
RECORDS = "evaluations.jsonl"  # file in the run directory, a line for every metric that was taken
FEATURES = "features"  # folder in the run directory: features of real pictures, for the next time


def evaluate(
    subject: Subject, names: Sequence[str], *, folder: str | Path | None, say: Say
) -> dict[str, float]:
    """Takes metrics of a run as it is now, and appends a line for each to `evaluations.jsonl`.

    Args:
        subject: the pictures of the run.
        names: the metrics, see `experiments.metrics.protocols` and
            `experiments.metrics.picture_scores`.
        folder: the folder of published networks, see `experiments.metrics.published.find`.
        say: called with each line for the user.

    Returns:
        The values by name, such as `{"fd_hed5k": 12.3}`. A translation has a value for each
        direction, such as "fid_test/AtoB".

    Raises:
        InputError: the model does not take a metric, there are too few pictures, a network is not
            available, or the run directory cannot be written. Nothing was measured then.
    """
    run = subject.run
    measured: dict[str, float] = {}
    taken = {name: check_metric(subject, name, folder) for name in names}
    _write(run.run_dir, "")
    for name in taken:
        say(f"{name} ...")
        values = subject.measure(name, folder, run.run_dir / FEATURES)
        line = {"metric": name, "values": values} | identity(run, subject.dataset)
        _write(run.run_dir, json.dumps(line | {"pictures": taken[name]} | environment()) + "\n")
        measured |= values
    return measured


def check_metric(subject: Subject, name: str, folder: str | Path | None) -> dict[str, Any]:
    """Returns which pictures a metric takes; refuses one that cannot be taken, before the work.

    Args:
        subject: the pictures of the run.
        name: the metric.
        folder: the folder of published networks, see `experiments.metrics.published.find`.

    Raises:
        InputError: the metric cannot be taken. The message says why, and lists the metrics that
            this model takes.
    """
    model = subject.config.model
    if not subject.names:
        raise InputError(
            f"--metrics={name}: there are none for {model}. --mode=evaluate without --metrics has "
            "its own scores."
        )
    if not name:
        raise InputError(
            "--metrics: one of the names is empty, expected names with single commas between them, "
            "such as fd_hed5k,fid_test."
        )
    if name not in subject.names:
        raise InputError(
            f"--metrics={name}: not a metric of {model}, which takes {', '.join(subject.names)}."
            f"{hint(name, subject.names)}"
        )
    return subject.check(name, folder)


def check_training(subject: Subject) -> int:
    """Checks `metrics` and `best` of the configuration before training.

    Args:
        subject: the pictures of the run.

    Returns:
        1 where higher values of the score `best` are better, -1 where lower ones are, 0 without
        `best`.

    Raises:
        InputError: a metric cannot be taken, the run does not have the score `best`, or neither
            higher nor lower values of that score are better.
    """
    run, config = subject.run, subject.config
    for name in config.metrics:
        check_metric(subject, name, config.metrics_weights or None)
    if not config.best:
        return 0
    values = [v for name in config.metrics for v in subject.values(name)]
    known = {best.tag(value, config.metrics): subject.better(value) for value in values}
    wanted = best.tag(config.best, config.metrics)
    if wanted not in known and not wanted.startswith("metrics/"):
        # one image is enough to learn the names
        quick = dataclasses.replace(run, config=dataclasses.replace(config, eval_images=1))
        scores = run.task.evaluate(quick, subject.dataset)
        known |= {name: _better(name, run.task.better) for name in scores}
    if wanted not in known:
        listed = ", ".join(sorted(name.removeprefix("metrics/") for name in known))
        raise InputError(
            f"best={config.best}: there will be no such score. Give one of {listed}, or add it to "
            "metrics."
        )
    if not known[wanted]:
        raise InputError(
            f"best={config.best}: of this score neither a higher nor a lower value is better. Take "
            "another, such as fd_hed5k."
        )
    return known[wanted]


def _better(score: str, signs: Mapping[str, int]) -> int:
    """Returns 1 or -1 by the beginning of a score's name, 0 where `signs` has none for it."""
    return next((sign for start, sign in signs.items() if score.startswith(start)), 0)


def in_training(
    subject: Subject, say: Say, check: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Takes the configuration's `metrics`; returns `{"metrics/<name>": value}`.

    A metric that is not defined for the pictures at this moment, such as SWD of a single colour,
    is reported and left out.

    Args:
        subject: the pictures of the run.
        say: called with each line for the user.
        check: called between batches; raises an exception to end the work.
    """
    values: dict[str, float] = {}
    config = subject.config
    for name in config.metrics:
        try:
            folder = config.metrics_weights or None
            with polling(check):
                values |= subject.measure(name, folder, subject.run.run_dir / FEATURES)
        except InputError as error:
            say(f"left out: {error}")
    return {f"metrics/{name}": value for name, value in values.items()}


def identity(run: Any, dataset: Any) -> dict[str, Any]:
    """Returns what identifies the measured run, for a line of `RECORDS`.

    Args:
        run: an `experiments.model.Run`.
        dataset: its data set, or None.
    """
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
        append_text(run_dir / RECORDS, text)
    except OSError as error:
        raise InputError(
            f"--run_dir={run_dir}: {RECORDS} cannot be written ({error.strerror}). Copy the run to "
            "where you may write."
        ) from error
