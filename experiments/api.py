"""Train and use models from Python; the runner is made of the same calls.

    from experiments import api

    run = api.train("cyclegan", dataset="folder:summer2winter", run_dir="runs/mine")
    picture = run.translate("photo.jpg", direction="AtoB")

Set `KERAS_BACKEND` before this import to run on JAX.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras

from core import engine
from core.engine import processes
from core.errors import InputError
from core.given_numbers import whole_number
from core.memory import check_fits
from core.names import nearest, plain_name
from core.paths import user_path
from core.phases import Algorithm
from core.picture_size import as_text
from core.weight_limit import weights_within_memory
from experiments import configs
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset
from experiments.metrics import evaluation
from experiments.model import Model, Run, open_task_data
from experiments.training import loop, starting
from experiments.training.checkpoint import restore
from experiments.training.config import RunConfig, flatten, override
from experiments.training.rundir import RunDir, check_unchanged, read_config, stored_config

__all__ = [
    "Run",
    "build",
    "default_run_dir",
    "load",
    "make_config",
    "open_data",
    "published",
    "say_device",
    "own_fingerprint",
    "train",
    "train_config",
]
OWN_TO_A_PROCESS = ("data.threads", "metrics_weights")  # where several train together
FREE = ("precision", "eval_images")  # what may change after training, beside the model's own


def make_config(
    model: str, preset: str = "quick", changes: dict[str, Any] | None = None
) -> RunConfig:
    """A preset with leaves changed by dotted key, e.g. `{"data.size": 128}`.

    `images` replaces the preset's `epochs`, and the reverse.

    Raises:
        InputError: unknown model, preset or key, wrong type or range.
    """
    known = configs.find(model)
    if preset not in known.presets:
        raise InputError(f"--preset={preset}: no such preset. {nearest(preset, known.presets)}")
    changes, given = dict(changes or {}), frozenset(changes or ())
    fixed = {"model": model, "preset": preset, "backend": keras.backend.backend()}
    for key, value in fixed.items():
        if changes.setdefault(key, value) != value:
            raise InputError(f"--set {key}={changes[key]}: give --{key}={changes[key]} instead.")
    for budget, other in (("images", "epochs"), ("epochs", "images")):
        if budget in changes and other not in changes:
            changes[other] = 0
    config = override(known.presets[preset], changes)
    if isinstance(config.data, DataConfig):
        configs.check_pictures(config)
    return known.task.complete(config, known.presets, given)


def default_run_dir(config: RunConfig) -> Path:
    """`runs/<model>/<name>`, with the name that the model's task gives."""
    model = configs.find(config.model)
    name = model.task.run_name(config, model.presets[config.preset])
    return Path("runs") / config.model / plain_name(name)


def open_data(
    config: RunConfig, report: Callable[[str], None] = print, download: bool = True
) -> Dataset | None:
    """The data set of a configuration, with the domains that its model needs.

    Args:
        config: the configuration.
        report: takes a line about an image that is left out.
        download: fetch a TensorFlow Datasets set that is not on this machine.

    Returns:
        The data set; None for a model that needs none.

    Raises:
        InputError: it cannot be had, or does not fit.
    """
    return open_task_data(configs.find(config.model).task, config, report, download=download)


def train(
    model: str,
    *,
    preset: str = "quick",
    dataset: str | None = None,
    run_dir: str | Path | None = None,
    devices: int | str | None = None,
    hosts: processes.Hosts | None = None,
    other_backend: bool = False,
    say: Callable[[str], None] = print,
    **changes: Any,
) -> Run:
    """Trains a model, or goes on with the run in `run_dir`; returns it when the budget is spent.

    Args:
        model, preset: as `--model`, `--preset`.
        dataset: as `--dataset`.
        run_dir: default `runs/<model>/<preset>-<dataset>`.
        devices: as `--devices`.
        hosts: the processes that train together, see `core.engine.processes`; None: this one alone.
        other_backend: as `--other_backend`.
        say: takes lines for a person.
        changes: leaves of the configuration; `__` stands for the dot (`data__size=128`).

    Raises:
        InputError: anything given that cannot be used.
        loop.Interrupted: SIGINT or SIGTERM came; the run was saved.
    """
    changes = {key.replace("__", "."): value for key, value in changes.items()}
    if dataset:
        changes["data.dataset"] = dataset
    config = make_config(model, preset, changes)
    return train_config(
        config,
        run_dir or default_run_dir(config),
        devices=devices,
        hosts=hosts,
        other_backend=other_backend,
        say=say,
    )


def train_config(
    config: RunConfig,
    run_dir: str | Path,
    *,
    devices: int | str | None = None,
    hosts: processes.Hosts | None = None,
    other_backend: bool = False,
    say: Callable[[str], None] = print,
) -> Run:
    """`train` for a configuration that is complete."""
    with processes.together(hosts):
        said = say if processes.first() else _say_nothing
        return _train(config, run_dir, devices, other_backend, said)


def _say_nothing(line: str) -> None:
    """What all processes but the first say."""


def _train(config, run_dir, devices, other_backend, say):
    model = configs.find(config.model)
    processes.agree(
        "configuration", {k: v for k, v in flatten(config).items() if k not in OWN_TO_A_PROCESS}
    )
    count = _set_up(config, model, devices)
    say_device(say)
    directory = None
    if processes.first():
        directory = RunDir(run_dir, config, other_backend=other_backend)
    try:
        dataset = open_data(config, say)
        epoch = dataset.epoch if dataset else 1
        budget = config.budget(epoch)
        run = build(config, epoch, budget, user_path(run_dir))
        _check_levels(run.algorithm, count, devices)
        subject = model.task.subject(run, dataset)
        best_sign = evaluation.check_training(subject)
        data = (dataset.fingerprint() if dataset else {}) | own_fingerprint(run)
        data |= starting.start(run, load, say)
        processes.agree("data", data)
        if directory:
            schedule = partial(model.task.longer, config)
            found = {"contents": dataset.contents, "ranges": dataset.ranges} if dataset else {}
            for line in directory.store(config, data, epoch=epoch, schedule=schedule, **found):
                say(line)
        loop.train(
            run.algorithm,
            dataset,
            config,
            run.run_dir,
            budget=budget,
            batches=model.task.batches,
            evaluate=lambda: model.task.evaluate(run, dataset),
            sheets=lambda: model.task.sheets(run, dataset),
            measure=lambda check: evaluation.in_training(
                model.task.subject(run, dataset), say, check
            ),
            best_sign=best_sign,
            keep=directory.keep if directory else lambda: None,
            say=say,
        )
        engine.separate(run.algorithm.variables())
        _say_left_out(dataset, say)
        return run
    finally:
        if directory:
            directory.close()


def own_fingerprint(run: Run) -> dict[str, str]:
    """What a run depends on beside its data set: pretrained weights, single pictures."""
    return run.task.fingerprint(run)


def _set_up(config: RunConfig, model: Model, devices: int | str | None) -> int:
    """The engine for a configuration; returns the number of devices."""
    together = processes.share()[1]
    if together > 1 and not model.task.roles:
        raise InputError(
            f"--processes={together}: {config.model} is trained without pictures to spread over "
            "processes. Train it in one."
        )
    devices = ("all" if together > 1 else 1) if devices is None else devices
    if devices != "all" and whole_number(str(devices)) is None:
        raise InputError(f"--devices={devices}: expected a number from 1 up, or 'all'")
    count = engine.setup(devices, deterministic=config.deterministic, branches=model.branches)
    if config.batch_size % count:
        flag, over = _spread(devices, count)
        raise InputError(
            f"{flag}: a batch of {config.batch_size} cannot be spread evenly over {over}. "
            f"Give --set batch_size={count * max(1, config.batch_size // count)}."
        )
    return count


def _spread(devices, count):
    """Returns the flag that spreads batches, and over what, in words."""
    if (together := processes.share()[1]) > 1:
        return f"--processes={together}", f"the {count} devices of {together} processes"
    return f"--devices={devices}", f"{count} devices"


def say_device(say: Callable[[str], None]) -> None:
    """Says what the networks run on, and why not on a GPU where there is one. Called when the
    engine is set up: asking starts the backend."""
    say(f"device: {engine.describe_devices()}")
    if missing := engine.missing_accelerator():
        say(missing)


def _check_levels(algorithm: Algorithm, count: int, devices: int | str | None) -> None:
    """Refuses batches of a growing model that cannot be spread, before the first hour is spent."""
    for stage in algorithm.stages:
        if stage.batch_size % count:
            flag, over = _spread(devices, count)
            raise InputError(
                f"{flag}: the batch of {stage.batch_size} at {stage.size} pixels cannot be spread "
                f"evenly over {over}. Change algorithm.batch_sizes."
            )


def _say_left_out(dataset: Dataset | None, say: Callable[[str], None]) -> None:
    if dataset and (messages := dataset.left_out()):
        say(f"{len(messages)} images could not be read and were left out:")
        for message in messages[:20]:
            say(f"  {message}")


def build(
    config: RunConfig, epoch: int, budget: int, run_dir: str | Path, *, trains: bool = True
) -> Run:
    """A run with fresh weights, all of them a function of the seed.

    Args:
        config: the configuration.
        epoch: images in the data set.
        budget: images in all of training.
        run_dir: the directory of the run; nothing is written.
        trains: False leaves out what only training needs, where a model says what that is.

    Raises:
        InputError: a configuration that cannot be built.
    """
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    model = configs.find(config.model)
    try:
        with weights_within_memory(trains):
            if model.rebuild and not trains:
                algorithm = model.rebuild(config)
            else:
                algorithm = model.build(config, epoch, budget)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"configuration: {error}") from error
    run = Run(config, Path(run_dir), algorithm, model)
    if trains:
        _check_batches(algorithm)
        model.task.begin(run, load)
        keras.config.set_dtype_policy(config.precision)  # a run that was loaded has its own
    return run


def _check_batches(algorithm: Algorithm) -> None:
    """Refuses batches whose pictures alone do not fit into memory."""
    for stage in algorithm.stages:
        # float32
        size = 4 * algorithm.batches_per_step * math.prod(algorithm.shape(stage))
        what = f"batches of {stage.batch_size:,} pictures of {as_text(stage.size)} pixels"
        check_fits(size, what, "Lower batch_size or data.size.")


def load(
    run_dir: str | Path,
    changes: dict[str, Any] | None = None,
    say: Callable[[str], None] = print,
    *,
    checkpoint: str = "last",
) -> Run:
    """A trained run from its directory, with the weights of a checkpoint.

    Args:
        run_dir: the directory of the run.
        changes: leaves of the configuration to use it with: `data.…` other than `data.size` and
            `data.channels`, `precision`, `eval_images`, and what the model calls `changeable`.
        say: takes lines for a person.
        checkpoint: "last", the newest; "best", which `best` of the configuration keeps; or a number
            of images.

    Raises:
        InputError: no run directory, no such checkpoint in it, or a change of what was trained.
    """
    path = user_path(run_dir, "--run_dir")
    model = configs.find(read_config(path / "config.json")["config"]["model"])
    config = stored_config(path, model.presets)
    changed = override(config, changes or {})
    _check_changes(flatten(config), flatten(changed), (*FREE, *model.changeable))
    run = build(changed, epoch=1, budget=1, run_dir=path, trains=False)
    run.checkpoint = str(checkpoint)
    if restore(path, run.algorithm, say, which=run.checkpoint) is None:
        raise InputError(f"--run_dir={run_dir}: no checkpoint yet. Train first.")
    check_unchanged(path, own_fingerprint(run))
    return run


def published(model: str = "ghiasi", say: Callable[[str], None] = print) -> Run:
    """A run of the weights of a model that come in a package. Nothing is written.

        run = api.published("ghiasi")
        picture = run.stylize("photo.jpg", ["painting.jpg"])

    Args:
        model: "ghiasi" takes any style; "dumoulin" has learned 26.
        say: takes lines for a person.

    Raises:
        InputError: a model without such weights, or a package that is not installed.
    """
    found = configs.find(model)
    known = found.packaged
    if known is None:
        having = [name for name in configs.names() if configs.find(name).published]
        raise InputError(f"{model}: no weights come in a package; {', '.join(having)} have some.")
    network = known.importers.import_network(known.kind, None)
    hyperparameters = known.importers.guess_config(known.kind, None)
    config = make_config(model, known.preset, known.changes(hyperparameters, None))
    run = build(config, 1, 1, Path("runs") / model / "published", trains=False)
    for name, part in known.filled(network).items():
        run.algorithm.take(name, part.get_weights())
    return run


def _check_changes(before, after, free):
    """Refuses to change what a run was trained with."""
    for key in (key for key in after if after[key] != before[key]):
        fixed = key in ("data.size", "data.channels") or not key.startswith("data.")
        if key not in free and fixed:
            shown = as_text if key == "data.size" else str
            raise InputError(
                f"{key}={shown(after[key])}: this run was trained with {shown(before[key])}, which "
                "cannot be changed afterwards. Leave it out."
            )
