"""Changes pictures along directions of w that are found without labels."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from absl.flags import FlagValues

from core.errors import InputError
from core.files import write_whole
from core.paths import user_path
from experiments.data import files, pictures
from experiments.data.faces import FACTORS
from experiments.metrics import attributes
from experiments.metrics.separability import DATASET
from experiments.model import Run, Say
from experiments.tasks.figures import write_figure
from experiments.tasks.projection import w_samples
from experiments.tasks.seeds import (
    check_styles,
    check_together,
    chosen_ws,
    one_class,
    parse_numbers,
    sampler,
)
from gan import directions as found

STRENGTH, COLUMNS = 3.0, 7  # farthest step in standard deviations; steps from one end to the other
MOST = 1000  # standard deviations: far beyond, pictures are no numbers any more
ROWS = 8  # directions that are shown where nothing else is said
JUDGED, JUDGED_STEP = 64, 2.0  # seeds, and standard deviations to both sides
TOLD = 3  # factors that are named for each direction


@dataclass(frozen=True)
class Directions:
    """Some directions of w.

    Attributes:
        numbers: which ones; 1 is the strongest of all.
        vectors: of length 1, `[K, w_dim]`.
        deviations: the standard deviation of w along each, `[K]`.
        layers: the layers whose w is moved.
    """

    numbers: Sequence[int]
    vectors: np.ndarray
    deviations: np.ndarray
    layers: Sequence[int]

    def moved(self, ws: np.ndarray, i: int, strength: float) -> np.ndarray:
        """Returns `ws [N, layers, w_dim]` moved along direction i by so many deviations."""
        return found.moved(ws, strength * self.deviations[i] * self.vectors[i], self.layers)


def edit_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Carries out `--mode=edit`; returns the exit status.

    Writes a sheet for each seed, with a row for each direction, and `directions.json`. If a single
    direction is chosen, its pictures are also written one by one.
    """
    check_styles(run, "--mode=edit")
    files.check_folder(flags.output)
    strength = STRENGTH if flags.strength is None else flags.strength
    if not 0 < strength <= MOST:
        raise InputError(
            f"--strength={strength:g}: expected above 0, to {MOST}, such as {STRENGTH:g}."
        )
    label = one_class(flags, "--mode=edit")
    names, ws = chosen_ws(run, flags, flags.seeds or "0")
    directions = find(run, flags)
    check_together(run, len(directions.numbers) * COLUMNS, "--directions")
    folder = user_path(flags.output)
    for name, styles in zip(names, ws, strict=True):
        _write_pictures(run, folder, name, styles, directions, strength, say)
    moves = _judged(run, directions, label, say)
    _write_table(folder / "directions.json", flags.method or "sefa", directions, moves)
    _print_moves(directions, moves)
    return 0


def find(run: Run, flags: FlagValues) -> Directions:
    """Returns the directions that the flags choose.

    Args:
        run: the run of a style-based model.
        flags: flags with `method`, `directions`, `layers` and `label`.

    Raises:
        InputError: there is no such direction or layer.
    """
    count, w_dim = sampler(run).ws([0]).shape[1:]
    text = flags.directions or f"1-{min(ROWS, w_dim)}"
    numbers = parse_numbers(text, "--directions", 1, w_dim)
    layers = parse_numbers(flags.layers or f"0-{count - 1}", "--layers", 0, count - 1)
    label = one_class(flags, "--mode=edit")
    w = run.once("w_samples", lambda: w_samples(run, label), (label, run.algorithm.detail))
    if flags.method == "ganspace":
        vectors = found.principal_components(w)
    else:
        weights = found.style_weights(run.algorithm.generator.synthesis)
        vectors = found.factorised([weights[layer] for layer in layers])
    vectors = vectors[[number - 1 for number in numbers]]
    return Directions(numbers, vectors, found.deviations(w, vectors), layers)


def _write_pictures(run, folder, name, styles, directions, strength, say):
    """Writes the sheet of one seed, and the pictures of a single direction."""
    strengths, made = np.linspace(-strength, strength, COLUMNS), sampler(run)
    kind, number = name.split()
    file = f"{kind}{int(number):04}"
    rows = []
    for i in range(len(directions.numbers)):
        moved = [directions.moved(styles[None], i, x) for x in strengths]
        rows.append(list(made.from_ws(np.concatenate(moved))))
    titles = [f"{x:+.3g}" for x in strengths]
    if len(rows) == 1:
        for title, picture in zip(titles, rows[0], strict=True):
            target = folder / f"{file}_direction{directions.numbers[0]}_{title}.png"
            pictures.write_png(target, picture)
    labels = [f"direction {number}" for number in directions.numbers]
    write_figure(folder / f"{file}.png", say, rows, titles, labels)


def _judged(run, directions, label, say):
    """`effects` of each direction; None for pictures that cannot be judged."""
    if run.config.data.dataset != DATASET:
        return None
    if min(run.config.data.sides) < attributes.SIZE or run.config.data.channels != 3:
        say(f"factors are not judged: that needs RGB pictures of {attributes.SIZE} pixels")
        return None
    return effects(run, directions, label)


def effects(run: Run, directions: Directions, label: int | None = None) -> list[dict[str, float]]:
    """Returns how much each direction moves each factor of `faces`: a dictionary for each.

    It is the change of the probability that the factor is above 0.5, from `-JUDGED_STEP` to
    `JUDGED_STEP` standard deviations, mean over `JUDGED` seeds, from -1 to 1, as
    `experiments.metrics.attributes` judges it.

    Args:
        run: a run of `faces`.
        directions: the directions.
        label: the class of all pictures.

    Raises:
        InputError: the pictures are too small.
    """
    made = sampler(run)
    ws = made.ws(range(JUDGED), label=label)

    def judged(i, strength):
        return attributes.probabilities(made.from_ws(directions.moved(ws, i, strength)))

    changes = [
        (judged(i, JUDGED_STEP) - judged(i, -JUDGED_STEP)).mean(axis=0)
        for i in range(len(directions.numbers))
    ]
    return [dict(zip(FACTORS, map(float, change), strict=True)) for change in changes]


def _write_table(path, method, directions, moves):
    """Writes what is known of each direction as JSON; `moves` are the effects, or None."""
    rows = [
        {
            "direction": number,
            "deviation": float(directions.deviations[i]),
            "vector": directions.vectors[i].tolist(),
        }
        | ({} if moves is None else {"factors": moves[i]})
        for i, number in enumerate(directions.numbers)
    ]
    table = {"method": method, "layers": list(directions.layers), "directions": rows}
    text = json.dumps(table, indent=1) + "\n"
    write_whole(path, lambda file: file.write(text.encode()), durable=False)


def _print_moves(directions, moves):
    """Prints the factors that each direction moves most, on standard output."""
    for number, factors in zip(directions.numbers, moves or [], strict=bool(moves)):
        most = sorted(factors, key=lambda name: -abs(factors[name]))[:TOLD]
        print(f"direction {number}: {', '.join(f'{name} {factors[name]:+.2f}' for name in most)}")
