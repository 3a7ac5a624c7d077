"""Times two commands in turns, so that what else the machine does weighs on both alike."""

import json
import statistics
import subprocess
from collections.abc import Sequence

from core.errors import InputError


def alternate(
    ours: Sequence[str], peer: Sequence[str], rounds: int
) -> tuple[list[dict], list[dict]]:
    """Runs the two commands in turns; returns the rows of both.

    Args:
        ours, peer: commands whose last line of standard output is a row, a JSON object with the
            number `images_per_second`.
        rounds: how often each of them runs.

    Raises:
        InputError: a command cannot be run, ends with an error, or ends with another line.
    """
    rows: tuple[list[dict], list[dict]] = ([], [])
    for _ in range(rounds):
        for command, own in zip((ours, peer), rows, strict=True):
            own.append(row_of(command))
    return rows


def row_of(command: Sequence[str]) -> dict:
    """The row that a command prints; see `alternate`."""
    text = " ".join(command)
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    except OSError as error:
        raise InputError(f"'{text}': cannot be run: {error.strerror}.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise InputError(f"'{text}': ended with status {done.returncode}: {last}")
    last = (done.stdout.strip().splitlines() or [""])[-1]
    try:
        row = json.loads(last)
        float(row["images_per_second"])
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"'{text}': its last line is '{last[:80]}'; expected a JSON object with "
            "images_per_second, as `python -m scripts.peers` prints it."
        ) from None
    return row


def compared(ours: Sequence[dict], peer: Sequence[dict]) -> dict:
    """The median of images per second of both, and how many times as fast we are.

    Args:
        ours, peer: rows, one a round.

    Returns:
        `ours`, `peer` and `ratio` (the ratio of the medians), numbers, and `ratios`, of each round.
    """
    rates = [[float(row["images_per_second"]) for row in rows] for rows in (ours, peer)]
    own, other = (statistics.median(rate) for rate in rates)
    ratios = [round(a / b, 2) for a, b in zip(*rates, strict=True)]
    return {"ours": own, "peer": other, "ratio": own / other, "ratios": ratios}
