"""Perceptual path length (PPL): how much pictures change along a small step between two latents.

| name | steps in | from | pictures | distance |
|---|---|---|---|---|
| `ppl_zfull`, `ppl_zend` | z, on the sphere | anywhere between two, or one | middle | LPIPS, VGG |
| `ppl_wfull`, `ppl_wend` | w, straight | likewise | middle | LPIPS, VGG |
| `ppl2_wend` | w, straight | one | whole | LPIPS, VGG |
| `ppl_hed_zfull` ... | as above | as above | whole | the same on HED's VGG |

"Middle" is the part of the picture in which the faces of FFHQ are. Both pictures of a pair have the
same noise.

Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), section 4.1;
NVlabs/stylegan @ 1e0d5c7, metrics/perceptual_path_length.py; NVlabs/stylegan2-ada-pytorch @
d72cc7d, metrics/perceptual_path_length.py and metric_main.py.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from core.errors import InputError
from core.resample import box
from experiments.metrics import sampling
from experiments.metrics.features import as_rgb, progress
from experiments.metrics.lpips import Distance, hed_distance, lpips
from experiments.metrics.sampling import Sampler
from gan.latent import LatentGAN

EPSILON = 1e-4
LARGEST = 256  # larger pictures are reduced to this size, pixels; VGG was built for 224
BATCH = 8


class PathProtocol(NamedTuple):
    """What a name stands for.

    Attributes:
        space: the latent space of the steps, "z" or "w".
        extent: "full" for steps anywhere between two latents, "end" for steps at the first one.
        crop: whether only the middle of the pictures is compared.
        published: whether the distance is LPIPS on VGG, as published, or that on HED's VGG.
        count: how many steps are taken.
    """

    space: str
    extent: str
    crop: bool
    published: bool
    count: int  # type: ignore[assignment]  # in place of tuple.count, which nobody needs


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


def measure_path(name: str, algorithm: Any, folder: str | Path | None = None) -> float:
    """Returns a path length of an algorithm, see `path_length`.

    Args:
        name: a key of `PATHS`.
        algorithm: the algorithm that makes the pictures.
        folder: the folder of published files, see `experiments.metrics.published.find`.

    Raises:
        InputError: the model has no such latents, or a network is not available.
    """
    protocol = PATHS[name]
    check_path(name, algorithm)
    return path_length(algorithm, path_distance(name, folder), protocol, name)


def path_distance(name: str, folder: str | Path | None = None) -> Distance:
    """Returns the distance with which a metric of `PATHS` measures its steps.

    Raises:
        InputError: its network is not available.
    """
    return lpips("vgg", folder) if PATHS[name].published else hed_distance()


def check_path(name: str, algorithm: Any) -> None:
    """Refuses a model for which the path length is not defined.

    Raises:
        InputError: the model has no w, its z is not normal, or it computes in half precision.
    """
    sampling.check_space(name, algorithm, PATHS[name].space)
    if PATHS[name].space == "z" and algorithm.latent != "normal":
        raise InputError(
            f"{name}: the z of this model is {algorithm.latent}, expected normal: on a sphere."
        )
    sampling.check_float32(name, f"steps of {EPSILON}")


def path_length(
    algorithm: LatentGAN, distance: Distance, protocol: PathProtocol, title: str = ""
) -> float:
    """Returns the mean of distance / EPSILON^2, without the lowest and the highest hundredth.

    Pair i has the seeds 2i and 2i + 1, so neither batches nor their order matter.

    Args:
        algorithm: the algorithm that makes the pictures.
        distance: a function from two float arrays `[N, H, W, 3]` in [0, 1] to `[N]`.
        protocol: which steps are taken, and how many.
        title: the title of the progress bar.
    """
    made, distances = Sampler(algorithm, BATCH), []
    starts = range(0, protocol.count, BATCH)
    chunks = [range(i, min(i + BATCH, protocol.count)) for i in starts]
    for pairs in progress(chunks, title, protocol.count):
        first, second = _step(made, pairs, protocol)
        distances.append(distance(*(_seen(x, protocol.crop) for x in (first, second))))
    values = np.concatenate(distances).astype(np.float64) / EPSILON**2
    low = np.percentile(values, 1, method="lower")
    high = np.percentile(values, 99, method="higher")
    return float(values[(values >= low) & (values <= high)].mean())


def _step(made, pairs, protocol):
    """Returns the pictures at both ends of each pair's step, float32."""
    algorithm = made.algorithm
    z = [sampling.latents(algorithm, [2 * i + k for i in pairs]) for k in (0, 1)]
    labels = sampling.labels(algorithm, [2 * i for i in pairs])
    full = protocol.extent == "full"
    t = np.array([np.random.default_rng([i, 0]).random() if full else 0.0 for i in pairs])
    if protocol.space == "z":
        length = z[0].shape[1] ** 0.5  # usual length of z, for models that do not normalise
        ends = [np.float32(length * slerp(z[0], z[1], t[:, None] + step)) for step in (0, EPSILON)]
        if not algorithm.has_mapping:
            return [made.raw_from_z(end, labels) for end in ends]
        ws = [made.ws_of(end, labels) for end in ends]
    else:
        w = [np.float64(made.ws_of(x, labels)) for x in z]
        at = t[:, None, None]
        ws = [np.float32(w[0] + (w[1] - w[0]) * (at + step)) for step in (0, EPSILON)]
    # both draw the same noise
    return [made.raw_from_ws(w, "random", seed=pairs[0]) for w in ws]


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Returns points on the unit sphere between `a` (t = 0) and `b` (t = 1), `[N, D]`.

    Args:
        a: the first ends, `[N, D]`, of any length.
        b: the second ends, `[N, D]`.
        t: the share of the way, `[N, 1]`.

    Source: Shoemake 1985, "Animating rotation with quaternion curves".
    """
    a, b = _unit(np.float64(a)), _unit(np.float64(b))
    cosine = (a * b).sum(-1, keepdims=True)
    angle = t * np.arccos(np.clip(cosine, -1, 1))
    return _unit(a * np.cos(angle) + _unit(b - cosine * a) * np.sin(angle))


def _unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _seen(images, crop):
    """Returns pictures in [-1, 1] as the distance takes them: cropped, reduced, RGB in [0, 1]."""
    if crop:
        high, wide = images.shape[1] // 8, images.shape[2] // 8
        images = images[:, 3 * high : 7 * high, 2 * wide : 6 * wide]
    images = box(images, max(1, min(images.shape[1:3]) // LARGEST))
    return ops.convert_to_numpy(as_rgb((images + 1) / 2))
