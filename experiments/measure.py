"""Measures distances between two sets of pictures, whoever made them.

    python -m experiments.measure --real=photos --generated=made --metrics=fd_hed,pr_hed
    python -m experiments.measure --real=stats.npz --generated=zip:made.zip --metrics=fid --json
    python -m experiments.measure --real=photos --metrics=fid --save_statistics=stats.npz

A set is a folder, a zip archive, or any other name that --dataset of experiments.run takes; a
folder comes before a data set of the same name. Where a metric needs mean and covariance alone (its
name begins with fid or fd_hed), a set may be an .npz with mu and sigma, as pytorch-fid writes it.

Short names take all pictures of both sets: fid, kid, is, pr (published networks), fd_hed, kd_hed,
pr_hed (HED's). The names of runs, such as fid5k, take as many as they say, the first ones. Real
pictures get the size of the generated ones, as in a run; --size gives another.

Features are kept in --features: metrics of one network look at the same pictures once.
"""

import contextlib
import json
import sys
from pathlib import Path

from absl import flags

from core.errors import InputError
from core.paths import user_path
from experiments import cli
from experiments.cli import FLAGS, say
from experiments.flag_values import refuse_others

flags.DEFINE_string("real", None, "The real pictures: a folder, a zip archive, an .npz, a name.")
flags.DEFINE_string("generated", None, "The pictures that are compared with them, likewise.")
flags.DEFINE_string("real_part", "", "Which part of a set with several, such as testA.")
flags.DEFINE_string("generated_part", "", "The same for the generated pictures.")
flags.DEFINE_string(
    "save_statistics", None, "Writes mean and covariance of the real pictures to this .npz file."
)
flags.DEFINE_string(
    "features", "runs/measure/features", "The folder that keeps features; empty: none are kept."
)
TAKES = ("backend", "metrics", "metric_networks", "size", "json")
BETTER = {1: "higher", -1: "lower", 0: ""}


def main(argv: list[str]) -> int:
    """Measures what the flags name; returns the exit status."""
    return cli.command(_measure, _check_flags)(argv)


def _check_flags() -> None:
    """Refuses, before the slow imports, flags that can be judged without them."""
    refuse_others(TAKES, "experiments.measure")
    if not FLAGS.real and not FLAGS.generated:
        raise InputError("give --real and --generated, two sets of pictures.")
    if not FLAGS.metrics:
        raise InputError(
            "--metrics: give what to measure, such as --metrics=fid,pr, or without a download "
            "--metrics=fd_hed,pr_hed."
        )
    for name in ("real", "generated", "features", "save_statistics"):
        text = (FLAGS[name].value or ".").removeprefix("folder:").removeprefix("zip:")
        user_path(text, f"--{name}", written=name in ("features", "save_statistics"))


def _check_sets(metrics) -> None:
    """Refuses the lack of a set, and to save statistics of several networks."""
    compared = [name for name, protocol in metrics.items() if protocol.real != 0]
    if compared and not FLAGS.real:
        raise InputError(f"--metrics={compared[0]}: compares two sets. Give --real, too.")
    if not FLAGS.generated and not FLAGS.save_statistics:
        raise InputError("give --generated, the pictures that are compared with --real.")
    if not FLAGS.save_statistics:
        return
    if not FLAGS.real:
        raise InputError("--save_statistics: they are those of the real pictures. Give --real.")
    if len(metrics) != 1 or [p.statistic for p in metrics.values()] != ["frechet"]:
        raise InputError(
            "--save_statistics: give one metric beside it, of those that need mean and covariance "
            "alone, such as --metrics=fid or --metrics=fd_hed."
        )


def _measure() -> int:
    from experiments.metrics import comparison, exchange
    from experiments.metrics.sets import Named, open_sets

    metrics = comparison.wanted(FLAGS.metrics)
    _check_sets(metrics)
    saved = exchange.place(FLAGS.save_statistics) if FLAGS.save_statistics else None
    cache = Path(user_path(FLAGS.features)) if FLAGS.features else None
    real = Named("--real", FLAGS.real, FLAGS.real_part) if FLAGS.real else None
    generated = None
    if FLAGS.generated:
        generated = Named("--generated", FLAGS.generated, FLAGS.generated_part)
    for named in (real, generated):
        if named and named.is_statistics:
            comparison.check_statistics_are_enough(metrics, named)
    found, folder, results = [], FLAGS.metric_networks, sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # of downloads; results alone go there
        opened = open_sets(real, generated, FLAGS.size or 0, say)
        comparison.check(metrics, opened, folder)
        if saved:
            opened = comparison.save(saved, metrics, opened, folder, cache)
            say(f"statistics of the real pictures: {saved}")
        try:
            for measured in comparison.measure(metrics, opened, folder, cache):
                found.append(measured)
                if measured.note:
                    say(measured.note)
        finally:  # what came before an error is not lost
            found.sort(key=lambda measured: list(metrics).index(measured.name))
            with contextlib.redirect_stdout(results):
                _print(found)
    return 0


def _print(found) -> None:
    """Prints the values, if there are any, as a table or as JSON."""
    if not found:
        return
    if FLAGS.json:
        from experiments.training.rundir import environment

        rows = [
            {"metric": m.name, "values": m.values, "pictures": m.pictures, "note": m.note}
            for m in found
        ]
        sets = {name: FLAGS[name].value for name in ("real", "generated")}
        print(json.dumps(sets | {"metrics": rows} | environment(), indent=2))
        return
    print(f"{'metric':20} {'value':>10}  {'better':8} {'real':>8} {'generated':>10}")
    for m in found:
        counts = ["?" if n is None else f"{n:,}" if n else "–" for n in m.pictures.values()]
        for name, value in m.values.items():
            digits = ".3f" if abs(value) >= 0.1 or not value else ".3g"
            better = BETTER[m.better[name]]
            print(f"{name:20} {value:10{digits}}  {better:8} {counts[0]:>8} {counts[1]:>10}")


if __name__ == "__main__":
    cli.start(_measure, _check_flags)
