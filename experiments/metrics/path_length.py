"""Perceptual path length: how much pictures change along a small step between two latents.

| name | steps in | from | pictures | distance |
|---|---|---|---|---|
| `ppl_zfull`, `ppl_zend` | z, on the sphere | anywhere between two, or one | middle | LPIPS, VGG |
| `ppl_wfull`, `ppl_wend` | w, straight | likewise | middle | LPIPS, VGG |
| `ppl2_wend` | w, straight | one | whole | LPIPS, VGG |
| `ppl_hed_zfull` ... | as above | as above | whole | the same on HED's VGG |

"Middle" is where the faces of FFHQ are. Each picture of a pair has the same noise.

Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), section 4.1;
NVlabs/stylegan @ 1e0d5c7, metrics/perceptual_path_length.py; NVlabs/stylegan2-ada-pytorch @
d72cc7d, metrics/perceptual_path_length.py and metric_main.py.
"""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from core.errors import InputError
from core.resample import box
from experiments.metrics import sampling
from experiments.metrics.features import progress
from experiments.metrics.lpips import Distance, hed_distance, lpips

EPSILON = 1e-4
LARGEST = 256  # pixels; VGG was built for 224
BATCH = 8


class PathProtocol(NamedTuple):
    """What a name stands for: "z" or "w", "full" or "end", cut to the middle, LPIPS or HED."""

    space: str
    extent: str
    crop: bool
    published: bool
    count: int


PATHS = {
    f"ppl_{space}{extent}": PathProtocol(space, extent, True, True, 50_000)
    for space in "zw"
    for extent in ("full", "end")
}
PATHS |= {"ppl2_wend": PathProtocol("w", "end", False, True, 50_000)}
PATHS |= {
    f"ppl_hed_{space}{extent}": PathProtocol(space, extent, False, False, 2_000)
    for space in "zw"
    for extent in ("full", "end")
}


def measure_path(name: str, algorithm, folder: str | Path | None = None) -> float:
    """One of `PATHS` of an algorithm, see `path_length`.

    Raises:
        InputError: a model without such latents, or a network that cannot be had.
    """
    protocol = PATHS[name]
    check_path(name, algorithm)
    return path_length(algorithm, path_distance(name, folder), protocol, name)


def path_distance(name: str, folder: str | Path | None = None) -> Distance:
    """What steps of one of `PATHS` are measured with.

    Raises:
        InputError: a network that cannot be had.
    """
    return lpips("vgg", folder) if PATHS[name].published else hed_distance()


def check_path(name: str, algorithm) -> None:
    """Refuses a model that the path is not defined for.

    Raises:
        InputError: it has no w, its z is not normal, or it computes in half precision.
    """
    sampling.check_space(name, algorithm, PATHS[name].space)
    if PATHS[name].space == "z" and getattr(algorithm, "latent", "normal") != "normal":
        raise InputError(f"{name}: the z of this model is {algorithm.latent}, expected normal: on "
                         "a sphere.")  # fmt: skip
    if keras.config.dtype_policy().compute_dtype != "float32":
        raise InputError(f"{name}: steps of {EPSILON} need --precision=float32, got "
                         f"{keras.config.dtype_policy().name}.")  # fmt: skip


def path_length(algorithm, distance: Distance, protocol: PathProtocol, title: str = "") -> float:
    """Mean of distance / EPSILON^2, without the lowest and the highest hundredth.

    Pair i is of the seeds 2i and 2i + 1, so neither batches nor their order matter.

    Args:
        algorithm: offers what `experiments.tasks.generation` lists.
        distance: of two float arrays `[N, H, W, 3]` in [0, 1], to `[N]`.
    """
    found = []
    starts = range(0, protocol.count, BATCH)
    chunks = [range(i, min(i + BATCH, protocol.count)) for i in starts]
    for pairs in progress(chunks, title, protocol.count):
        first, second = _step(algorithm, pairs, protocol)
        found.append(distance(*(_seen(x, protocol.crop) for x in (first, second))))
    values = np.concatenate(found).astype(np.float64) / EPSILON**2
    low = np.percentile(values, 1, method="lower")
    high = np.percentile(values, 99, method="higher")
    return float(values[(values >= low) & (values <= high)].mean())


def _step(algorithm, pairs, protocol):
    """The pictures at both ends of a step of each pair."""
    z = [sampling.latents(algorithm, [2 * i + k for i in pairs]) for k in (0, 1)]
    labels = sampling.labels(algorithm, [2 * i for i in pairs])
    full = protocol.extent == "full"
    t = np.array([np.random.default_rng([i, 0]).random() if full else 0.0 for i in pairs])
    generator = algorithm.generator
    if protocol.space == "z":
        length = z[0].shape[1] ** 0.5  # where normal numbers are, for models that do not normalise
        ends = [np.float32(length * slerp(*z, t[:, None] + step)) for step in (0, EPSILON)]
        if not hasattr(generator, "mapping"):
            return [generator(z, *labels, training=False) for z in ends]
        ws = [generator.mapping(z, *labels) for z in ends]
    else:
        w = [np.float64(ops.convert_to_numpy(generator.mapping(x, *labels))) for x in z]
        at = t[:, None, None]
        ws = [np.float32(w[0] + (w[1] - w[0]) * (at + step)) for step in (0, EPSILON)]
    seed = pairs[0]  # each of the two draws the same noise
    return [generator.synthesis(w, noise="random", seed=keras.random.SeedGenerator(seed))
            for w in ws]  # fmt: skip


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """On the unit sphere from `a` (t = 0) to `b`, both `[N, D]`; t `[N, 1]`."""
    a, b = _unit(np.float64(a)), _unit(np.float64(b))
    cosine = (a * b).sum(-1, keepdims=True)
    angle = t * np.arccos(np.clip(cosine, -1, 1))
    return _unit(a * np.cos(angle) + _unit(b - cosine * a) * np.sin(angle))


def _unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _seen(images, crop):
    """Pictures in [-1, 1] as the distance sees them."""
    size = images.shape[1]
    if crop:
        eighth = size // 8
        images = images[:, 3 * eighth : 7 * eighth, 2 * eighth : 6 * eighth]
    images = box(images, max(1, images.shape[1] // LARGEST))
    return (ops.convert_to_numpy(images) + 1) / 2
