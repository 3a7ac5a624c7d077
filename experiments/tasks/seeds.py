"""Reads the flags that choose pictures of a generator: seeds, files of w, classes, truncation."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl.flags import FlagValues

from core.errors import InputError
from experiments.metrics.sampling import MAX_SEED, Sampler, check_truncation, labels
from experiments.model import Run
from experiments.tasks.saved_w import read_w
from experiments.training.imported import check_imported
from gan.stylegan3.transforms import inverse_transform

MAX_SEEDS = 100_000
TRUNCATION = ("truncation", "truncation_cutoff")
SEEDS_ONLY = ("seeds", "count", "label", *TRUNCATION)  # flags that go with seeds, not with --w


def parse_seeds(text: str, flag: str = "--seeds") -> list[int]:
    """Returns the seeds of a text: `[0, 1, 2, 3, 7]` for "0-3,7".

    Args:
        text: the text.
        flag: the flag that it is the value of, for messages.

    Raises:
        InputError: the text has another form, a seed is above 2**32 - 1, or there are more than
            `MAX_SEEDS`.
    """
    return parse_numbers(text, flag, 0, MAX_SEED)


def parse_numbers(text: str, flag: str, lowest: int, highest: int) -> list[int]:
    """Returns the whole numbers of a text, as `parse_seeds` does, each from `lowest` to `highest`.

    Raises:
        InputError: the text has another form, a number is out of range, or there are more than
            `MAX_SEEDS`.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        last = last if dash else first
        digits = first.isdecimal() and last.isdecimal()
        if not (digits and lowest <= int(first) <= int(last) <= highest):
            raise InputError(
                f"{flag}={text}: expected numbers and ranges such as {lowest}-{min(3, highest)}, "
                f"each from {lowest} to {highest}; '{part}' is none."
            )
        if len(numbers) + int(last) - int(first) >= MAX_SEEDS:
            raise InputError(f"{flag}={text}: more than {MAX_SEEDS:,} seeds. Give fewer at a time.")
        numbers += range(int(first), int(last) + 1)
    return numbers


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


def chosen_ws(
    run: Run, flags: FlagValues, text: str, apart: Sequence[str] = SEEDS_ONLY
) -> tuple[list[str], np.ndarray]:
    """Returns the styles that `--w` or `--seeds` chooses, with their names.

    Args:
        run: the run of a style-based model.
        flags: flags with `w` and those of `chosen_seeds`.
        text: the seeds where no files are given.
        apart: flags that cannot be given together with `--w`.

    Returns:
        Names such as "seed 7" or "w 0", and the styles, float32 `[N, layers, w_dim]`.

    Raises:
        InputError: a file, a seed or what goes with them cannot be used.
    """
    if not flags.w:
        seeds = chosen_seeds(run, flags, text)
        return [f"seed {seed}" for seed in seeds], sampler(run).ws(seeds, **controls(flags))
    check_imported(run, "G", "pictures")
    check_styles(run, "--w")
    if given := [f"--{name}" for name in apart if getattr(flags, name, None) is not None]:
        raise InputError(f"{given[0]}: is for seeds, which --w takes the place of. Leave one out.")
    shape = sampler(run).ws([0]).shape[1:]
    ws = np.concatenate([read_w(path, shape) for path in flags.w])
    return [f"w {i}" for i in range(len(ws))], ws


def check_styles(run: Run, use: str) -> None:
    """Refuses a model whose layers have no styles.

    Args:
        run: the run of the model.
        use: what they are needed for, such as "--mode=mix", for the message.

    Raises:
        InputError: it has none.
    """
    if not run.algorithm.has_styles:
        raise InputError(
            f"{use}: this {run.config.model} has no styles. Give the --run_dir of a style-based "
            "model."
        )


def chosen_transform(run: Run, flags: FlagValues) -> np.ndarray | None:
    """Returns the transform of `--translate` and `--rotate` as the synthesis takes it, or None.

    Raises:
        InputError: numbers of another form, or a model whose pictures cannot be transformed.
    """
    if not flags.translate and flags.rotate is None:
        return None
    if not run.algorithm.has_transform:
        raise InputError(
            f"--translate, --rotate: this {run.config.model} has no transform of its pictures. "
            "Leave them out, or take stylegan3."
        )
    try:
        x, y = map(float, flags.translate or ("0", "0"))
    except ValueError:
        x = y = math.nan
    degrees = flags.rotate or 0.0
    if not all(map(math.isfinite, (x, y, degrees))):
        raise InputError(
            f"--translate={','.join(flags.translate)} --rotate={degrees}: expected two numbers "
            "such as 0.25,-0.1, and degrees."
        )
    return inverse_transform((x, y), degrees)


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
