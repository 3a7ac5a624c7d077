"""What the names of metrics stand for, see `experiments.metrics.protocols`.

`PROTOCOLS` are those of runs. `SETS` are those of two sets of pictures: the same ones, of which the
sets have no splits, and short names that take all pictures of both.
"""

from typing import NamedTuple


class Protocol(NamedTuple):
    """What a name stands for.

    Attributes:
        statistic: a key of `experiments.metrics.protocols._STATISTICS`.
        network: one of `experiments.metrics.features.EXTRACTORS`; empty for none.
        generated: how many pictures are made; None for as many as there are real ones.
        real: how many real pictures are taken; None for all, 0 if the metric needs none.
        split: the split of the real pictures, "train" or "test"; empty for a set without splits.
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
    "fid5k_full": Protocol("frechet", "inception", 5_000, None),
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
    "fd_hed5k_full": Protocol("frechet", "hed", 5_000, None),
    "fd_hed2k_full": Protocol("frechet", "hed", 2_000, None),
    "fd_hed50k_full": Protocol("frechet", "hed", 50_000, None),
    "fd_hed_test": Protocol("frechet", "hed", None, None, "test"),
    "kd_hed5k": Protocol("kernel", "hed", 5_000, 5_000),
    "kd_hed50k_full": Protocol("kernel", "hed", 50_000, None),
    "pr_hed5k": Protocol("precision_recall", "hed", 5_000, 5_000),
}
# all pictures of both sets; the kernel distances are still means over 100 subsets of 1000
WHOLE = {
    "fid": Protocol("frechet", "inception", None, None, ""),
    "kid": Protocol("kernel", "inception", None, None, ""),
    "is": Protocol("inception_score", "inception", None, 0, ""),
    "pr": Protocol("precision_recall", "vgg16", None, None, ""),
    "fd_hed": Protocol("frechet", "hed", None, None, ""),
    "kd_hed": Protocol("kernel", "hed", None, None, ""),
    "pr_hed": Protocol("precision_recall", "hed", None, None, ""),
}
SETS = WHOLE | {
    name: protocol._replace(split="")
    for name, protocol in PROTOCOLS.items()
    if protocol.split == "train" and protocol.statistic != "ms_ssim"  # pairs in an order of seeds
}

# what follows the name of a metric in the names of its values
ENDS = {
    "kernel": ("", "_std"),
    "precision_recall": ("_precision", "_recall"),
    "inception_score": ("_mean", "_std"),
    "swd": ("_mean",),
}
# 1 where higher values are better, -1 where lower ones are, 0 where neither is
BETTER = {
    "frechet": -1,
    "kernel": -1,
    "precision_recall": 1,
    "inception_score": 1,
    "swd": -1,
    "ms_ssim": 0,
}
