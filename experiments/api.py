"""Train and use models from Python; the runner is made of the same calls.

    from experiments import api

    run = api.train("cyclegan", dataset="folder:summer2winter", run_dir="runs/mine")
    picture = run.translate("photo.jpg", direction="AtoB")

Set `KERAS_BACKEND` before this import to run on JAX.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from core import engine
from core.errors import InputError
from core.names import nearest
from core.phases import Algorithm
from core.picture_size import as_text
from experiments import configs
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset
from experiments.metrics import evaluation
from experiments.model import Model, Run, open_task_data
from experiments.training import loop
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
    changes = dict(changes or {})
    fixed = {"model": model, "preset": preset, "backend": keras.backend.backend()}
    for key, value in fixed.items():
        if changes.setdefault(key, value) != value:
            raise InputError(f"--set {key}={changes[key]}: give --{key}={changes[key]} instead.")
    for budget, other in (("images", "epochs"), ("epochs", "images")):
        if budget in changes and other not in changes:
            changes[other] = 0
    config = override(known.presets[preset], changes)
    if isinstance(config.data, DataConfig) and not known.any_shape:
        _check_squares(config)
    return known.task.complete(config, known.presets)


def _check_squares(config):
    """Refuses what most networks cannot take: pictures that are no squares, or not RGB."""
    data = config.data
    able = ", ".join(name for name in configs.names() if configs.find(name).any_shape)
    if not isinstance(data.size, int):
        raise InputError(
            f"data.size={as_text(data.size)}: {config.model} is trained on squares. Give one "
            f"number, such as data.size={min(data.sides)}, or take one of {able}."
        )
    if data.channels != 3:
        raise InputError(
            f"data.channels={data.channels}: {config.model} is trained on RGB pictures, with 3. "
            f"Leave it out, or take one of {able}."
        )


def default_run_dir(config: RunConfig) -> Path:
    """`runs/<model>/<name>`, with the name that the model's task gives."""
    model = configs.find(config.model)
    return Path("runs") / config.model / model.task.run_name(config, model.presets[config.preset])


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
    devices: int | str = 1,
    say: Callable[[str], None] = print,
    **changes: Any,
) -> Run:
    """Trains a model, or goes on with the run in `run_dir`; returns it when the budget is spent.

    Args:
        model, preset: as `--model`, `--preset`.
        dataset: as `--dataset`.
        run_dir: default `runs/<model>/<preset>-<dataset>`.
        devices: as `--devices`.
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
    return train_config(config, run_dir or default_run_dir(config), devices=devices, say=say)


def train_config(
    config: RunConfig,
    run_dir: str | Path,
    *,
    devices: int | str = 1,
    say: Callable[[str], None] = print,
) -> Run:
    """`train` for a configuration that is complete."""
    model = configs.find(config.model)
    count = _set_up(config, model, devices)
    say_device(say)
    directory = RunDir(run_dir, config)
    try:
        dataset = open_data(config, say)
        epoch = dataset.epoch if dataset else 1
        budget = config.budget(epoch)
        run = build(config, epoch, budget, directory.path)
        _check_levels(run.algorithm, count, devices)
        subject = model.task.subject(run, dataset)
        best_sign = evaluation.check_training(subject)
        data = dataset.fingerprint() if dataset else {}
        directory.store(config, data | own_fingerprint(run))
        loop.train(
            run.algorithm,
            dataset,
            config,
            directory.path,
            budget=budget,
            batches=model.task.batches,
            evaluate=lambda: model.task.evaluate(run, dataset),
            sheets=lambda: model.task.sheets(run, dataset),
            measure=lambda check: evaluation.in_training(
                model.task.subject(run, dataset), say, check
            ),
            best_sign=best_sign,
            say=say,
        )
        _say_left_out(dataset, say)
        return run
    finally:
        directory.close()


def own_fingerprint(run: Run) -> dict[str, str]:
    """What a run depends on beside its data set: pretrained weights, single pictures."""
    return run.task.fingerprint(run)


def _set_up(config: RunConfig, model: Model, devices: int | str) -> int:
    """The engine for a configuration; returns the number of devices."""
    if devices != "all" and not str(devices).isdigit():
        raise InputError(f"--devices={devices}: expected a number from 1 up, or 'all'")
    count = engine.setup(devices, deterministic=config.deterministic, branches=model.branches)
    if config.batch_size % count:
        raise InputError(
            f"--devices={devices}: a batch of {config.batch_size} cannot be spread evenly over "
            f"{count} devices. Give --set batch_size={count * max(1, config.batch_size // count)}."
        )
    return count


def say_device(say: Callable[[str], None]) -> None:
    """Says what the networks run on, and why not on a GPU where there is one. Called when the
    engine is set up: asking starts the backend."""
    say(f"device: {engine.describe_devices()}")
    if missing := engine.missing_accelerator():
        say(missing)


def _check_levels(algorithm: Algorithm, count: int, devices: int | str) -> None:
    """Refuses batches of a growing model that cannot be spread, before the first hour is spent."""
    for stage in algorithm.stages:
        if stage.batch_size % count:
            raise InputError(
                f"--devices={devices}: the batch of {stage.batch_size} at {stage.size} pixels "
                f"cannot be spread evenly over {count} devices. Change algorithm.batch_sizes."
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
        model.task.begin(run, load)
        keras.config.set_dtype_policy(config.precision)  # a run that was loaded has its own
    return run


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
    path = Path(run_dir).expanduser()
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
