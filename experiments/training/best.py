"""The checkpoint with the best score so far: `checkpoints/best.npz`, which no later one removes."""

import math
from collections.abc import Iterable
from pathlib import Path

from core.errors import InputError
from experiments.training import checkpoint

# by the beginnings of their names: whether lower or higher is better. Neither: MS-SSIM between
# generated pictures (noise has the lowest), diversity, deviations (which end in "_std").
_LOWER = ("fid", "kid", "fd_", "kd_", "swd", "ppl", "lpips_", "l1", "content_", "style_", "artfid",
          "art_fd_", "cycle_error/", "colour_distance", "test/", "objective/")  # fmt: skip
_HIGHER = ("pr50k3", "pr_", "is5", "psnr", "ssim")


def sign(score: str) -> int:
    """1 where higher is better, -1 where lower is.

    Raises:
        InputError: neither is known of this score.
    """
    if score.startswith(_LOWER + _HIGHER) and not score.partition("/")[0].endswith("_std"):
        return 1 if score.startswith(_HIGHER) else -1
    raise InputError(f"best={score}: of this score neither a higher nor a lower value is better. "
                     "Take another, such as fd_hed5k.")  # fmt: skip


def tag(score: str, metrics: Iterable[str]) -> str:
    """What a score is called among those that are logged: those of metrics have a prefix."""
    own = any(score == name or score.startswith((f"{name}_", f"{name}/")) for name in metrics)
    return f"metrics/{score}" if own else score


class Best:
    """The best value of a score, in a run that goes on: the one that `best.npz` holds."""

    def __init__(self, run_dir: Path, config, say):
        """Args:
        run_dir: of the run.
        config: RunConfig; without `best` nothing is kept.
        say: takes a line where the file that is there is of no use.
        """
        self.score, self.value = config.best, None
        if not self.score:
            return
        self.tag, self.sign = tag(self.score, config.metrics), sign(self.score)
        try:
            stored = checkpoint.read(checkpoint.best(run_dir))[1]["best"]
        except FileNotFoundError:
            return
        except Exception as error:  # damaged zip files make numpy and zipfile raise about anything
            say(f"{checkpoint.best(run_dir)} is damaged ({type(error).__name__}); the next best "
                "one replaces it")  # fmt: skip
            return
        if stored["score"] == self.score:
            self.value = stored["value"]
        else:
            say(f"the best checkpoint by {stored['score']} is replaced by that by {self.score}")

    def improves(self, scores: dict[str, float]) -> bool:
        """Whether the scores, as they are logged, have a better value, which counts from now on."""
        value = scores.get(self.tag, math.nan) if self.score else math.nan
        if math.isnan(value) or (
            self.value is not None and self.sign * value <= self.sign * self.value
        ):
            return False
        self.value = value
        return True

    def record(self) -> dict:
        """What the progress of `best.npz` holds under "best"."""
        return {"score": self.score, "value": self.value}
