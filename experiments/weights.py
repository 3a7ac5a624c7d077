"""Makes runs of published weights: of the authors' files, and of those that come in a package."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.files import write_json_whole
from core.names import nearest
from experiments import api, configs
from experiments.model import Model
from experiments.training import checkpoint
from experiments.training.config import RunConfig, override
from experiments.training.imported import RECORD, Import, read_record
from experiments.training.rundir import RunDir, stored_config

PUBLISHED = "published"  # name of the run directory that packaged weights get


def find_import(kind: str) -> tuple[Model, Import]:
    """The model of a kind of weights, and how its files are read.

    Raises:
        InputError: there is no such kind; the message names the nearest.
    """
    name = kind.partition("/")[0]
    if name in configs.names():
        model = configs.find(name)
        for known in model.imports:
            if known.kind == kind:
                return model, known
    kinds = [known.kind for name in configs.names() for known in configs.find(name).imports]
    raise InputError(f"--kind={kind}: unknown. {nearest(kind, kinds)}")


def import_weights(
    model: Model,
    known: Import,
    path: Path | None,
    run_dir: Path,
    *,
    name: str = "",
    options: Any = None,
    say: Callable[[str], None] = print,
) -> None:
    """Makes a run directory of a file, or adds the file's network to one that was made before.

    Args:
        model: what it becomes a run of.
        known: the kind of the file.
        path: the file; None for one that comes in a package.
        run_dir: the directory.
        name: which network of the algorithm it is, one of `known.networks`; empty: the first.
        options: the flags of `scripts.import_weights`.
        say: takes lines for a person.

    Raises:
        InputError: a file that cannot be read or does not fit, or a run that was trained.
    """
    network = known.importers.import_network(known.kind, path)
    found = known.importers.guess_config(known.kind, path) | known.read(network)
    stored = _stored(model, run_dir)
    config = _config(model, known, known.changes(found, options), stored)
    parts = known.filled(network, name)
    run = api.build(config, epoch=1, budget=1, run_dir=run_dir, trains=False)
    source = "the package" if path is None else str(path)
    for part, filled in parts.items():
        own = run.algorithm.holder(part)
        if [w.shape for w in own.weights] != [w.shape for w in filled.weights]:
            raise InputError(f"{source} is not a {part} {known.refusal(options)}.")
    directory = RunDir(run_dir, stored or config)
    try:
        weights = _imported_before(directory.path, stored, say)
        _check_fit(weights, run, source)
        weights |= {part: filled.get_weights() for part, filled in parts.items()}
        if "raw_G" in weights:  # its average, too, until another file brings that
            weights.setdefault("G", weights["raw_G"])
        for part in sorted(weights):  # raw_G after G, which is taken for both
            run.algorithm.take(part, weights[part])
        directory.store(config, api.own_fingerprint(run))
        progress = {"images": 0, "steps": 0}
        checkpoint.save(directory.path, run.algorithm, progress, keep=config.keep)
        imported = _record(directory.path, parts, source)
    finally:
        directory.close()
    for part, filled in parts.items():
        count = filled.count_params()
        say(f"{part} of {directory.path} has the {count:,} parameters of {source}.")
    say(f"imported so far: {', '.join(sorted(imported))}")


def _stored(model: Model, run_dir: Path) -> RunConfig | None:
    """The configuration that a file was imported with before."""
    if not (run_dir / "config.json").exists():
        return None
    return stored_config(run_dir, model.presets)


def _config(
    model: Model, known: Import, changes: dict[str, Any], stored: RunConfig | None
) -> RunConfig:
    """The configuration that fits this file and the files imported before."""
    if stored is None:
        return api.make_config(model.name, known.preset, changes)
    # settings that this file does not tell, such as ndf for a generator, stay as they are stored
    return override(stored, changes)


def _imported_before(run_dir, stored, say):
    """The weights that other files brought, by network; a run that was trained is refused."""
    if stored is None:
        return {}
    run = api.build(stored, epoch=1, budget=1, run_dir=run_dir, trains=False)
    progress = checkpoint.restore(run_dir, run.algorithm, say, tidy=True)
    if progress and progress["images"]:
        raise InputError(f"--run_dir={run_dir}: has been trained. Give another one.")
    names = read_record(run_dir) if progress else {}
    try:
        return {name: run.algorithm.holder(name).get_weights() for name in names}
    except KeyError as error:
        raise InputError(
            f"--run_dir={run_dir}: {RECORD} names the network {error}, which {stored.model} does "
            "not have. Give another one."
        ) from error


def _check_fit(weights, run, source):
    """Refuses a file that changes the sizes of networks imported before."""
    for name, values in weights.items():
        own = run.algorithm.holder(name).weights
        if [w.shape for w in own] != [w.shape for w in values]:
            raise InputError(
                f"{source}: does not go with the {name} in {run.run_dir}, which has other sizes. "
                "Give another --run_dir."
            )


def _record(run_dir, names, source):
    """Records which networks have imported weights; the others are random and must not be used."""
    imported = read_record(run_dir) | dict.fromkeys(names, source)
    write_json_whole(run_dir / RECORD, imported)
    return imported


def published_run(model: Model, say: Callable[[str], None] = print) -> Path:
    """The run directory of the weights of a model that come in a package, made if it is not there:
    `runs/<model>/published`.

    Raises:
        InputError: the package is not installed, or is another version.
    """
    run_dir = Path("runs") / model.name / PUBLISHED
    if not (run_dir / "config.json").exists():
        _, known = find_import(model.published)
        import_weights(model, known, None, run_dir, say=lambda line: None)
    say(f"using the published weights of {model.name}, --run_dir={run_dir}")
    return run_dir
