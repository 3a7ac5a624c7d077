"""Metrics by name. A name fixes the network, the pictures, how many, and the statistic.

| name | network | generated | real | statistic |
|---|---|---|---|---|
| `fid50k_full` | inception | 50,000 | all for training | Fréchet distance |
| `fid50k`, `fid5k` | inception | 50,000, 5,000 | the first 50,000, 5,000 for training | the same |
| `fid5k_full` | inception | 5,000 | all for training | the same |
| `fid_test` | inception | as many as real, or all there are | all for testing | the same |
| `kid50k_full`, `kid50k`, `kid5k` | inception | likewise | likewise | kernel distance, 100 x 1000 |
| `is50k`, `is5k` | inception | 50,000, 5,000 | none | Inception Score, 10 splits |
| `pr50k3_full`, `pr50k3` | vgg16 | 50,000 | all, 50,000 for training | precision, recall, k = 3 |
| `swd16k`, `swd2k` | none | 16,384, 2,048 | as many for training | sliced Wasserstein x 1000 |
| `ms_ssim10k`, `ms_ssim1k` | none | 10,000, 1,000 pairs | none | MS-SSIM of a pair |
| `fd_hed50k_full`, `fd_hed5k`, `fd_hed_test` | hed | as for `fid…` | as for `fid…` | the same |
| `fd_hed5k_full`, `fd_hed2k_full` | hed | 5,000, 2,000 | all for training | the same |
| `kd_hed50k_full`, `kd_hed5k` | hed | as for `kid…` | as for `kid…` | kernel distance |
| `pr_hed5k` | hed | 5,000 | 5,000 for training | precision, recall, k = 3 |
| `ppl_zfull` ... | LPIPS | 50,000 steps | none | `experiments.metrics.path_length` |
| `sep_faces_z` ... | attributes | 10,000 | none | `experiments.metrics.separability` |
| `eqt50k_int` ... | none | 50,000 pairs | none | `experiments.metrics.equivariance` |

Networks: `experiments.metrics.features`. Sources: NVlabs/stylegan2-ada-pytorch @ d72cc7d,
metrics/metric_main.py, for the metrics that it has; Karras et al. 2018
(https://arxiv.org/abs/1710.10196), section 5 and appendix B, for SWD and MS-SSIM. Pictures are not
mirrored. Generated pictures are not truncated, and each has its own random noise inputs.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax

from core.errors import InputError
from core.names import hint
from core.picture_size import Size, sides
from experiments.metrics import patches
from experiments.metrics.attributes import check_size
from experiments.metrics.equivariance import (
    EQUIVARIANCES,
    check_equivariance,
    measure_equivariance,
)
from experiments.metrics.features import Rows, extractor
from experiments.metrics.job import Generate, Job
from experiments.metrics.multiscale import ms_ssim
from experiments.metrics.named import BETTER, ENDS, PROTOCOLS, SETS, WHOLE, Protocol
from experiments.metrics.path_length import PATHS, check_path, measure_path, path_distance
from experiments.metrics.reals import Reals
from experiments.metrics.sampling import check_space
from experiments.metrics.separability import (
    COUNT,
    SEPARABILITIES,
    measure_separability,
)
from experiments.metrics.statistics import (
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
)

SUBSET = 1000  # images in a subset of the kernel distances


NAMES = (*PROTOCOLS, *PATHS, *SEPARABILITIES, *EQUIVARIANCES)


def check_name(name: str) -> None:
    """Refuses the name of a metric that does not exist.

    Raises:
        InputError: it does not exist; the message names the nearest one.
    """
    if name not in NAMES:
        raise InputError(
            f"metric '{name}': there is no such metric.{hint(name, NAMES)} All: {', '.join(NAMES)}."
        )


def split_of(name: str) -> str | None:
    """Returns the split of a metric's real pictures, "train" or "test"; None if it needs none."""
    check_name(name)
    protocol = PROTOCOLS.get(name)
    return protocol.split if protocol and protocol.real != 0 else None


def value_names(name: str) -> list[str]:
    """Returns the names of the values that `compute` gives, without those of single scales."""
    check_name(name)
    protocol = PROTOCOLS.get(name)
    return [name + end for end in (ENDS.get(protocol.statistic, ("",)) if protocol else ("",))]


def better(value: str) -> int:
    """Returns 1 if higher numbers are better for a value of a metric, -1 if lower ones are.

    Args:
        value: one of `value_names`, or the value of a single scale, such as "swd2k_32".

    Returns:
        1, -1, or 0 if neither is better: for deviations, and for MS-SSIM (noise has the lowest).
    """
    name = next((n for n in sorted(NAMES, key=len, reverse=True) if value.startswith(n)), "")
    if not name or value.endswith("_std"):
        return 0
    if name in EQUIVARIANCES:
        return 1
    return BETTER[PROTOCOLS[name].statistic] if name in PROTOCOLS else -1


def check(
    name: str,
    size: Size,
    reals: Reals | None = None,
    *,
    algorithm: Any = None,
    made: int | None = None,
    folder: str | Path | None = None,
) -> int:
    """Refuses, before the work, what `compute` would refuse.

    Args:
        name: one of `NAMES`.
        size: of the generated pictures, pixels, see `core.picture_size`.
        reals: see `compute`.
        algorithm: see `compute`.
        made: see `compute`.
        folder: see `compute`.

    Returns:
        How many pictures `compute` will make.

    Raises:
        InputError: see `compute`. Real pictures that cannot be read are not noticed here.
    """
    check_name(name)
    if name in PATHS:
        check_path(name, algorithm)
        path_distance(name, folder)
        return 2 * PATHS[name].count
    if name in SEPARABILITIES:
        check_space(name, algorithm, SEPARABILITIES[name])
        check_size(min(sides(size)), name)
        return COUNT
    if name in EQUIVARIANCES:
        check_equivariance(name, algorithm, min(sides(size)))
        return EQUIVARIANCES[name].count
    return check_protocol(name, PROTOCOLS[name], size, reals, made=made, folder=folder)


def check_protocol(
    name: str,
    protocol: Protocol,
    size: Size,
    reals: Reals | None,
    *,
    made: int | None,
    folder: str | Path | None,
) -> int:
    """Refuses, before the work, what `compare` would refuse; see `check`, which it is a part of."""
    count = _count(name, protocol, reals, made)
    if protocol.network:
        extractor(protocol.network, folder)
    elif protocol.statistic == "swd":
        patches.scales(size)
    else:
        blank = np.zeros((1, *sides(size), 3), np.uint8)
        ms_ssim(blank, blank)
    return count


def compute(
    name: str,
    generate: Generate,
    reals: Reals | None = None,
    *,
    algorithm: Any = None,
    made: int | None = None,
    folder: str | Path | None = None,
    cache: str | Path | None = None,
) -> dict[str, float]:
    """Returns the values of one metric.

    Args:
        name: one of `NAMES`.
        generate: a function from whole numbers, counted from 0, to their pictures, uint8
            `[N, H, W, 3]`. The numbers are seeds, or indices of test pictures to be translated or
            stylised.
        reals: the real pictures of the split `split_of(name)`.
        algorithm: a `gan.latent.LatentGAN`; only path lengths, separability
            and equivariance need it.
        made: how many pictures `generate` can make, None for any number. A `_test` metric takes
            that many.
        folder: the folder of published files, see `experiments.metrics.published.find`.
        cache: the folder that keeps the features of real pictures; None keeps none.

    Returns:
        `{name: value}`, or several values whose names begin with `name`.

    Raises:
        InputError: the name is unknown, there are too few pictures, they have several sizes, the
            file of a network is not available, or the disk has no room for the features.
    """
    check_name(name)
    if name in PATHS:
        return {name: measure_path(name, algorithm, folder)}
    if name in SEPARABILITIES:
        return {name: measure_separability(name, algorithm)}
    if name in EQUIVARIANCES:
        return {name: measure_equivariance(name, algorithm)}
    protocol = PROTOCOLS[name]
    count = _count(name, protocol, reals, made)
    return _take(name, protocol, generate, count, reals, folder, cache).values


class Taken(NamedTuple):
    """A metric of two sets of pictures.

    Attributes:
        values: see `compute`.
        real: how many real pictures went into it; 0 where it needs none.
        generated: how many generated pictures did.
    """

    values: dict[str, float]
    real: int
    generated: int


def compare(
    name: str,
    protocol: Protocol,
    generated: Reals,
    reals: Reals | None,
    *,
    folder: str | Path | None = None,
    cache: str | Path | None = None,
) -> Taken:
    """Returns one metric of two sets of pictures, whoever made them.

    Args:
        name: its name, for messages and the names of the values.
        protocol: what it stands for, such as one of `experiments.metrics.named.SETS`. Of a set that
            is larger than a number of it, the first pictures are taken.
        generated: the pictures that are judged.
        reals: the pictures that they are compared with; None where the metric needs none.
        folder: see `compute`.
        cache: see `compute`; features of both sets are kept.

    Raises:
        InputError: see `compute`.
    """
    _count(name, protocol, reals, generated.count)
    return _take(name, protocol, generated, protocol.generated, reals, folder, cache)


def _take(name, protocol, generated, count, reals, folder, cache):
    """Returns what was `Taken`; arguments are those of `compare`, or of `compute`."""
    given = reals and reals.given and isinstance(generated, Reals) and generated.given
    network = extractor(protocol.network, folder) if protocol.network and not given else None
    job = Job(name, protocol, generated, count, reals, network, cache and Path(cache))
    values = {f"{name}{end}": float(x) for end, x in _STATISTICS[protocol.statistic](job).items()}
    return Taken(values, job.used.get("real", 0), job.used["generated"])


def _count(name, protocol, reals, made):
    """Returns how many pictures are made, after checking that there are enough of both kinds."""
    if protocol.real != 0 and reals is None:
        raise InputError(f"{name}: needs real images{_of(protocol)}.")
    there = reals.count if reals else 0
    lacking = _lacking(protocol, there, made)
    if lacking:
        others = _others(protocol, there, made)
        advice = f", or take {' or '.join(others)}" if others else ""
        raise InputError(f"{name}: needs {lacking}. Give more{advice}.")
    return protocol.generated or made or there


def _of(protocol):
    return f" of the {protocol.split} split" if protocol.split else ""


def _lacking(protocol, there, made):
    """Returns what is missing, as text, given how many real images there are and can be made."""
    needs = {"kernel": SUBSET, "precision_recall": 4, "frechet": 2, "inception_score": 10}
    least = needs.get(protocol.statistic, 1)
    real = max(protocol.real or 0, least)
    if protocol.real != 0 and there < real:
        return f"{real:,} real images{_of(protocol)}, got {there:,}"
    count = protocol.generated or made or there
    if count < least or (made is not None and made < count):
        return f"{max(count, least):,} generated images, got {count if made is None else made:,}"
    return None


def _others(protocol, there, made):
    """Returns the metrics of the same statistic and network for which there are enough images.

    Of two sets, where there is none, those of the same network.
    """
    names = []
    for name, other in (PROTOCOLS if protocol.split else SETS).items():
        if other[:2] != protocol[:2]:
            continue
        if other.split == protocol.split and not _lacking(other, there, made):
            names.append(name)
        elif other.split != protocol.split and not _lacking(other, 2, made):
            names.append(f"{name} (with 2 images or more in the {other.split} split)")
    if names or protocol.split:
        return names
    whole = {n: p for n, p in WHOLE.items() if p.network == protocol.network}
    return [n for n, other in whole.items() if not _lacking(other, there, made)]


def _frechet(job):
    reals = job.real_moments()  # first, as it may be kept
    return {"": frechet_distance(reals, job.moments())}


def _kernel(job):
    mean, deviation = kernel_distance(job.real_rows(), job.rows(), subset_size=SUBSET)
    return {"": mean, "_std": deviation}


def _precision_recall(job):
    precision, recall = precision_recall(job.real_rows(), job.rows())
    return {"_precision": precision, "_recall": recall}


def _inception_score(job):
    probabilities = Rows()
    for batch in job.images():
        probabilities.add(softmax(job.network.run(batch)["logits"].astype(np.float64), axis=1))
    mean, deviation = inception_score(probabilities.array())
    return {"_mean": mean, "_std": deviation}


def _swd(job):
    reals = _patches(job.real_images())
    generated = _patches(job.images())
    if set(reals) != set(generated):
        raise InputError(
            f"{job.name}: real images have {max(reals)} pixels, generated ones "
            f"{max(generated)}, expected one size."
        )
    scales = {f"_{s}": patches.distance(reals[s].array(), generated[s].array()) for s in reals}
    return scales | {"_mean": float(np.mean(list(scales.values())))}


def _patches(batches):
    rows = {}
    for batch in batches:
        for size, part in patches.patches(batch).items():
            if size not in rows:
                rows[size] = Rows()
            rows[size].add(part)
    return rows


def _ms_ssim(job):
    """Returns the mean MS-SSIM of pictures 0 and 1, 2 and 3, and so on."""
    total = 0.0
    for batch in job.images():  # each has an even number of pictures
        total += ms_ssim(batch[::2], batch[1::2]) * (len(batch) // 2)
    return {"": total / (job.count // 2)}


_STATISTICS = {
    "frechet": _frechet,
    "kernel": _kernel,
    "precision_recall": _precision_recall,
    "inception_score": _inception_score,
    "swd": _swd,
    "ms_ssim": _ms_ssim,
}
