"""Train and use models from Python; the runner is made of the same calls.

    from experiments import api

    run = api.train("cyclegan", dataset="folder:summer2winter", run_dir="runs/mine")
    picture = run.translate("photo.jpg", direction="AtoB")

Set `KERAS_BACKEND` before this import to run on JAX.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from core import engine
from core.errors import InputError
from core.names import nearest
from core.phases import Algorithm
from experiments.configs import MODELS
from experiments.data.pipeline import batches
from experiments.data.sources import Dataset, check_domains, open_dataset
from experiments.metrics import evaluation
from experiments.training import loop
from experiments.training.checkpoint import restore
from experiments.training.config import RunConfig, flatten, override
from experiments.training.rundir import RunDir, check_unchanged, read_config, stored_config


def model_module(model: str) -> ModuleType:
    """`experiments/configs/<model>.py`.

    Raises:
        InputError: unknown model; names the nearest.
    """
    if model not in MODELS:
        raise InputError(f"--model={model}: no such model. {nearest(model, MODELS)}")
    return importlib.import_module(f"experiments.configs.{model}")


def make_config(model: str, preset: str = "quick", changes: dict[str, Any] | None = None):
    """A preset with leaves changed by dotted key, e.g. `{"data.size": 128}`.

    `images` replaces the preset's `epochs`, and the reverse.

    Raises:
        InputError: unknown model, preset or key, wrong type or range.
    """
    presets = model_module(model).PRESETS
    if preset not in presets:
        raise InputError(f"--preset={preset}: no such preset. {nearest(preset, presets)}")
    changes = dict(changes or {})
    fixed = {"model": model, "preset": preset, "backend": keras.backend.backend()}
    for key, value in fixed.items():
        if changes.setdefault(key, value) != value:
            raise InputError(f"--set {key}={changes[key]}: give --{key}={changes[key]} instead.")
    for budget, other in (("images", "epochs"), ("epochs", "images")):
        if budget in changes and other not in changes:
            changes[other] = 0
    config, module = override(presets[preset], changes), model_module(model)
    return module.complete(config) if hasattr(module, "complete") else config


def default_run_dir(config: RunConfig) -> Path:
    """`runs/<model>/<preset>-<dataset>[-<label>][-seed<n>]`, with the label that a model may have;
    a model without a data set names its own."""
    module = model_module(config.model)
    if not module.ROLES:
        return Path("runs") / config.model / module.run_name(config, module.PRESETS[config.preset])
    name = "".join(c if c.isalnum() else "-" for c in config.data.dataset.replace("folder:", ""))
    name = name.strip("-")
    if hasattr(module, "run_label"):
        name += f"-{module.run_label(config)}"
    seed = f"-seed{config.seed}" if config.seed else ""
    return Path("runs") / config.model / f"{config.preset}-{name}{seed}"


@dataclass
class Run:
    """A model with its configuration and directory, and which of its checkpoints it has."""

    config: RunConfig
    run_dir: Path
    algorithm: Algorithm
    module: ModuleType
    checkpoint: str = "last"

    def translate(self, picture, direction: str = "AtoB") -> np.ndarray:
        """Translates a picture at its own size, see `tasks.translation.translate_picture`."""
        return self._use("translate")(self, picture, direction)

    def stylize(self, content, styles=None, **controls) -> np.ndarray:
        """Stylises a picture: `experiments.tasks.stylization.stylize`."""
        return self._use("stylize")(self, content, styles, **controls)

    def stylize_video(self, frames, styles=(0,), **options) -> Iterator[np.ndarray]:
        """Stylises the frames of a clip: `experiments.tasks.video.stylize_video`."""
        from experiments.tasks.video import stylize_video

        self._use("stylize")
        return stylize_video(self, frames, styles, **options)

    def sample(self, seeds=16, **controls) -> np.ndarray:
        """Pictures of seeds, or of the first so many: `experiments.tasks.generation.sample`."""
        return self._use("sample")(self, seeds, **controls)

    def _use(self, name):
        if not hasattr(self.module, name):
            raise InputError(f"--model={self.config.model} does not {name} pictures.")
        return getattr(self.module, name)

    def evaluate(self, dataset: Dataset | None = None, say=print) -> dict[str, float]:
        """The scores of the model's own evaluation on the test images."""
        if hasattr(self.module, "check_ready"):
            self.module.check_ready(self)
        dataset = dataset or open_data(self.config, say)
        return self.module.evaluate(self.algorithm, dataset, self.config)

    def measure(self, names, *, weights=None, dataset: Dataset | None = None, say=print) -> dict:
        """Metrics by name, `weights` a folder of published networks; each is recorded in the run's
        directory: `experiments.metrics.evaluation.evaluate`."""
        dataset = dataset or open_data(self.config, say)
        return evaluation.evaluate(self, dataset, names, folder=weights, say=say)

    def sheets(self, dataset: Dataset | None = None, say=print) -> dict[str, np.ndarray]:
        """Pictures that show what the model does, by name."""
        dataset = dataset or open_data(self.config, say)
        return self.module.sheets(self.algorithm, dataset, self.config)


def open_data(config: RunConfig, report=print, download: bool = True) -> Dataset | None:
    """The data set of a configuration, with the domains that its model needs; None for a model
    that needs none."""
    data, module = config.data, model_module(config.model)
    roles = module.ROLES
    if not roles:
        return None
    dataset = open_dataset(
        data.dataset,
        size=data.load_size,
        roles=roles,
        paired=data.paired,
        paired_test=data.paired_test,
        labels=data.labels,
        download=download,
        report=report,
    )
    check_domains(dataset, roles)
    if hasattr(module, "check_data"):
        module.check_data(config, dataset)
    return dataset


def train(
    model: str,
    *,
    preset: str = "quick",
    dataset: str | None = None,
    run_dir: str | Path | None = None,
    devices: int | str = 1,
    say: Callable[[str], None] = print,
    **changes,
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


def train_config(config: RunConfig, run_dir: str | Path, *, devices=1, say=print) -> Run:
    """`train` for a configuration that is complete."""
    module = model_module(config.model)
    count = _set_up(config, module, devices)
    directory = RunDir(run_dir, config)
    try:
        dataset = open_data(config, say)
        epoch = dataset.epoch if dataset else 1
        budget = config.budget(epoch)
        run = build(config, epoch, budget, directory.path)
        _check_levels(run.algorithm, count, devices)
        evaluation.check_training(run, dataset)
        data = dataset.fingerprint() if dataset else {}
        directory.store(config, data | own_fingerprint(run))
        loop.train(
            run.algorithm,
            dataset,
            config,
            directory.path,
            budget=budget,
            batches=getattr(module, "batches", batches),
            evaluate=module.evaluate,
            sheets=module.sheets,
            measure=lambda check: evaluation.in_training(run, dataset, say, check),
            say=say,
        )
        _say_left_out(dataset, say)
        return run
    finally:
        directory.close()


def own_fingerprint(run: Run) -> dict[str, str]:
    """What a model depends on beside its data set: pretrained weights, single pictures."""
    return run.module.fingerprint(run) if hasattr(run.module, "fingerprint") else {}


def _set_up(config, module, devices):
    """The engine for a configuration; returns the number of devices."""
    if devices != "all" and not str(devices).isdigit():
        raise InputError(f"--devices={devices}: expected a number from 1 up, or 'all'")
    branches = getattr(module, "BRANCHES", 1)
    count = engine.setup(devices, deterministic=config.deterministic, branches=branches)
    if config.batch_size % count:
        raise InputError(
            f"--devices={devices}: a batch of {config.batch_size} cannot be spread evenly over "
            f"{count} devices. Give --set batch_size={count * max(1, config.batch_size // count)}."
        )
    return count


def _check_levels(algorithm, count, devices):
    """Refuses batches of a growing model that cannot be spread, before the first hour is spent."""
    for stage in algorithm.stages:
        if stage.batch_size % count:
            raise InputError(
                f"--devices={devices}: the batch of {stage.batch_size} at {stage.size} pixels "
                f"cannot be spread evenly over {count} devices. Change algorithm.batch_sizes."
            )


def _say_left_out(dataset, say):
    if dataset and (messages := dataset.left_out()):
        say(f"{len(messages)} images could not be read and were left out:")
        for message in messages[:20]:
            say(f"  {message}")


def build(config: RunConfig, epoch: int, budget: int, run_dir: Path, *, trains=True) -> Run:
    """A run with fresh weights, all of them a function of the seed.

    Args:
        trains: False leaves out what only training needs, where a model says what that is.
    """
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    module = model_module(config.model)
    try:
        if hasattr(module, "rebuild") and not trains:
            algorithm = module.rebuild(config)
        else:
            algorithm = module.build(config, epoch=epoch, budget=budget)
    except ValueError as error:
        raise InputError(f"configuration: {error}") from error
    return Run(config, Path(run_dir), algorithm, module)


def load(
    run_dir: str | Path,
    changes: dict[str, Any] | None = None,
    say=print,
    *,
    checkpoint: str = "last",
) -> Run:
    """A trained run from its directory, with the weights of a checkpoint.

    Args:
        run_dir: of the run.
        changes: leaves of the configuration to use it with: `data.…` other than `data.size`,
            `precision`, `eval_images`, and what the model calls `CHANGEABLE`.
        say: takes lines for a person.
        checkpoint: "last", the newest; "best", which `best` of the configuration keeps; or a number
            of images.

    Raises:
        InputError: no run directory, no such checkpoint in it, or a change of what was trained.
    """
    stored = Path(run_dir).expanduser() / "config.json"
    model = read_config(stored)["config"]["model"] if stored.exists() else MODELS[0]
    config = stored_config(run_dir, model_module(model).PRESETS)
    changed = override(config, changes or {})
    before, after = flatten(config), flatten(changed)
    free = ("precision", "eval_images", *getattr(model_module(model), "CHANGEABLE", ()))
    for key in (k for k in after if after[k] != before[k]):
        if key not in free and (key == "data.size" or not key.startswith("data.")):
            raise InputError(
                f"{key}={after[key]}: this run was trained with {before[key]}, which cannot be "
                "changed afterwards. Leave it out."
            )
    run = build(changed, epoch=1, budget=1, run_dir=Path(run_dir).expanduser(), trains=False)
    run.checkpoint = str(checkpoint)
    if restore(run.run_dir, run.algorithm, say, which=run.checkpoint) is None:
        raise InputError(f"--run_dir={run_dir}: no checkpoint yet. Train first.")
    check_unchanged(run_dir, own_fingerprint(run))
    return run
