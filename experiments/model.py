"""What a model is to the runner: one interface, with a default for everything.

A `Model` is a name, presets, a function that builds the algorithm, and a `Task`. The task is the
kind of work (translate, generate, stylise, …): which images are needed, which modes and flags there
are, how the model is scored, what is shown. `experiments/tasks` has the tasks,
`experiments/configs` the models, a file each. A `Run` is a model with its weights.
"""

import os
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from core.errors import InputError
from core.phases import Algorithm
from experiments.data import pipeline
from experiments.data.sources import Dataset, check_domains, open_dataset
from experiments.data.styles import read
from experiments.export.parts import Part
from experiments.metrics import evaluation
from experiments.metrics.subject import Subject
from experiments.modes import EVALUATE, TRAINING, Mode, Say
from experiments.training.config import RunConfig
from experiments.training.imported import Import
from nst.stylizer import Stylizer


class Task:
    """A kind of work. What a subclass does not say is as here.

    Attributes:
        title: of the group of models that do it, in `--help`.
        roles: the domains of its data set, such as ("A", "B"); () where there is none.
        options: flags of training that are settings: flag -> key of the configuration.
        writes: whether training ends with a result that `--output` takes.
        compared: how `experiments.compare` gives it inputs: "styles" (a content and a style),
            "translation" (test images), or "" where it cannot be compared.
        optimises: whether a picture is made by training, so that a comparison trains for each.
        benchmark: what `scripts.benchmark` changes of a preset, such as the data set for an
            embedded one.
        better: which of the scores of `evaluate` are better when lower (-1) or higher (1), by the
            beginning of their names.
        style_size: shorter side of style pictures, pixels, where `--style_size` does not say.
        lacks: modes that other models have and these cannot have, with the reason.
    """

    title: str = "Other"
    roles: tuple[str, ...] = ()
    options: Mapping[str, str] = {}
    writes: bool = False
    compared: str = ""
    optimises: bool = False
    benchmark: Mapping[str, Any] = {}
    better: Mapping[str, int] = {}
    style_size: int = 512
    lacks: Mapping[str, str] = {}

    @property
    def uses(self) -> Mapping[str, Mode]:
        """Its modes beside "train" and "evaluate", by name."""
        return {}

    @property
    def modes(self) -> dict[str, Mode]:
        """All values of `--mode`, by name."""
        takes = (*TRAINING, *self.options, *(["output"] if self.writes else []))
        return {"train": Mode("train, or go on", takes=takes), "evaluate": EVALUATE, **self.uses}

    # --- the configuration and the data

    def complete(
        self, config: RunConfig, presets: Mapping[str, RunConfig], given: Collection[str] = ()
    ) -> RunConfig:
        """The configuration with what some of its settings imply for others.

        `given` has the dotted keys that were given, maybe with the values of the preset.
        """
        return config

    def check_data(self, config: RunConfig, dataset: Dataset) -> None:
        """Raises InputError for a data set that does not fit the configuration."""

    def label(self, config: RunConfig) -> str:
        """What stands in the name of the run's directory after the data set; may be empty."""
        return ""

    def run_name(self, config: RunConfig, preset: RunConfig) -> str:
        """The name of the run's directory: `<preset>-<dataset>[-<label>][-seed<n>]`."""
        name = config.data.dataset.replace("folder:", "").replace("zip:", "")
        name = "".join(c if c.isalnum() else "-" for c in name).strip("-")
        seed = f"seed{config.seed}" if config.seed else ""
        return "-".join(filter(None, (config.preset, name, self.label(config), seed)))

    # --- training

    def prepare(self, flags: FlagValues, config: RunConfig) -> None:
        """Raises InputError, before training, for what `finish` could not do."""

    def begin(self, run: "Run", load: Callable[..., "Run"]) -> None:
        """Completes a run that will be trained and has fresh weights.

        Args:
            run: the run.
            load: opens another run by its directory, see `experiments.api.load`.
        """

    def batches(self, dataset: Any, config: Any, **wanted: Any) -> Iterator[dict]:
        """Endless training batches; takes what `experiments.data.pipeline.batches` takes."""
        return pipeline.batches(dataset, config, **wanted)

    def fingerprint(self, run: "Run") -> dict[str, str]:
        """What training depends on beside the data set (pretrained weights, single pictures), each
        with a digest. A run whose digests changed is refused."""
        return {}

    def longer(self, config: RunConfig, before: int, now: int, seen: int) -> str:
        """What becomes, in words, of schedules that depend on the length of training, which was
        `before` images and is `now`; so many are `seen`."""
        return "The learning rate does not depend on the length."

    def finish(self, run: "Run", flags: FlagValues, say: Say) -> None:
        """Writes the result of a finished training, where there is one."""

    # --- looking at a run

    def check_ready(self, run: "Run") -> None:
        """Makes a loaded run ready to be evaluated; raises InputError where it cannot be."""

    def evaluate(self, run: "Run", dataset: Dataset | None) -> dict[str, float]:
        """Scores on the test images, by name."""
        return {}

    def sheets(self, run: "Run", dataset: Dataset | None) -> dict[str, np.ndarray]:
        """Pictures that show what the model does, uint8 `[H, W, 3]`, by name."""
        return {}

    def subject(self, run: "Run", dataset: Dataset | None) -> Subject:
        """The pictures that metrics are taken of; the default takes none."""
        return Subject(run, dataset)

    # --- using a run

    def learned_styles(self, config: RunConfig) -> tuple[str, ...] | None:
        """The names of the styles that the network has learned; None where it takes any style."""
        return None

    def read_style(self, name: str | os.PathLike) -> np.ndarray:
        """The style picture of a file as the network is to see it, uint8 `[h, w, 3]`."""
        return read(name)

    def make_stylizer(self, run: "Run") -> Stylizer:
        """What stylises pictures with this run; `Run.stylizer` keeps it."""
        raise InputError(f"{run.config.model} does not stylize pictures.")

    def translate(self, run: "Run", picture: Any, direction: str) -> np.ndarray:
        """See `Run.translate`."""
        raise InputError(f"{run.config.model} does not translate pictures.")

    def stylize(self, run: "Run", content: Any, styles: Any, **controls: Any) -> np.ndarray:
        """See `Run.stylize`."""
        raise InputError(f"{run.config.model} does not stylize pictures.")

    def stylize_video(
        self, run: "Run", frames: Any, styles: Any, **options: Any
    ) -> Iterator[np.ndarray]:
        """See `Run.stylize_video`."""
        raise InputError(f"{run.config.model} does not stylize videos.")

    def sample(self, run: "Run", seeds: int | Sequence[int], **controls: Any) -> np.ndarray:
        """See `Run.sample`."""
        raise InputError(f"{run.config.model} does not sample pictures.")

    def parts(self, run: "Run", **choices: Any) -> list[Part]:
        """The networks of a run that other programs can run, see `experiments.export.parts`.

        Args:
            run: the run; its networks are shared, not changed.
            choices: `direction` of a translation; `truncation` and `cutoff` of a style-based
                generator, as `Run.sample` takes them. None where not given.

        Raises:
            InputError: there are none, or not such.
        """
        raise InputError(f"{run.config.model} has no network to export.")


@dataclass(frozen=True)
class Model:
    """A model that the runner can train and use.

    Attributes:
        name: as `--model` gives it.
        summary: one line for `--help`.
        paper: authors, year and address.
        task: the kind of work.
        presets: configurations by name; "quick", "paper" and "smoke" are among them.
        build: `(config, epoch, budget) -> Algorithm` with fresh weights, for a data set of `epoch`
            images and a training of `budget` images; raises ValueError or InputError.
        rebuild: `config -> Algorithm` without what only training needs; None: as `build`.
        branches: parts of the training step that do not wait for each other, see
            `core.engine.setup`.
        any_shape: whether it takes pictures that are no squares, and of 1 or 4 channels.
        changeable: keys of the configuration that may change after training.
        imports: kinds of official weights that become a run.
        published: the one of them whose weights come in a package, so that the model can be used
            without training; empty where there is none.
        costs: what a preset takes, as measured or published, for `--help`.
    """

    name: str
    summary: str
    paper: str
    task: Task
    presets: Mapping[str, RunConfig]
    build: Callable[[RunConfig, int, int], Algorithm]
    rebuild: Callable[[RunConfig], Algorithm] | None = None
    branches: int = 1
    any_shape: bool = False
    changeable: tuple[str, ...] = ()
    imports: tuple[Import, ...] = ()
    published: str = ""
    costs: Mapping[str, str] = field(default_factory=dict)

    @property
    def packaged(self) -> Import | None:
        """The kind of weights that `published` names; None where there is none."""
        return next((known for known in self.imports if known.kind == self.published), None)


@dataclass
class Run:
    """A model with its configuration, weights and directory.

    Attributes:
        config: what it was, or is to be, trained with.
        run_dir: its directory.
        algorithm: the networks and what trains them.
        model: what it is a run of.
        checkpoint: which of its checkpoints the weights are: "last", "best" or a number.
    """

    config: RunConfig
    run_dir: Path
    algorithm: Any  # an `Algorithm`, whose further methods its task knows
    model: Model
    checkpoint: str = "last"
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, key: Hashable, make: Callable[[], Any], version: Any = None) -> Any:
        """What `make()` returned at the first call with this key, and made anew only for another
        version: compiled networks are kept so."""
        if key not in self._made or self._made[key][0] != version:
            self._made[key] = version, make()
        return self._made[key][1]

    @property
    def task(self) -> Task:
        """The kind of work that the model does."""
        return self.model.task

    @cached_property
    def stylizer(self) -> Stylizer:
        """What stylises pictures with this run; one for all calls, as it compiles and keeps the
        codes of styles."""
        return self.task.make_stylizer(self)

    def translate(self, picture: Any, direction: str = "AtoB") -> np.ndarray:
        """A picture translated at its own size, uint8 `[H, W, 3]`.

        Args:
            picture: a file, or uint8 `[H, W, 3]`.
            direction: "AtoB" or "BtoA".

        Raises:
            InputError: the model does not translate, or not in this direction.
        """
        return self.task.translate(self, picture, direction)

    def stylize(self, content: Any, styles: Any = None, **controls: Any) -> np.ndarray:
        """A picture in the style of others, uint8 `[H, W, 3]`.

        The arguments are those of `experiments.tasks.stylization.stylize`.
        """
        return self.task.stylize(self, content, styles, **controls)

    def stylize_video(self, frames: Any, styles: Any = (0,), **options: Any) -> Iterator:
        """The frames of a clip in a style, one after another.

        The arguments are those of `experiments.tasks.video.stylize_video`.
        """
        return self.task.stylize_video(self, frames, styles, **options)

    def sample(self, seeds: int | Sequence[int] = 16, **controls: Any) -> np.ndarray:
        """Pictures of seeds, or of the first so many seeds, uint8 `[N, H, W, 3]`.

        The controls are those of `experiments.tasks.generation.sample`.
        """
        return self.task.sample(self, seeds, **controls)

    def evaluate(self, dataset: Dataset | None = None, say: Say = print) -> dict[str, float]:
        """The scores of the model's own evaluation on the test images, by name."""
        self.task.check_ready(self)
        return self.task.evaluate(self, dataset or self.open_data(say))

    def measure(
        self,
        names: Sequence[str],
        *,
        folder: str | Path | None = None,
        dataset: Dataset | None = None,
        say: Say = print,
    ) -> dict[str, float]:
        """Metrics by name; each is recorded in the run's directory.

        Args:
            names: such as "fd_hed5k", see `experiments.metrics.protocols`.
            folder: of the published networks that metrics use; None: they are downloaded.
            dataset: the run's; None: it is opened.
            say: takes lines for a person.

        Raises:
            InputError: a metric that this model cannot take, or whose network cannot be had.
        """
        subject = self.task.subject(self, dataset or self.open_data(say))
        return evaluation.evaluate(subject, names, folder=folder, say=say)

    def sheets(self, dataset: Dataset | None = None, say: Say = print) -> dict[str, np.ndarray]:
        """Pictures that show what the model does, by name."""
        return self.task.sheets(self, dataset or self.open_data(say))

    def open_data(self, say: Say = print) -> Dataset | None:
        """The data set of the configuration; None for a model without one."""
        return open_task_data(self.task, self.config, say)


def open_task_data(
    task: Task, config: RunConfig, report: Say = print, *, download: bool = True
) -> Dataset | None:
    """The data set of a configuration with the domains that its task needs.

    Args:
        task: of the model.
        config: the configuration.
        report: takes a line about an image that is left out.
        download: fetch a TensorFlow Datasets set that is not on this machine.

    Returns:
        The data set; None for a task that needs none.

    Raises:
        InputError: it cannot be had, or does not fit.
    """
    if not task.roles:
        return None
    data = config.data
    dataset = open_dataset(
        data.dataset,
        size=max(data.load_sides),
        roles=task.roles,
        paired=data.paired,
        paired_test=data.paired_test,
        labels=data.labels,
        channels=data.channels,
        limits=data.range,
        download=download,
        report=report,
    )
    check_domains(dataset, task.roles)
    dataset = dataset.limited(data.limit)
    task.check_data(config, dataset)
    return dataset
