"""What a mode of the runner is, and those that every model has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from absl.flags import FlagValues

from core.errors import InputError
from experiments.tables import print_table

Say = Callable[[str], None]


@dataclass(frozen=True)
class Mode:
    """One value of `--mode`.

    Attributes:
        summary: one line for `--help`.
        work: what is done with a trained run: `(run, flags, say) -> exit status`. None for
            training, which makes the run.
        takes: the flags that it looks at, beside those that every mode takes.
        needs: those of them that must be given.
        settings: what it changes of the configuration with which a run is loaded, by dotted key,
            where flags do not say.
        check: refuses flags before the run is loaded, or does nothing.
    """

    summary: str
    work: Callable[[Any, FlagValues, Say], int] | None = None
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    check: Callable[[FlagValues], None] = lambda flags: None


def _evaluate_mode(run: Any, flags: FlagValues, say: Say) -> int:
    names, folder = flags.metrics, flags.metric_networks
    scores = run.measure(names, folder=folder, say=say) if names else run.evaluate(say=say)
    if not scores:
        raise InputError(
            f"--mode=evaluate: {run.config.model} is scored on test pairs, which this data has "
            "not. Give --metrics (such as fd_hed_test), or train on data that has pairs."
        )
    print_table(scores)
    return 0


HOSTS = ("coordinator", "processes", "process")
WHERE = ("devices", *HOSTS, "other_backend")
TRAINING = ("images", "seed", *WHERE, "dry_run", "metrics", "metric_networks")
EVALUATE = Mode(
    "scores on the test images, or --metrics",
    _evaluate_mode,
    takes=("metrics", "metric_networks", "checkpoint"),
)
