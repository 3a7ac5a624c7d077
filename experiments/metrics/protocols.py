"""Metrics by name. A name fixes the network, the pictures, how many, and the statistic.

| name | network | generated | real | statistic |
|---|---|---|---|---|
| `fid50k_full` | inception | 50,000 | all for training | Fréchet distance |
| `fid50k`, `fid5k` | inception | 50,000, 5,000 | the first as many for training | the same |
| `fid_test` | inception | as many as real, or all there are | all for testing | the same |
| `kid50k_full`, `kid50k`, `kid5k` | inception | likewise | likewise | kernel distance, 100 x 1000 |
| `is50k`, `is5k` | inception | 50,000, 5,000 | none | Inception Score, 10 splits |
| `pr50k3_full`, `pr50k3` | vgg16 | 50,000 | all, 50,000 for training | precision, recall, k = 3 |
| `swd16k`, `swd2k` | none | 16,384, 2,048 | as many for training | sliced Wasserstein x 1000 |
| `ms_ssim10k`, `ms_ssim1k` | none | 10,000, 1,000 pairs | none | MS-SSIM of a pair |
| `fd_hed50k_full`, `fd_hed5k`, `fd_hed_test` | hed | as of `fid…` | likewise | the same |
| `kd_hed50k_full`, `kd_hed5k` | hed | as of `kid…` | likewise | kernel distance |
| `pr_hed5k` | hed | 5,000 | 5,000 for training | precision, recall, k = 3 |
| `ppl_zfull` ... | LPIPS | 50,000 steps | none | `experiments.metrics.path_length` |
| `sep_faces_z` ... | attributes | 10,000 | none | `experiments.metrics.separability` |

Networks: `experiments.metrics.features`. Sources: NVlabs/stylegan2-ada-pytorch @ d72cc7d,
metrics/metric_main.py, for what it has; Karras et al. 2018 (https://arxiv.org/abs/1710.10196),
section 5 and appendix B, for SWD and MS-SSIM. Pictures are not mirrored; generated ones are not
truncated, and noise inputs are drawn for each.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from core.errors import InputError
from core.names import hint
from experiments.metrics import patches
from experiments.metrics import reals as real
from experiments.metrics.attributes import check_size
from experiments.metrics.features import BATCH, Rows, extractor, in_batches, progress
from experiments.metrics.multiscale import ms_ssim
from experiments.metrics.path_length import PATHS, check_path, measure_path, path_distance
from experiments.metrics.reals import Reals
from experiments.metrics.sampling import check_space
from experiments.metrics.separability import (
    COUNT,
    SEPARABILITIES,
    measure_separability,
)
from experiments.metrics.statistics import (
    Moments,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
)

SUBSET = 1000  # images in a subset of the kernel distances

Generate = Callable[[Sequence[int]], np.ndarray]


class Protocol(NamedTuple):
    """What a name stands for.

    Attributes:
        statistic: a key of `_STATISTICS`.
        network: see `experiments.metrics.features`; empty for none.
        generated: how many pictures are made; None: as many as there are real ones.
        real: how many real ones are taken; None: all; 0: the metric needs none.
        split: of the real ones.
    """

    statistic: str
    network: str
    generated: int | None
    real: int | None
    split: str = "train"


PROTOCOLS = {
    "fid50k_full": Protocol("frechet", "inception", 50_000, None),
    "fid50k": Protocol("frechet", "inception", 50_000, 50_000),
    "fid5k": Protocol("frechet", "inception", 5_000, 5_000),
    "fid_test": Protocol("frechet", "inception", None, None, "test"),
    "kid50k_full": Protocol("kernel", "inception", 50_000, None),
    "kid50k": Protocol("kernel", "inception", 50_000, 50_000),
    "kid5k": Protocol("kernel", "inception", 5_000, 5_000),
    "is50k": Protocol("inception_score", "inception", 50_000, 0),
    "is5k": Protocol("inception_score", "inception", 5_000, 0),
    "pr50k3_full": Protocol("precision_recall", "vgg16", 50_000, None),
    "pr50k3": Protocol("precision_recall", "vgg16", 50_000, 50_000),
    "swd16k": Protocol("swd", "", 16_384, 16_384),
    "swd2k": Protocol("swd", "", 2_048, 2_048),
    "ms_ssim10k": Protocol("ms_ssim", "", 20_000, 0),
    "ms_ssim1k": Protocol("ms_ssim", "", 2_000, 0),
    "fd_hed5k": Protocol("frechet", "hed", 5_000, 5_000),
    "fd_hed50k_full": Protocol("frechet", "hed", 50_000, None),
    "fd_hed_test": Protocol("frechet", "hed", None, None, "test"),
    "kd_hed5k": Protocol("kernel", "hed", 5_000, 5_000),
    "kd_hed50k_full": Protocol("kernel", "hed", 50_000, None),
    "pr_hed5k": Protocol("precision_recall", "hed", 5_000, 5_000),
}
NAMES = (*PROTOCOLS, *PATHS, *SEPARABILITIES)


def check_name(name: str) -> None:
    """Refuses a metric that there is not.

    Raises:
        InputError: names the nearest one.
    """
    if name not in NAMES:
        raise InputError(f"metric '{name}': there is no such metric.{hint(name, NAMES)} All: "
                         f"{', '.join(NAMES)}.")  # fmt: skip


def split_of(name: str) -> str | None:
    """Of the real pictures that a metric needs: "train", "test", or None if it needs none."""
    check_name(name)
    protocol = PROTOCOLS.get(name)
    return protocol.split if protocol and protocol.real != 0 else None


def value_names(name: str) -> list[str]:
    """What `compute` calls the values of a metric (those of single scales left out)."""
    check_name(name)
    protocol = PROTOCOLS.get(name)
    return [name + end for end in (_ENDS.get(protocol.statistic, ("",)) if protocol else ("",))]


def check(
    name: str,
    size: int,
    reals: Reals | None = None,
    *,
    algorithm=None,
    made: int | None = None,
    folder: str | Path | None = None,
) -> int:
    """Refuses, before the work, what `compute` would refuse.

    Args:
        size: height and width of the generated pictures.
        reals, algorithm, made, folder: as of `compute`.

    Returns:
        How many pictures are made.

    Raises:
        InputError: as `compute`; but for real pictures that turn out not to be readable.
    """
    check_name(name)
    if name in PATHS:
        check_path(name, algorithm)
        path_distance(name, folder)
        return 2 * PATHS[name].count
    if name in SEPARABILITIES:
        check_space(name, algorithm, SEPARABILITIES[name])
        check_size(size, name)
        return COUNT
    protocol = PROTOCOLS[name]
    count = _count(name, protocol, reals, made)
    if protocol.network:
        extractor(protocol.network, folder)
    elif protocol.statistic == "swd":
        patches.scales(size)
    else:
        blank = np.zeros((1, size, size, 3), np.uint8)
        ms_ssim(blank, blank)
    return count


def compute(
    name: str,
    generate: Generate,
    reals: Reals | None = None,
    *,
    algorithm=None,
    made: int | None = None,
    folder: str | Path | None = None,
    cache: str | Path | None = None,
) -> dict[str, float]:
    """One metric.

    Args:
        name: one of `NAMES`.
        generate: numbers from 0 on -> their pictures, uint8 `[N, H, W, 3]`: seeds, or indices of
            test pictures to be translated or stylised.
        reals: of the split `split_of(name)`.
        algorithm: for path lengths and separability: what `experiments.tasks.generation` lists.
        made: how many pictures `generate` has at most, None for any number; a `_test` metric
            takes that many.
        folder: of published files, see `experiments.metrics.published.find`.
        cache: folder for the features of real pictures.

    Returns:
        `{name: value}`, or several values whose names begin with it.

    Raises:
        InputError: an unknown name, too few pictures, pictures of several sizes, a network whose
            file cannot be had, or no room for features.
    """
    check_name(name)
    if name in PATHS:
        return {name: measure_path(name, algorithm, folder)}
    if name in SEPARABILITIES:
        return {name: measure_separability(name, algorithm)}
    protocol = PROTOCOLS[name]
    count = _count(name, protocol, reals, made)
    network = extractor(protocol.network, folder) if protocol.network else None
    job = _Job(name, protocol, generate, count, reals, network, cache and Path(cache))
    return {f"{name}{end}": float(x) for end, x in _STATISTICS[protocol.statistic](job).items()}


class _Job(NamedTuple):
    name: str
    protocol: Protocol
    generate: Generate
    count: int
    reals: Reals | None
    network: object
    cache: Path | None

    def images(self) -> Iterator[np.ndarray]:
        """The generated pictures, in batches."""
        chunks = (range(i, min(i + BATCH, self.count)) for i in range(0, self.count, BATCH))
        single = (image for chunk in chunks for image in self.generate(chunk))
        return progress(in_batches(single), self.name, self.count)

    def rows(self, output: str = "features") -> np.ndarray:
        """Features of the generated pictures, float32 `[N, D]`, read from a file."""
        rows = Rows()
        for batch in self.images():
            rows.add(self.network.run(batch)[output])
        return rows.array()


def _count(name, protocol, reals, made):
    """How many pictures are made, when it is known that there are enough of both kinds."""
    if protocol.real != 0 and reals is None:
        raise InputError(f"{name}: needs real images of the {protocol.split} split.")
    there = reals.count if reals else 0
    lacking = _lacking(protocol, there, made)
    if lacking:
        others = _others(protocol, there, made)
        advice = f", or take {' or '.join(others)}" if others else ""
        raise InputError(f"{name}: needs {lacking}. Give more{advice}.")
    return protocol.generated or made or there


def _lacking(protocol, there, made):
    """What is missing with so many real images and so many that can be made (None: any number)."""
    least = {"kernel": SUBSET, "precision_recall": 4, "frechet": 2}.get(protocol.statistic, 1)
    real = max(protocol.real or 0, least)
    if protocol.real != 0 and there < real:
        return f"{real:,} real images of the {protocol.split} split, got {there:,}"
    count = protocol.generated or made or there
    if count < least or (made is not None and made < count):
        return f"{max(count, least):,} generated images, got {count if made is None else made:,}"
    return None


def _others(protocol, there, made):
    """The metrics of the same statistic and network that do with what there is."""
    found = []
    for name, other in PROTOCOLS.items():
        if other[:2] != protocol[:2]:
            continue
        if other.split == protocol.split and not _lacking(other, there, made):
            found.append(name)
        elif other.split != protocol.split and not _lacking(other, 2, made):
            found.append(f"{name} (with 2 images or more in the {other.split} split)")
    return found


def _frechet(job):
    generated = Moments()
    reals = real.moments(job.reals, job.network, job.protocol.real, job.cache)
    for batch in job.images():
        generated.add(job.network.run(batch)["features"])
    return {"": frechet_distance(reals, generated)}


def _kernel(job):
    reals = real.features(job.reals, job.network, job.protocol.real, job.cache)
    mean, deviation = kernel_distance(reals, job.rows(), subset_size=SUBSET)
    return {"": mean, "_std": deviation}


def _precision_recall(job):
    reals = real.features(job.reals, job.network, job.protocol.real, job.cache)
    precision, recall = precision_recall(reals, job.rows())
    return {"_precision": precision, "_recall": recall}


def _inception_score(job):
    probabilities = Rows()
    for batch in job.images():
        probabilities.add(softmax(job.network.run(batch)["logits"].astype(np.float64), axis=1))
    mean, deviation = inception_score(probabilities.array())
    return {"_mean": mean, "_std": deviation}


def _swd(job):
    reals = _patches(real.batches(job.reals, job.protocol.real, "real"))
    generated = _patches(job.images())
    if set(reals) != set(generated):
        raise InputError(f"{job.name}: real images have {max(reals)} pixels, generated ones "
                         f"{max(generated)}, expected one size.")  # fmt: skip
    found = {f"_{s}": patches.distance(reals[s].array(), generated[s].array()) for s in reals}
    return found | {"_mean": float(np.mean(list(found.values())))}


def _patches(batches):
    rows = {}
    for batch in batches:
        for size, part in patches.patches(batch).items():
            if size not in rows:
                rows[size] = Rows()
            rows[size].add(part)
    return rows


def _ms_ssim(job):
    """Of pictures 0 and 1, 2 and 3, ..."""
    total = 0.0
    for batch in job.images():  # of an even number
        total += ms_ssim(batch[::2], batch[1::2]) * (len(batch) // 2)
    return {"": total / (job.count // 2)}


_ENDS = {
    "kernel": ("", "_std"),
    "precision_recall": ("_precision", "_recall"),
    "inception_score": ("_mean", "_std"),
    "swd": ("_mean",),
}
_STATISTICS = {
    "frechet": _frechet,
    "kernel": _kernel,
    "precision_recall": _precision_recall,
    "inception_score": _inception_score,
    "swd": _swd,
    "ms_ssim": _ms_ssim,
}
