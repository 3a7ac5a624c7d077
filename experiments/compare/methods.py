"""What a comparison compares: models that optimise a picture, and trained runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from core.errors import InputError
from core.names import nearest
from experiments import api
from experiments.data.files import file_id
from experiments.training import checkpoint
from experiments.training.rundir import read_config, stored_config

# what a comparison writes beside the folders of its columns
OUTPUTS = ("inputs", "tensorboard", "sheet.png", "report.html", "comparison.md", "comparison.csv",
           "comparison.tex", "lock")  # fmt: skip


@dataclass(frozen=True)
class Method:
    """A column of the sheet, a row of the table.

    Attributes:
        name: in both, and the folder of its pictures.
        config: of the trained run, or of every picture that is optimised.
        run_dir: of the trained run; None: a picture is optimised for every input.
        checkpoint: of the run, as `api.load` takes it.
    """

    name: str
    config: Any
    run_dir: Path | None = None
    checkpoint: str = ""

    @property
    def module(self) -> ModuleType:
        """Of its model."""
        return api.model_module(self.config.model)

    @property
    def translates(self) -> bool:
        """Whether it takes test images and no styles."""
        return hasattr(self.module, "translate")

    @property
    def styles(self) -> tuple[str, ...] | None:
        """The names of those that it has learned; None: it takes any."""
        if not hasattr(self.module, "learned_styles"):
            return None
        return self.module.learned_styles(api.Run(self.config, self.run_dir, None, self.module))

    def learned(self, name: str, pixels: str) -> str | None:
        """Which of the styles that it has learned a picture is, None for none of them.

        Args:
            name: of the picture; counts where the run does not say what its style was (imported).
            pixels: their hash, as `experiments.tasks.feed_forward.fingerprint` takes it.
        """
        for style, own in zip(self.styles, style_pixels(self.run_dir), strict=True):
            if own == pixels or (own is None and style == name):
                return style
        return None

    def takes(self, row) -> bool:
        """Whether it can do an input, a `Row` of `experiments.compare.inputs`."""
        if "style" not in row.files or self.styles is None:
            return True
        return self.learned(row.files["style"].stem, row.style) is not None


def style_pixels(run_dir: Path) -> list[str | None]:
    """Hashes of the styles that a run has learned, in the order of `Method.styles`; None where it
    is not known."""
    stored = read_config(run_dir / "config.json")
    config, data = stored["config"], stored.get("data", {})
    before, base = config.get("algorithm.learned", []), config.get("algorithm.base")
    found = [None] * len(before)
    if base and (path := Path(base).expanduser() / "config.json").exists():
        own = read_config(path)["config"]
        if [*own.get("algorithm.learned", []), *own.get("algorithm.style", [])] == before:
            found = style_pixels(path.parent)
    return [*found, *(data.get(name) for name in config["algorithm.style"])]


def optimises(module: ModuleType) -> bool:
    """Whether a model makes a picture of a content and a style without training."""
    return not module.ROLES and "content" in getattr(module, "OPTIONS", {})


def find(
    models: Sequence[str],
    runs: Sequence[str],
    *,
    preset: str,
    changes: dict[str, Any],
    checkpoint: str,
    say,
) -> list[Method]:
    """The methods of `--models` and `--runs`, in this order.

    Args:
        models: by name; a trained one takes its run from `runs`, else the newest of its own.
        runs: directories, or NAME=DIRECTORY where NAME is one of `models` or a further column.
        preset, changes: of those that optimise.
        checkpoint: of those that are trained.
        say: takes lines for a person.

    Raises:
        InputError: unknown models, directories that are no runs, a name that is given twice,
            models that cannot be compared or not with each other.
    """
    for model in models:
        if model not in api.MODELS:
            raise InputError(f"--models={model}: no such model. {nearest(model, api.MODELS)}")
    places = _places(runs)
    _check_names(models, places)
    found = []
    for name in dict.fromkeys([*models, *places]):
        if name in places:
            found.append(_trained(name, places[name], checkpoint, name if name in models else None))
        elif optimises(api.model_module(name)):
            found.append(Method(name, api.make_config(name, preset, changes)))
        else:
            _check_kind(name)
            found.append(_trained(name, newest(name, say), checkpoint, name))
    _check_together(found)
    return found


def _places(runs) -> dict[str, Path]:
    """`{column: run directory}` of `--runs`."""
    found = {}
    for text in runs:
        name, equals, place = text.partition("=")
        place = Path(place if equals else text).expanduser()
        if not (place / "config.json").is_file():
            raise InputError(
                f"--runs={text}: '{place}' is not a run directory (no config.json). "
                "Give directories of trained runs, as NAME=DIRECTORY or alone."
            )
        name = name if equals else read_config(place / "config.json")["config"]["model"]
        if name in found:
            raise InputError(f"--runs={text}: '{name}' has a run already. Give names of your own: "
                             f"--runs=NAME=DIRECTORY,….")  # fmt: skip
        found[name] = place
    return found


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
        if name in places and optimises(api.model_module(name)):
            raise InputError(f"--runs={name}=…: {name} is optimised for every picture and has no "
                             "trained run. Leave it out.")  # fmt: skip


def newest(model: str, say) -> Path:
    """The newest run of a model below `runs/`.

    Raises:
        InputError: there is none.
    """
    folder = Path("runs") / model
    found = sorted(folder.glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise InputError(f"--models={model}: no run in {folder}. Train one, or say where it is: "
                         f"--runs={model}=DIRECTORY.")  # fmt: skip
    say(f"{model}: using its newest run, --runs={model}={found[-1].parent}")
    return found[-1].parent


def _trained(name, run_dir, which, model) -> Method:
    """A method of a run; `model` is what it has to be of, None for any."""
    stored = read_config(run_dir / "config.json")["config"]["model"]
    if model and stored != model:
        raise InputError(f"--runs={name}={run_dir}: is a run of {stored}, not {model}.")
    _check_kind(stored)
    if optimises(api.model_module(stored)):
        raise InputError(f"--runs={name}={run_dir}: a run of {stored}, which is one picture. Give "
                         f"--models={stored}: it is optimised for every input.")  # fmt: skip
    if not checkpoint.chosen(run_dir, which):
        raise InputError(f"--runs={name}={run_dir}: no checkpoint yet. Train first.")
    number = checkpoint.chosen(run_dir, which)[0].stem
    config = stored_config(run_dir, api.model_module(stored).PRESETS)
    return Method(name, config, run_dir, str(int(number)) if number.isdigit() else number)


def _check_kind(model):
    if not _comparable(model):
        known = [name for name in api.MODELS if _comparable(name)]
        raise InputError(
            f"{model}: takes neither contents and styles nor test images, so there is "
            f"nothing to compare it on. Compare some of {', '.join(known)}."
        )


def _comparable(model):
    module = api.model_module(model)
    return optimises(module) or hasattr(module, "stylize") or hasattr(module, "translate")


def _check_together(methods):
    kinds = {method.translates for method in methods}
    if len(kinds) > 1:
        named = [[m.name for m in methods if m.translates == kind] for kind in (False, True)]
        raise InputError(
            f"{', '.join(named[0])}: take a content and a style; {', '.join(named[1])}: "
            "translate test images. There are no inputs for both: compare them apart."
        )
    sizes = {m.name: m.config.data.size for m in methods if m.translates}
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
    """Refuses a run that translates the other way.

    Raises:
        InputError: names it.
    """
    for method in methods:
        trained = getattr(method.config.algorithm, "direction", direction)
        if trained != direction:
            raise InputError(f"{method.name}: {method.run_dir} has learned {trained} alone. Give "
                             f"--direction={trained}, or another run.")  # fmt: skip
