"""Finds the models that the site offers: published ones, and the runs in a folder."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from core.errors import InputError
from experiments import api, configs
from experiments.model import Task
from experiments.tasks.generation import Generation
from experiments.tasks.stylization import Stylization
from experiments.tasks.translation import Translation
from experiments.training.checkpoint import newest_first
from experiments.training.rundir import read_config, stored_config
from experiments.weights import PUBLISHED
from gan.translator import DIRECTIONS
from web.registry import Entry


def finder(runs: Path) -> Callable[[], dict[str, Entry]]:
    """Returns a function that lists the models: published ones first, then those of `runs`.

    A run that did not change is looked at once.
    """
    known: dict[Path, tuple[float, Entry | None]] = {}
    packaged = list(published())

    def find() -> dict[str, Entry]:
        imported = {f"{entry.title}/{PUBLISHED}" for entry in packaged}  # the same weights
        trained = [entry for entry in runs_below(runs, known) if entry.title not in imported]
        return {entry.name: entry for entry in (*packaged, *trained)}

    return find


def published() -> Iterator[Entry]:
    """Yields the models whose weights come in a package, where that is installed."""
    for name in configs.MODELS:
        model = configs.find(name)
        known = model.packaged
        try:
            if known is not None:
                implied = known.changes(known.importers.guess_config(known.kind, None), None)
                config = api.make_config(name, known.preset, implied)
                yield _entry(name, model, config, open=partial(api.published, name, say=_say))
        except InputError as error:
            print(f"left out: {error}", file=sys.stderr)


def _entry(title, model, config, **further):
    """Returns the entry of a model; None if there is no page for its kind."""
    kind = kind_of(model.task, config)
    if kind is None:
        return None
    about = f"{model.summary} ({model.paper.partition(',')[0]})"
    given = details(model.task, config, kind) | further
    return Entry(title.replace("/", "."), title, kind, about=about, **given)


def runs_below(runs: Path, known: dict[Path, tuple[float, Entry | None]]) -> list[Entry]:
    """Returns the runs in a folder and in its folders that can be used here.

    Args:
        runs: the folder; it need not exist.
        known: what was found before, by file; it is brought up to date.
    """
    found = []
    for path in sorted([*runs.glob("*/config.json"), *runs.glob("*/*/config.json")]):
        with suppress(OSError):  # it was removed at this moment
            changed = path.stat().st_mtime
            if known.get(path, (0.0, None))[0] != changed:
                known[path] = changed, _described(path.parent, runs)
            if known[path][1] and newest_first(path.parent):
                found.append(known[path][1])
    return [entry for entry in found if entry]


def _described(folder, runs):
    """Returns the entry of a run; None if it cannot be used here."""
    try:
        model = configs.find(read_config(folder / "config.json")["config"]["model"])
        config = stored_config(folder, model.presets)
    except InputError as error:
        print(f"left out: {error}", file=sys.stderr)
        return None
    title = folder.relative_to(runs).as_posix()
    version = str((folder / "config.json").stat().st_mtime_ns)
    return _entry(title, model, config, open=partial(api.load, folder, say=_say), version=version)


def kind_of(task: Task, config: Any) -> str | None:
    """Returns which page a model belongs to; None for one that has none."""
    if isinstance(task, Stylization):
        return "any" if task.learned_styles(config) is None else "learned"
    if isinstance(task, Translation):
        return "translate"
    return "sample" if isinstance(task, Generation) else None


def details(task: Task, config: Any, kind: str) -> dict[str, Any]:
    """Returns the fields of an entry that depend on the configuration."""
    if kind == "any":
        return {"style_size": task.style_size}
    if kind == "learned":
        return {"styles": tuple(task.learned_styles(config) or ())}
    if kind == "translate":
        return {"directions": tuple(getattr(config.algorithm, "directions", DIRECTIONS))}
    if kind == "sample":
        return {"mixes": bool(getattr(config.algorithm, "use_styles", False))}
    return {}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
