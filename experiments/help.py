"""The text of `--help`: all models by what they do, or one of them in full."""

import re
import textwrap
from collections.abc import Iterable

from experiments import configs
from experiments.cli import EVERYWHERE, FLAGS
from experiments.model import Mode, Model
from experiments.training.config import RunConfig

WIDTH = 100
FIRST = ("quick", "paper", "smoke")  # presets that every model has


def overview() -> str:
    """All models with one line each, by what they do."""
    groups: dict[str, list[str]] = {}
    for name in configs.names():
        model = configs.find(name)
        groups.setdefault(model.task.title, []).append(f"  {name:20} {model.summary}")
    lines = ["python -m experiments.run --model=NAME [--preset=quick|paper|smoke] [--flag=value …]"]
    for title, models in groups.items():
        lines += ["", title, *models]
    lines += [
        "",
        "python -m experiments.run --model=NAME --help   explains a model, its presets and flags",
        "python -m experiments.run --model=NAME          trains it, or goes on",
    ]
    return "\n".join(lines)


def describe(name: str) -> str:
    """A model: what it is, its presets, its modes with the flags that each takes, and the flags.

    Raises:
        InputError: an unknown name.
    """
    model = configs.find(name)
    lines = [f"{model.name}: {model.summary}", f"  {model.paper}", "", "presets (--preset=)"]
    lines += [_preset(model, preset, config) for preset, config in _ordered(model)]
    lines += ["", "modes (--mode=) and their flags; * is needed"]
    modes = model.task.modes
    for title, mode in modes.items():
        lines += [f"  {title:12} {mode.summary}", *_wrapped(_marked(mode), " " * 15)]
    everywhere = [*EVERYWHERE, *(["dataset"] if model.task.roles else [])]
    lines += ["", "flags of every mode", *_flags(everywhere)]
    own = dict.fromkeys(flag for mode in modes.values() for flag in _shown(mode))
    lines += ["", "other flags", *_flags(own)]
    lines += ["", f"all settings (--set): python -m experiments.run --model={name} --dry_run"]
    return "\n".join(lines)


def _ordered(model: Model) -> list[tuple[str, RunConfig]]:
    """The presets, those that every model has first."""
    names = [*(n for n in FIRST if n in model.presets), *model.presets]
    return [(name, model.presets[name]) for name in dict.fromkeys(names)]


def _preset(model: Model, name: str, config: RunConfig) -> str:
    size = f"{config.data.size} px"
    length = f"{config.images:,} images" if config.images else f"{config.epochs:g} epochs"
    if not model.task.roles and config.batch_size == 1 and not model.rebuild:
        length = f"{config.images:,} iterations"
    batch = f"batch {config.batch_size}"
    cost = model.costs.get(name, "seconds" if name == "smoke" else "not measured here")
    return f"  {name:10} {size:8} {length:20} {batch:10} {cost}"


def _shown(mode: Mode) -> list[str]:
    """The flags of a mode without older names of others."""
    sides = {"longer_side", "shorter_side"} & set(mode.takes)
    return [name for name in mode.takes if not (name == "size" and sides)]


def _marked(mode: Mode) -> str:
    return " ".join(f"--{name}{'*' if name in mode.needs else ''}" for name in _shown(mode))


def _flags(names: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for name in names:
        text = re.sub(r";\s+repeat this option.*", "", FLAGS[name].help, flags=re.DOTALL)
        lines += _wrapped(text, " " * 25, f"  --{name:20} ")
    return lines


def _wrapped(text: str, indent: str, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
