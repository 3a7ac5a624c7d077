"""Reads the flags that choose pictures of a generator: seeds, classes, truncation."""

from typing import Any

from absl.flags import FlagValues

from core.errors import InputError
from experiments.metrics.sampling import MAX_SEED, Sampler, check_truncation, labels
from experiments.model import Run
from experiments.training.imported import check_imported

MAX_SEEDS = 100_000
TRUNCATION = ("truncation", "truncation_cutoff")


def parse_seeds(text: str, flag: str = "--seeds") -> list[int]:
    """Returns the seeds of a text: `[0, 1, 2, 3, 7]` for "0-3,7".

    Args:
        text: the text.
        flag: the flag that it is the value of, for messages.

    Raises:
        InputError: the text has another form, a seed is above 2**32 - 1, or there are more than
            `MAX_SEEDS`.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= MAX_SEED):
            raise InputError(
                f"{flag}={text}: expected numbers and ranges such as 0-3,7, each from 0 to "
                f"{MAX_SEED}; '{part}' is none."
            )
        if len(seeds) + int(last) - int(first) >= MAX_SEEDS:
            raise InputError(f"{flag}={text}: more than {MAX_SEEDS:,} seeds. Give fewer at a time.")
        seeds += range(int(first), int(last) + 1)
    return seeds


def counted_seeds(flags: FlagValues) -> str:
    """Returns the seeds of `--mode=sample` as text: those of `--seeds`, or the first `--count`.

    Raises:
        InputError: the count is below 1, or given together with seeds.
    """
    if flags.count is not None and (flags.count < 1 or flags.seeds):
        raise InputError(f"--count={flags.count}: expected 1 or more, or --seeds in its place.")
    return flags.seeds or f"0-{(flags.count or 16) - 1}"


def chosen_seeds(run: Run, flags: FlagValues, text: str, flag: str = "--seeds") -> list[int]:
    """Returns the seeds of a text, after checking them and the flags that go with them.

    Args:
        run: the run that makes their pictures.
        flags: flags with `truncation`, `truncation_cutoff` and `label`.
        text: the seeds, such as "0-3,7".
        flag: the flag that the text is the value of, for messages.

    Raises:
        InputError: a seed, psi or the label cannot be used.
    """
    seeds = parse_seeds(text, flag)
    check_imported(run, "G", "pictures")
    check_truncation(run.algorithm, flags.truncation, flags.truncation_cutoff)
    labels(run.algorithm, seeds[:1], flags.label)
    return seeds


def controls(flags: FlagValues) -> dict[str, Any]:
    """Returns the options of `Sampler.pictures` and `Sampler.ws` that the flags give."""
    return {
        "truncation": flags.truncation,
        "cutoff": flags.truncation_cutoff,
        "label": flags.label,
    }


def sampler(run: Run) -> Sampler:
    """Returns the sampler of a run; it is the same one until a growing generator grows."""
    return run.once("sampler", lambda: Sampler(run.algorithm), version=run.algorithm.detail)
