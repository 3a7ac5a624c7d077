"""The methods of a comparison: models that optimise a picture, and trained runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.given_numbers import whole_number
from core.names import nearest
from core.paths import user_path
from core.picture_size import as_text
from experiments import api, configs
from experiments.data.files import file_id
from experiments.model import Say, Task
from experiments.training import checkpoint
from experiments.training.config import RunConfig
from experiments.training.rundir import read_config, stored_config
from experiments.weights import published_run

# the files and folders that a comparison writes beside the folders of its columns
OUTPUTS = (
    "inputs",
    "tensorboard",
    "sheet.png",
    "report.html",
    "comparison.md",
    "comparison.csv",
    "comparison.tex",
    "lock",
)


@dataclass(frozen=True)
class Method:
    """A method: a column of the sheet and a row of the table.

    Attributes:
        name: its name in both, and the name of the folder of its pictures.
        config: the configuration of the trained run, or of every picture that is optimised.
        run_dir: the directory of the trained run; None where a picture is optimised for every
            input.
        checkpoint: the checkpoint of the run, as `api.load` takes it.
    """

    name: str
    config: RunConfig
    run_dir: Path | None = None
    checkpoint: str = ""

    @property
    def task(self) -> Task:
        """Returns the kind of work that its model does."""
        return configs.find(self.config.model).task

    @property
    def translates(self) -> bool:
        """Returns whether it takes test images and no styles."""
        return self.task.compared == "translation"

    @property
    def styles(self) -> tuple[str, ...] | None:
        """Returns the names of the styles that it has learned; None if it takes any style."""
        return self.task.learned_styles(self.config)

    def learned(self, name: str, pixels: str) -> str | None:
        """Returns the name of the learned style that a picture is, None if it is none of them.

        Args:
            name: the name of the picture. It decides only where the run does not record the pixels
                of its style, as imported weights do not.
            pixels: the hash of the picture's pixels, made as
                `experiments.tasks.feed_forward.styles_fingerprint` makes it.
        """
        if self.styles is None or self.run_dir is None:
            return None
        for style, own in zip(self.styles, style_pixels(self.run_dir), strict=True):
            if own == pixels or (own is None and style == name):
                return style
        return None

    def takes(self, row: Any) -> bool:
        """Returns whether it can take an input, an `experiments.compare.inputs.Row`."""
        if "style" not in row.files or self.styles is None:
            return True
        return self.learned(row.files["style"].stem, row.style) is not None


def style_pixels(run_dir: Path) -> list[str | None]:
    """Returns the hash of each style that a run has learned, in the order of `Method.styles`.

    None stands for a style whose pixels the run does not record.
    """
    stored = read_config(run_dir / "config.json")
    config, data = stored["config"], stored.get("data", {})
    before, base = _listed(config, "algorithm.learned"), str(config.get("algorithm.base") or "")
    learned: list[str | None] = [None] * len(before)
    if base and (path := user_path(base) / "config.json").exists():
        own = read_config(path)["config"]
        if _listed(own, "algorithm.learned") + _listed(own, "algorithm.style") == before:
            learned = style_pixels(path.parent)
    return [*learned, *(data.get(name) for name in _listed(config, "algorithm.style"))]


def _listed(config, name):
    """Returns a setting that is a list; an empty one where a file has none, or something else."""
    found = config.get(name, [])
    return found if isinstance(found, list) else []


def find(
    models: Sequence[str],
    runs: Sequence[str],
    *,
    preset: str,
    changes: dict[str, Any],
    checkpoint: str,
    say: Say,
) -> list[Method]:
    """Returns the methods of `--models`, then the further ones of `--runs`.

    Args:
        models: names of models. A trained one uses its run in `runs`, otherwise its newest run.
        runs: directories, or NAME=DIRECTORY where NAME is one of `models` or a further column.
        preset: the preset of the methods that optimise.
        changes: changes of that preset, by dotted key.
        checkpoint: the checkpoint of the trained methods.
        say: called with each line for the user.

    Raises:
        InputError: a model is unknown, a directory is not a run, a name is given twice, or the
            models cannot be compared, at all or with each other.
    """
    for model in models:
        if model not in configs.names():
            raise InputError(f"--models={model}: no such model. {nearest(model, configs.names())}")
    places = _places(runs)
    _check_names(models, places)
    compared = []
    for name in dict.fromkeys([*models, *places]):
        if name in places:
            compared.append(
                _trained(name, places[name], checkpoint, name if name in models else None)
            )
        elif configs.find(name).task.optimises:
            compared.append(Method(name, api.make_config(name, preset, changes)))
        else:
            _check_kind(name)
            compared.append(_trained(name, newest(name, say), checkpoint, name))
    _check_together(compared)
    return compared


def _places(runs) -> dict[str, Path]:
    """Returns `{column: run directory}` of `--runs`."""
    places = {}
    for text in runs:
        name, equals, place = text.partition("=")
        place = user_path(place if equals else text)
        if not (place / "config.json").is_file():
            raise InputError(
                f"--runs={text}: '{place}' is not a run directory (no config.json). "
                "Give directories of trained runs, as NAME=DIRECTORY or alone."
            )
        name = name if equals else read_config(place / "config.json")["config"]["model"]
        if name in places:
            raise InputError(
                f"--runs={text}: '{name}' has a run already. Give names of your own: "
                f"--runs=NAME=DIRECTORY,…."
            )
        places[name] = place
    return places


def _check_names(models, places):
    for name in places:
        plain = name.replace("-", "").replace("_", "").replace(".", "")
        if not (plain.isascii() and plain.isalnum()) or name.lower() in OUTPUTS:
            raise InputError(
                f"--runs={name}=…: a column's name has letters, digits, - _ and . only, "
                f"and is none of {', '.join(OUTPUTS)}. Give another."
            )
    twice = sorted({name for name in models if list(models).count(name) > 1})
    if twice:
        raise InputError(
            f"--models: {twice[0]} is given twice. Name two runs of a model in --runs: "
            f"--runs={twice[0]}=DIRECTORY,other=DIRECTORY."
        )
    if not models and not places:
        raise InputError(
            "give --models, such as gatys,adain,johnson or cyclegan,pix2pix; or --runs."
        )
    for name in models:
        if name in places and configs.find(name).task.optimises:
            raise InputError(
                f"--runs={name}=…: {name} is optimised for every picture and has no "
                "trained run. Leave it out."
            )


def newest(model: str, say: Say) -> Path:
    """Returns the directory of the newest run of a model below `runs/`.

    Raises:
        InputError: there is no run.
    """
    folder = Path("runs") / model
    configs_by_age = sorted(folder.glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    if not configs_by_age and configs.find(model).published:
        return published_run(configs.find(model), say)
    if not configs_by_age:
        raise InputError(
            f"--models={model}: no run in {folder}. Train one, or say where it is: "
            f"--runs={model}=DIRECTORY."
        )
    say(f"{model}: using its newest run, --runs={model}={configs_by_age[-1].parent}")
    return configs_by_age[-1].parent


def _trained(name, run_dir, which, model) -> Method:
    """Returns the method of a run, which must be of `model` unless that is None."""
    stored = read_config(run_dir / "config.json")["config"]["model"]
    if model and stored != model:
        raise InputError(f"--runs={name}={run_dir}: is a run of {stored}, not {model}.")
    _check_kind(stored)
    if configs.find(stored).task.optimises:
        raise InputError(
            f"--runs={name}={run_dir}: a run of {stored}, which is one picture. Give "
            f"--models={stored}: it is optimised for every input."
        )
    if not checkpoint.chosen(run_dir, which):
        raise InputError(f"--runs={name}={run_dir}: no checkpoint yet. Train first.")
    number = checkpoint.chosen(run_dir, which)[0].stem
    config = stored_config(run_dir, configs.find(stored).presets)
    images = whole_number(number)
    return Method(name, config, run_dir, number if images is None else str(images))


def _check_kind(model):
    if not _comparable(model):
        known = [name for name in configs.names() if _comparable(name)]
        raise InputError(
            f"{model}: takes neither contents and styles nor test images, so there is "
            f"nothing to compare it on. Compare some of {', '.join(known)}."
        )


def _comparable(model):
    return bool(configs.find(model).task.compared)


def _check_together(methods):
    kinds = {method.translates for method in methods}
    if len(kinds) > 1:
        named = [[m.name for m in methods if m.translates == kind] for kind in (False, True)]
        raise InputError(
            f"{', '.join(named[0])}: take a content and a style; {', '.join(named[1])}: "
            "translate test images. There are no inputs for both: compare them apart."
        )
    for method in (m for m in methods if m.translates and m.config.data.channels != 3):
        raise InputError(
            f"{method.name}: translates pictures of {method.config.data.channels} channels. "
            "Comparisons are of RGB pictures: leave it out."
        )
    sizes = {m.name: as_text(m.config.data.size) for m in methods if m.translates}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise InputError(
            f"--runs: of several sizes ({listed} pixels). Translations are compared at "
            "the size they were trained at: give runs of one size."
        )
    places = [file_id(m.run_dir) for m in methods if m.run_dir]
    if len(set(places)) != len(places):
        raise InputError("--runs: two of them are the same directory. Leave one out.")


def check_direction(methods: Iterable[Method], direction: str) -> None:
    """Refuses a run that translates only in the other direction.

    Raises:
        InputError: a run does; the message names it.
    """
    for method in methods:
        if direction not in method.config.algorithm.directions:
            (learned,) = method.config.algorithm.directions
            raise InputError(
                f"{method.name}: {method.run_dir} has learned {learned} alone. Give "
                f"--direction={learned}, or another run."
            )
