"""Reads pictures of more than 8 bits as those that a run was trained with."""

from experiments.data.ranges import Ranges, given
from experiments.model import Run
from experiments.training.rundir import stored_ranges


def trained_ranges(run: Run, role: str) -> Ranges:
    """Returns the values of black and white by kind of values, see `experiments.data.ranges`.

    They are those that `data.range` gives, or else those that training found and the run has
    stored. Kinds that training did not meet are left to a guess.

    Args:
        run: the run.
        role: the domain of its data whose pictures are like those that are read.
    """
    limits = run.config.data.range
    if limits:
        return given(limits)
    return run.once("ranges", lambda: stored_ranges(run.run_dir)).get(role, {})
