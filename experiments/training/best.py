"""Keeps the checkpoint with the best score, `checkpoints/best.npz`; no later one removes it."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

from core.names import reason
from experiments.training import checkpoint
from experiments.training.config import RunConfig


def tag(score: str, metrics: Iterable[str]) -> str:
    """Returns the name under which a score is logged: the scores of metrics have a prefix.

    Args:
        score: the name of the score.
        metrics: the metrics of the configuration.
    """
    own = any(score == name or score.startswith((f"{name}_", f"{name}/")) for name in metrics)
    return f"metrics/{score}" if own else score


class Best:
    """The best value of a score so far; a run that goes on reads it from `best.npz`."""

    def __init__(self, run_dir: Path, config: RunConfig, sign: int, say: Callable[[str], None]):
        """Reads the best value so far from `best.npz`, if there is one.

        Args:
            run_dir: the directory of the run.
            config: its configuration; without `best` nothing is kept.
            sign: 1 where higher values of the score are better, -1 where lower ones are.
            say: called with a line for the user if the file cannot be used.
        """
        self.score, self.value = config.best, None
        if not self.score:
            return
        self.tag, self.sign = tag(self.score, config.metrics), sign
        try:
            stored = checkpoint.read_progress(checkpoint.best(run_dir))["best"]
        except FileNotFoundError:
            return
        except Exception as error:  # damaged files raise exceptions of many kinds
            say(
                f"{checkpoint.best(run_dir)} is damaged ({reason(error)}); the next "
                "best one replaces it"
            )
            return
        if stored["score"] == self.score:
            self.value = stored["value"]
        else:
            say(f"the best checkpoint by {stored['score']} is replaced by that by {self.score}")

    def improves(self, scores: dict[str, float]) -> bool:
        """Returns whether the logged scores have a better value; if so, it becomes the best one."""
        value = scores.get(self.tag, math.nan) if self.score else math.nan
        if math.isnan(value) or (
            self.value is not None and self.sign * value <= self.sign * self.value
        ):
            return False
        self.value = value
        return True

    def record(self) -> dict:
        """Returns what `best.npz` stores in its progress under "best"."""
        return {"score": self.score, "value": self.value}
