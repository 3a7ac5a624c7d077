"""The runner: `python -m experiments.run --model=cyclegan`.

The same command again goes on where the last one stopped. `--help` lists the models, and
`--model=NAME --help` explains one.
"""

import os
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.names import hint
from experiments import cli, configs
from experiments.cli import FLAGS, say

CHANGES = {  # flags that are settings of every model
    "dataset": "data.dataset",
    "precision": "precision",
    "seed": "seed",
    "images": "images",
    "metrics": "metrics",
    "metric_networks": "metrics_weights",
}


def main(argv: list[str]) -> int:
    """Does what the flags say; returns the exit status."""
    return cli.command(_run, _check_model)(argv)


def _check_model() -> None:
    """Refuses an unknown model before the imports that take seconds; exports on TensorFlow, whose
    converters there are, whatever a run was trained on."""
    configs.check(FLAGS.model)
    if FLAGS.mode == "export" and (FLAGS.backend or os.environ.get("KERAS_BACKEND")) == "jax":
        say("exporting on TensorFlow")
        FLAGS["backend"].value = "tensorflow"


def _run() -> int:
    from core.engine import processes
    from experiments import api

    model = configs.find(FLAGS.model)
    check_flags(model)
    if FLAGS.mode != "train":
        return _use(api, model)
    config = api.make_config(FLAGS.model, FLAGS.preset, flag_changes(model))
    run_dir = FLAGS.run_dir or api.default_run_dir(config)
    if FLAGS.dry_run:
        from experiments.dry_run import describe

        print(describe(config, run_dir))
        return 0
    model.task.prepare(FLAGS, config)
    hosts = processes.given(FLAGS.coordinator, FLAGS.processes, FLAGS.process)
    first = hosts is None or hosts.process == 0
    if first:
        say(f"training in {run_dir}")
    if hosts:
        say(
            f"process {hosts.process} of {hosts.processes}: waiting for the others at "
            f"{hosts.coordinator}, {hosts.patience:g} s at most"
        )
    run = api.train_config(
        config,
        run_dir,
        devices=FLAGS.devices,
        hosts=hosts,
        other_backend=FLAGS.other_backend,
        say=say,
    )
    if not first:
        return 0
    say(f"done. Pictures: {run.run_dir}/samples; curves: tensorboard --logdir {run.run_dir}")
    model.task.finish(run, FLAGS, say)
    _print_scores(run)
    return 0


def check_flags(model: Any, *, needs: bool = True) -> None:
    """Refuses a mode that the model does not have, and flags that the mode does not take or lacks.

    Args:
        model: the model that `--model` names.
        needs: whether flags that the mode needs have to be there.

    Raises:
        InputError: says which it takes.
    """
    modes = model.task.modes
    if reason := model.task.lacks.get(FLAGS.mode):
        raise InputError(f"--mode={FLAGS.mode}: not for {model.name}: {reason}.")
    if FLAGS.mode not in modes:
        raise InputError(
            f"--mode={FLAGS.mode}: not a mode of {model.name}, which has {', '.join(modes)}."
            f"{hint(FLAGS.mode, modes)}"
        )
    mode, here = modes[FLAGS.mode], f"--model={model.name} --mode={FLAGS.mode}"
    takes = {*cli.EVERYWHERE, *mode.takes, *(["dataset"] if model.task.roles else [])}
    for flag in FLAGS.flags_by_module_dict()[cli.__name__]:
        name = cli.ALIASES.get(flag.name, flag.name)
        if flag.present and name not in takes:
            if name == "dataset":
                raise InputError(f"--dataset: {model.name} takes no data set. Leave it out.")
            raise InputError(
                f"--{flag.name}: not an option of {here}. Leave it out, or give another --model or "
                "--mode."
            )
    missing = [f"--{name}" for name in mode.needs if FLAGS[name].value in (None, "", [])]
    if missing and needs:
        raise InputError(
            f"--mode={FLAGS.mode}: give {' and '.join(missing)}. {model.name}: {mode.summary}."
        )


def flag_changes(model: Any) -> dict[str, Any]:
    """What the flags change of the preset, by key."""
    from experiments.training.config import parse_assignments

    takes = model.task.modes[FLAGS.mode].takes
    keys = {n: k for n, k in CHANGES.items() if n in takes or n in ("dataset", "precision")}
    keys |= model.task.options if FLAGS.mode == "train" else {}
    if FLAGS.mode == "evaluate":  # there they say what is measured now, not what was trained with
        keys = {n: k for n, k in keys.items() if n not in ("metrics", "metric_networks")}
    # only what was given: a newer and an older name of a flag may stand for one key
    given = {key: FLAGS[n].value for n, key in keys.items() if FLAGS[n].value not in (None, [])}
    return given | parse_assignments(FLAGS.set)


def _print_scores(run: Any) -> None:
    """Prints the newest scores of the run as a table on standard output."""
    from experiments.tables import print_table
    from experiments.training.writer import read_metrics

    training = ("loss/", "learning_rate/", "images_per_second")
    rows = [r for r in read_metrics(run.run_dir) if not any(k.startswith(training) for k in r)]
    print_table({k: v for k, v in (rows[-1] if rows else {}).items() if k != "time"})


def _trained(api: Any, model: Any, changes: dict[str, Any]) -> Path:
    """Where the trained run is, when `--run_dir` does not say: where training would be, else the
    newest run of the model, else weights that come in a package."""
    usual = api.default_run_dir(api.make_config(FLAGS.model, FLAGS.preset, changes))
    runs = sorted(usual.parent.glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    if model.published and not runs:
        from experiments.weights import published_run

        return published_run(model, say)
    if usual.exists() or FLAGS.dataset or not runs:
        return usual
    newest = runs[-1].parent
    say(f"no run in {usual}: using the newest of {FLAGS.model}, --run_dir={newest}")
    return newest


def _use(api: Any, model: Any) -> int:
    """Modes that need a trained run."""
    from experiments.data.apart import keep_apart

    changes, mode = flag_changes(model), model.task.modes[FLAGS.mode]
    mode.check(FLAGS)
    run_dir = FLAGS.run_dir or _trained(api, model, changes)
    run = api.load(
        run_dir, {**mode.settings, **changes}, say, checkpoint=FLAGS.checkpoint or "last"
    )
    api.say_device(say)
    if FLAGS.output and run.task.roles:
        keep_apart(FLAGS.output, run.config.data.dataset)
    modes = run.task.modes
    if FLAGS.mode not in modes:
        raise InputError(
            f"--mode={FLAGS.mode}: not a mode of {run.config.model}, which has {', '.join(modes)}."
        )
    return modes[FLAGS.mode].work(run, FLAGS, say)


def _help() -> str:
    from experiments.help import describe, overview

    return describe(FLAGS.model) if FLAGS["model"].present else overview()


if __name__ == "__main__":
    cli.start(_run, _check_model, describe=_help)
