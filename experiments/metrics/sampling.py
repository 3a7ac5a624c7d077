"""Makes pictures by seed, with any `gan.latent.LatentGAN`.

A seed stands for a z: `numpy.random.RandomState(seed)` draws it, as in the official code of the
StyleGANs, so it does not depend on the other seeds. The label is the seed modulo the number of
classes, unless one is chosen.
"""

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from core import engine
from core.errors import InputError
from core.given_numbers import as_whole
from core.tensors import to_numpy
from experiments.data import pictures
from gan.latent import LatentGAN

BATCH = 8  # pictures to look at, at a time; fixed, because rounding depends on it
METRIC_BATCH = 32  # pictures for a metric, at a time
MAX_SEED = 2**32 - 1
MAX_SEEDS = 100_000
MAX_PSI, MAX_CUTOFF = 1000.0, 1000


def check_space(name: str, algorithm: Any, space: str) -> None:
    """Refuses a model that has no latents of a kind.

    Args:
        name: the name of the metric that needs them, for the message.
        algorithm: the model.
        space: "z" or "w".

    Raises:
        InputError: the model makes no pictures from noise, or has no w.
    """
    if not isinstance(algorithm, LatentGAN):
        raise InputError(f"{name}: this model makes no pictures from noise.")
    if space == "w" and not algorithm.has_mapping:
        raise InputError(f"{name}: this model has no w. Take {name.replace('_w', '_z')}.")


def check_float32(name: str, reason: str) -> None:
    """Refuses half precision for a metric.

    Args:
        name: the name of the metric, for the message.
        reason: what needs float32, such as "small errors".

    Raises:
        InputError: the layers compute in another type.
    """
    policy = keras.config.dtype_policy()
    if policy.compute_dtype != "float32":
        raise InputError(f"{name}: {reason} need --precision=float32, got {policy.name}.")


def given_seeds(seeds: int | Sequence[int]) -> Sequence[int]:
    """The seeds that a program gave, in types of any library: a list, or the first so many.

    Raises:
        InputError: it is no whole number and no list of them, or there are more than `MAX_SEEDS`.
    """
    single = isinstance(seeds, numbers.Integral)
    given: Any = range(as_whole("seeds", seeds)) if single else seeds
    several = isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str)
    if not several or getattr(given, "ndim", 1) != 1:
        raise InputError(f"seeds={seeds!r}: expected a number of seeds, or a list of them.")
    if len(given) > MAX_SEEDS:
        raise InputError(f"seeds: {len(given):,}, expected {MAX_SEEDS:,} or fewer at a time.")
    return [as_whole("seeds", seed) for seed in given]


def check_seeds(seeds: Sequence[int]) -> None:
    """Raises InputError if there are no seeds, or one is not from 0 to 2**32 - 1."""
    if not len(seeds):
        raise InputError("seeds: expected at least one.")
    if bad := [seed for seed in seeds if not 0 <= seed <= MAX_SEED]:
        raise InputError(f"seed {bad[0]}: expected 0 to {MAX_SEED}.")


def latents(algorithm: LatentGAN, seeds: Sequence[int]) -> np.ndarray:
    """Returns the z of each seed, float32 `[N, latent_size]`.

    Raises:
        InputError: there are no seeds, or one is out of range.
    """
    check_seeds(seeds)
    size, uniform = algorithm.latent_size, algorithm.latent == "uniform"
    random, rows = np.random.RandomState(0), np.empty((len(seeds), size), np.float32)
    for row, seed in zip(rows, seeds, strict=True):
        random.seed(seed)  # takes a tenth of the time of a new RandomState, which draws the same
        row[:] = random.uniform(-1, 1, size) if uniform else random.randn(size)
    return rows


def labels(
    algorithm: LatentGAN, seeds: Sequence[int], label: int | Sequence[int] | None = None
) -> tuple[np.ndarray, ...]:
    """Returns what a generator takes beside z: a tuple that is empty, or has int32 `[N]`.

    Args:
        algorithm: the model.
        seeds: the seeds that labels are wanted for.
        label: the class of all pictures, or classes that they have in turn; None for the seed
            modulo the number of classes.

    Raises:
        InputError: the model has no classes, or not these.
    """
    classes = algorithm.classes
    several = isinstance(label, (Sequence, np.ndarray)) and not isinstance(label, str)
    given: Any = [] if label is None else np.ravel(label).tolist() if several else [label]
    chosen = [as_whole("label", number) for number in given]
    if bad := [number for number in chosen if not 0 <= number < classes]:
        has = f"has the classes 0 to {classes - 1}" if classes else "was trained without classes"
        raise InputError(f"--label={bad[0]}: this model {has}.")
    if not classes:
        return ()
    own = chosen or [seed % classes for seed in seeds]
    return (np.array([own[i % len(own)] for i in range(len(seeds))], np.int32),)


def check_truncation(algorithm: LatentGAN, psi: float | None, cutoff: int | None = None) -> None:
    """Refuses a truncation that is not finite, or that the model does not take.

    Args:
        algorithm: the model.
        psi: the truncation; below 1, pictures are nearer to the average one. None for none.
        cutoff: how many of the first layers are truncated; None for all.

    Raises:
        InputError: the truncation cannot be used; the message says what is expected.
    """
    layers = 1 if cutoff is None else as_whole("--truncation_cutoff", cutoff)
    if not 1 <= layers <= MAX_CUTOFF or (psi is None and cutoff is not None):
        raise InputError(
            f"--truncation_cutoff={cutoff}: expected 1 to {MAX_CUTOFF}, with --truncation."
        )
    if psi is not None and not (isinstance(psi, numbers.Real) and abs(psi) <= MAX_PSI):
        raise InputError(f"--truncation={psi}: expected a number, such as 0.7.")
    if psi is not None and not algorithm.has_styles:
        raise InputError(
            f"--truncation={psi}: this model has no styles to truncate. Leave it out, or take a "
            "style-based model."
        )


class Sampler:
    """Makes pictures with a generator, which is compiled once.

    The picture of a seed does not depend on the other seeds.
    """

    def __init__(self, algorithm: LatentGAN, batch: int = BATCH):
        """Takes the generator of a model as it is now.

        Args:
            algorithm: the model. Make another sampler after it has been trained further.
            batch: pictures at a time; rounding depends on it.
        """
        self.algorithm, self.batch = algorithm, batch
        self._generator: Any = algorithm.generator
        self._variables = algorithm.sampling_network.variables
        self._compiled: dict[Any, Any] = {}

    def pictures(
        self,
        seeds: Sequence[int],
        *,
        truncation: float | None = None,
        cutoff: int | None = None,
        label: int | Sequence[int] | None = None,
        noise: str = "const",
    ) -> np.ndarray:
        """Returns the pictures of seeds, uint8 `[N, H, W, C]`.

        Args:
            seeds: whole numbers from 0 to 2**32 - 1.
            truncation: psi of the truncation trick, for a style-based model; None for 1.
            cutoff: truncates only this many of the first layers; None for all.
            label: see `labels`.
            noise: "const" or "random", for models with noise inputs. Random noise also depends on
                the other seeds.

        Raises:
            InputError: there are no seeds, psi is not finite, or the model does not take a
                truncation or does not have this class.
        """
        check_seeds(seeds)
        check_truncation(self.algorithm, truncation, cutoff)
        if noise not in ("const", "random"):
            raise InputError(f"noise={noise!r}: expected const or random.")
        if truncation is None and (noise == "const" or not self.algorithm.has_mapping):
            return self.from_z(latents(self.algorithm, seeds), labels(self.algorithm, seeds, label))
        ws = self.ws(seeds, truncation=truncation, cutoff=cutoff, label=label)
        return self.from_ws(ws, noise, seeds[0])

    def from_z(self, z: np.ndarray, classes: tuple[np.ndarray, ...] = ()) -> np.ndarray:
        """Returns the pictures, uint8 `[N, H, W, C]`, of z `[N, latent_size]` and `labels`."""
        return pictures.from_signed(self.raw_from_z(z, classes))

    def raw_from_z(self, z: np.ndarray, classes: tuple[np.ndarray, ...] = ()) -> np.ndarray:
        """Returns the pictures of `from_z` as float32, nominally in [-1, 1]."""
        make = self._once("generator", lambda *rows: self._generator(*rows, training=False))
        return self.in_batches(make, z, *classes)

    def ws_of(
        self,
        z: np.ndarray,
        classes: tuple[np.ndarray, ...] = (),
        *,
        truncation: float | None = None,
        cutoff: int | None = None,
    ) -> np.ndarray:
        """Returns the styles of z, float32 `[N, layers, w_dim]`; see `from_z` and `pictures`."""
        options: dict[str, Any] = {} if truncation is None else {"truncation_psi": truncation}
        options |= {} if cutoff is None else {"truncation_cutoff": cutoff}
        make = self._once(
            ("mapping", truncation, cutoff), lambda *rows: self._generator.mapping(*rows, **options)
        )
        return self.in_batches(make, z, *classes)

    def ws(
        self,
        seeds: Sequence[int],
        *,
        truncation: float | None = None,
        cutoff: int | None = None,
        label: int | Sequence[int] | None = None,
    ) -> np.ndarray:
        """Returns the styles of seeds, float32 `[N, layers, w_dim]`.

        The arguments are those of `pictures`. (The published pictures of StyleGAN have psi 0.7 in
        8 layers.)
        """
        z, classes = latents(self.algorithm, seeds), labels(self.algorithm, seeds, label)
        return self.ws_of(z, classes, truncation=truncation, cutoff=cutoff)

    def from_ws(
        self, ws: np.ndarray, noise: str = "const", seed: int = 0, **moved: np.ndarray
    ) -> np.ndarray:
        """Returns the pictures of styles, uint8 `[N, H, W, C]`.

        Args:
            ws: the styles, `[N, layers, w_dim]`.
            noise: "const", "random" or "none".
            seed: the seed of random noise.
            moved: what else the synthesis is given, a row for each picture: `transform [N, 3, 3]`
                or `shift [N, 2]`, see `gan.latent.LatentGAN.generator`.
        """
        return pictures.from_signed(self.raw_from_ws(ws, noise, seed, **moved))

    def raw_from_ws(
        self, ws: np.ndarray, noise: str = "const", seed: int = 0, **moved: np.ndarray
    ) -> np.ndarray:
        """Returns the pictures of `from_ws` as float32, nominally in [-1, 1]."""
        synthesis, draws = self._generator.synthesis, None
        if noise == "random":
            draws = self._draws()
            draws.state.assign(keras.random.SeedGenerator(seed).state)

        def synthesize(rows, *more):
            options = dict(zip(moved, more, strict=True))
            return synthesis(rows, noise=noise, seed=draws, **options)

        make = self._once(("synthesis", noise, *moved), synthesize)
        return self.in_batches(make, ws, *moved.values())

    def _draws(self):
        """Returns the seed generator of random noise; compiled functions refer to this one."""
        if "draws" not in self._compiled:
            self._compiled["draws"] = keras.random.SeedGenerator(0)
        return self._compiled["draws"]

    def _once(self, key, function):
        """Returns the compiled function, which is compiled when it is first asked for."""
        if key not in self._compiled:
            draws = [self._compiled["draws"].state] if "draws" in self._compiled else []
            self._compiled[key] = engine.compile(function, [*self._variables, *draws])
        return self._compiled[key]

    def in_batches(self, make: Callable, *arrays: np.ndarray) -> np.ndarray:
        """Returns `make` of all rows as float32, calling it with `batch` rows at a time.

        The last batch is filled up by repeating the last row.
        """
        parts = []
        for start in range(0, len(arrays[0]), self.batch):
            rows = [array[start : start + self.batch] for array in arrays]
            missing = self.batch - len(rows[0])
            full = [np.concatenate([r, np.repeat(r[-1:], missing, axis=0)]) for r in rows]
            made = to_numpy(make(*full))
            parts.append(made[: len(rows[0])])
        return np.concatenate(parts)


def generate(algorithm: LatentGAN, seeds: Sequence[int], **options: Any) -> np.ndarray:
    """Returns the pictures of a few seeds, uint8 `[N, H, W, 3]`, see `Sampler.pictures`."""
    return Sampler(algorithm).pictures(seeds, **options)
