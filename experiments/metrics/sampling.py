"""Pictures by seed, from any algorithm that offers what `experiments.tasks.generation` lists.

A seed stands for a z: `numpy.random.RandomState(seed)` draws it, as the official code of the
StyleGANs does, whatever else is drawn. Labels go round (seed modulo classes) unless one is chosen.
"""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np

from core.errors import InputError
from experiments.data import pictures
from experiments.training.imported import check_imported

BATCH = 8  # always: how numbers are rounded depends on the size of a batch
MAX_SEEDS = 100_000


def parse_seeds(text: str, flag: str = "--seeds") -> list[int]:
    """`"0-3,7"` -> `[0, 1, 2, 3, 7]`.

    Raises:
        InputError: anything else, a seed above 2**32 - 1, or more than `MAX_SEEDS`.
    """
    seeds = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) < 2**32):
            raise InputError(f"{flag}={text}: expected numbers and ranges such as 0-3,7, each from "
                             f"0 to {2**32 - 1}; '{part}' is none.")  # fmt: skip
        if len(seeds) + int(last) - int(first) >= MAX_SEEDS:
            raise InputError(f"{flag}={text}: more than {MAX_SEEDS:,} seeds. Give fewer at a time.")
        seeds += range(int(first), int(last) + 1)
    return seeds


def check_space(name: str, algorithm, space: str) -> None:
    """Refuses a model that has no latents of a kind; `name` is of the metric in z or in w.

    Raises:
        InputError: it makes no pictures from noise, or has no w.
    """
    generator = getattr(algorithm, "generator", None)
    if generator is None:
        raise InputError(f"{name}: this model makes no pictures from noise.")
    if space == "w" and not hasattr(generator, "mapping"):
        raise InputError(f"{name}: this model has no w. Take {name.replace('_w', '_z')}.")


def latents(algorithm, seeds: Sequence[int]) -> np.ndarray:
    """The z of each seed, float32 `[N, latent_size]`.

    Raises:
        InputError: a seed that is not from 0 to 2**32 - 1.
    """
    if bad := [seed for seed in seeds if not 0 <= seed < 2**32]:
        raise InputError(f"seed {bad[0]}: expected 0 to {2**32 - 1}.")
    size = algorithm.latent_size
    uniform = getattr(algorithm, "latent", "normal") == "uniform"
    draws = (np.random.RandomState(seed) for seed in seeds)
    return np.float32([d.uniform(-1, 1, size) if uniform else d.randn(size) for d in draws])


def labels(algorithm, seeds: Sequence[int], label: int | None = None) -> tuple[np.ndarray, ...]:
    """What a generator takes beside z: `()`, or int32 `[N]`, `label` or one after the other.

    Raises:
        InputError: a label of a model without classes, or one that it does not have.
    """
    classes = algorithm.classes
    if label is not None and not 0 <= label < classes:
        found = f"has the classes 0 to {classes - 1}" if classes else "was trained without classes"
        raise InputError(f"--label={label}: this model {found}.")
    if not classes:
        return ()
    return (np.int32([seed % classes if label is None else label for seed in seeds]),)


def generate(
    algorithm,
    seeds: Sequence[int],
    *,
    truncation: float | None = None,
    cutoff: int | None = None,
    label: int | None = None,
    noise: str = "const",
) -> np.ndarray:
    """Pictures of seeds, uint8 `[N, H, W, 3]`, the same for a seed whatever the others are.

    Args:
        algorithm: offers what `experiments.tasks.generation` lists.
        truncation: psi, of a style-based model; None: 1.
        cutoff: truncate this many of the first layers; None: all.
        label: the class of all.
        noise: of models with noise inputs: "const", or "random", which also depends on the others.

    Raises:
        InputError: no seeds, a psi that is not finite or that the model does not take, or a class
            that it does not have.
    """
    if not len(seeds):
        raise InputError("seeds: expected at least one.")
    if truncation is None and (noise == "const" or not hasattr(algorithm.generator, "mapping")):
        classes = labels(algorithm, seeds, label)
        return generate_from(algorithm, latents(algorithm, seeds), classes)
    check_truncation(algorithm.generator, truncation, cutoff)
    styles = ws(algorithm, seeds, truncation, cutoff, label)
    return synthesize(algorithm.generator, styles, noise, seeds[0])


def generate_from(algorithm, z: np.ndarray, classes: tuple[np.ndarray, ...] = ()) -> np.ndarray:
    """Pictures, uint8 `[N, H, W, 3]`, of z `[N, latent_size]` and what `labels` gives."""
    generator = algorithm.generator
    return _pictures(lambda *rows: generator(*rows, training=False), z, *classes)


def check_truncation(generator, psi: float | None, cutoff: int | None = None) -> None:
    """Refuses a psi that is not finite, or one for a generator without styles, and a cutoff alone
    or below 1."""
    if cutoff is not None and (psi is None or cutoff < 1):
        raise InputError(f"--truncation_cutoff={cutoff}: expected 1 or more, with --truncation.")
    if psi is not None and not math.isfinite(psi):
        raise InputError(f"--truncation={psi}: expected a number, such as 0.7.")
    if psi is not None and not has_styles(generator):
        raise InputError(f"--truncation={psi}: this model has no styles to truncate. Leave it out, "
                         "or take a style-based model.")  # fmt: skip


def has_styles(generator) -> bool:
    """Whether a generator is style-based."""
    return hasattr(generator, "mapping") and generator.synthesis.use_styles


def ws(
    algorithm,
    seeds: Sequence[int],
    truncation: float | None = None,
    cutoff: int | None = None,
    label: int | None = None,
) -> np.ndarray:
    """The styles of seeds, float32 `[N, layers, w_dim]`.

    Args:
        cutoff: truncate this many of the first layers, None for all. (The published pictures of
            StyleGAN have psi 0.7 in 8.)
    """
    options = {} if truncation is None else {"truncation_psi": truncation}
    options |= {} if cutoff is None else {"truncation_cutoff": cutoff}
    mapping = algorithm.generator.mapping
    inputs = (latents(algorithm, seeds), *labels(algorithm, seeds, label))
    return in_batches(lambda *rows: mapping(*rows, **options), *inputs)


def synthesize(generator, styles: np.ndarray, noise: str = "const", seed: int = 0) -> np.ndarray:
    """Pictures, uint8 `[N, H, W, 3]`, of `ws [N, layers, w_dim]`; `seed` is of random noise."""
    drawn = keras.random.SeedGenerator(seed)
    return _pictures(lambda rows: generator.synthesis(rows, noise=noise, seed=drawn), styles)


def _pictures(make, *arrays):
    return pictures.to_uint8(in_batches(make, *arrays))


def in_batches(make: Callable, *arrays: np.ndarray) -> np.ndarray:
    """`make` of all rows as float32, `BATCH` at a time; the last row fills up the last batch."""
    parts = []
    for start in range(0, len(arrays[0]), BATCH):
        rows = [array[start : start + BATCH] for array in arrays]
        missing = BATCH - len(rows[0])
        full = [np.concatenate([r, np.repeat(r[-1:], missing, axis=0)]) for r in rows]
        parts.append(_to_numpy(make(*full))[: len(rows[0])])
    return np.concatenate(parts)


def _to_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor).astype(np.float32)


def styling(flags) -> tuple[float | None, int | None, int | None]:
    """The flags that `ws` takes after the seeds."""
    return flags.truncation, flags.truncation_cutoff, flags.label


def chosen_seeds(run, flags, default: str, name: str = "seeds") -> list[int]:
    """The seeds of a flag, when this and what they are used with has been checked.

    Raises:
        InputError: seeds, psi or label that cannot be used.
    """
    seeds = parse_seeds(getattr(flags, name) or default, f"--{name}")
    check_imported(run, "G", "pictures")
    check_truncation(run.algorithm.generator, flags.truncation, flags.truncation_cutoff)
    labels(run.algorithm, seeds[:1], flags.label)
    return seeds
