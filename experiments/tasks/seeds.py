"""Reads the flags that choose pictures of a generator: seeds, files of w, classes, truncation."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl.flags import FlagValues

from core.errors import InputError
from core.given_numbers import whole_number
from core.memory import check_fits
from experiments.metrics.sampling import MAX_SEED, MAX_SEEDS, Sampler, check_truncation, labels
from experiments.model import Run
from experiments.tasks.saved_w import read_w
from experiments.training.imported import check_imported
from gan.stylegan3.transforms import inverse_transform

MAX_TOGETHER = 10_000  # pictures of a sheet
FARTHEST, MOST_TURNED = 1000.0, 1e6  # sides of a picture; degrees
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
        words, dash, end = (piece.strip() for piece in part.partition("-"))
        first, last = whole_number(words), whole_number(end if dash else words)
        if first is None or last is None or not lowest <= first <= last <= highest:
            raise InputError(
                f"{flag}={text}: expected numbers and ranges such as {lowest}-{min(3, highest)}, "
                f"each from {lowest} to {highest}; '{part}' is none."
            )
        if len(numbers) + last - first >= MAX_SEEDS:
            raise InputError(f"{flag}={text}: more than {MAX_SEEDS:,} seeds. Give fewer at a time.")
        numbers += range(first, last + 1)
    return numbers


def check_together(run: Run, count: int, flags: str) -> None:
    """Refuses so many pictures in a sheet or on a walk that nobody could look at them.

    Args:
        run: the run that makes them.
        count: how many pictures there are.
        flags: the flags that say how many, for the message.

    Raises:
        InputError: there are more than `MAX_TOGETHER`, or they need more memory than there is.
    """
    if count > MAX_TOGETHER:
        raise InputError(
            f"{flags}: {count:,} pictures together, expected {MAX_TOGETHER:,} or fewer. Give fewer "
            "at a time."
        )
    check_pictures(run, count, flags)


def check_pictures(run: Run, count: int, flags: str) -> None:
    """Refuses pictures that do not fit into memory together.

    Args:
        run: the run that makes them.
        count: how many are in memory at a time.
        flags: the flags that say how many, for the message.

    Raises:
        InputError: they need more memory than there is; says how much.
    """
    size = 5 * math.prod(run.algorithm.shape(run.algorithm.current_stage)[1:])  # float32, uint8
    check_fits(size * count, f"{flags}: {count:,} pictures", "Give fewer.")


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
    labels(run.algorithm, seeds[:1], chosen_classes(flags))
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
        check_together(run, len(seeds), "--seeds")
        return [f"seed {seed}" for seed in seeds], sampler(run).ws(seeds, **controls(flags))
    check_imported(run, "G", "pictures")
    check_styles(run, "--w")
    if given := [f"--{name}" for name in apart if getattr(flags, name, None) is not None]:
        raise InputError(f"{given[0]}: is for seeds, which --w takes the place of. Leave one out.")
    shape = sampler(run).ws([0]).shape[1:]
    ws = np.concatenate([read_w(path, shape) for path in flags.w])
    return [f"w {i}" for i in range(len(ws))], ws


def chosen_classes(flags: FlagValues) -> list[int] | None:
    """Returns the classes of `--label`, such as `[0, 2]`; None where it is not given.

    Raises:
        InputError: the text has another form.
    """
    return None if flags.label is None else parse_numbers(flags.label, "--label", 0, MAX_SEED)


def one_class(flags: FlagValues, use: str) -> int | None:
    """Returns the class of `--label`; None where it is not given.

    Args:
        flags: flags with `label`.
        use: what it is for, such as "--mode=edit", for the message.

    Raises:
        InputError: the text has another form, or names several.
    """
    classes = chosen_classes(flags)
    if classes and len(classes) > 1:
        raise InputError(f"--label={flags.label}: {use} takes a single class, such as 0.")
    return classes[0] if classes else None


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
    near = all(abs(shift) <= FARTHEST for shift in (x, y)) and abs(degrees) <= MOST_TURNED
    if not near:  # nor for NaN
        raise InputError(
            f"--translate={','.join(flags.translate)} --rotate={degrees}: expected two numbers "
            f"such as 0.25,-0.1, to {FARTHEST:g}, and degrees."
        )
    return inverse_transform((x, y), degrees)


def controls(flags: FlagValues, start: int = 0) -> dict[str, Any]:
    """Returns the options of `Sampler.pictures` and `Sampler.ws` that the flags give.

    Args:
        flags: flags with `truncation`, `truncation_cutoff` and `label`.
        start: how many pictures came before these, where they are made in several calls.
    """
    classes = chosen_classes(flags)
    if classes:
        turn = start % len(classes)
        classes = classes[turn:] + classes[:turn]
    return {"truncation": flags.truncation, "cutoff": flags.truncation_cutoff, "label": classes}


def sampler(run: Run) -> Sampler:
    """Returns the sampler of a run; it is the same one until a growing generator grows."""
    return run.once("sampler", lambda: Sampler(run.algorithm), version=run.algorithm.detail)
