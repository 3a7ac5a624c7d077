"""Makes Table 2 of Karras et al. 2019 (https://arxiv.org/abs/1812.04948): StyleGAN trained with
mixing regularisation, and pictures with one to four latents.

    python -m scripts.table_stylegan_mixing --launch --scale=small --seeds=0,1
    python -m scripts.table_stylegan_mixing --launch --scale=paper --dataset=folder:ffhq \
        --run_dir=runs/tables/ffhq_mixing
    python -m scripts.table_stylegan_mixing

A picture of k latents takes the styles of its layers from one latent after the other, with k - 1
random crossovers. The scale `small` trains `quick` on `faces`, shortened as in
`table_stylegan_configs`.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments import tables
from experiments.cli import say
from scripts.paper_tables import Column, Row, Scale, Table, main
from scripts.records import recorded
from scripts.table_stylegan_configs import SMALL

LATENTS = (1, 2, 3, 4)
STRIDE = 1_000_000  # distance of a picture's seeds; larger than the pictures of any metric


def mixed(made: Any, seeds: Sequence[int], count: int) -> np.ndarray:
    """Returns pictures of several latents each, uint8 `[N, H, W, 3]`, with random noise.

    Args:
        made: an `experiments.metrics.sampling.Sampler` of a style-based model.
        seeds: the seeds of the pictures.
        count: how many latents a picture has, from 1 to the number of layers.
    """
    own = [made.ws([seed + i * STRIDE for seed in seeds]) for i in range(count)]
    return made.from_ws(crossed(own, seeds), "random", seeds[0])


def crossed(own: Sequence[np.ndarray], seeds: Sequence[int]) -> np.ndarray:
    """Returns styles that change from one latent to the next at random layers.

    Args:
        own: the styles of each latent, `[N, layers, w_dim]`.
        seeds: the seed of each picture, which draws its layers.

    Returns:
        Styles `[N, layers, w_dim]`: those of the first latent before a first random layer, those of
        the second one before a second random layer, and so on.
    """
    result, layers = own[0].copy(), own[0].shape[1]
    for row, seed in enumerate(seeds):
        rng = np.random.default_rng([seed, len(own)])
        starts = np.sort(rng.choice(np.arange(1, layers), len(own) - 1, replace=False))
        for i, start in enumerate(starts, 1):
            result[row, start:] = own[i][row, start:]
    return result


def value(metric: str, count: int) -> str:
    """Returns the name under which a score of pictures with `count` latents is recorded."""
    return metric if count == 1 else f"{metric}/{count} latents"


def measure(run, metrics: Sequence[str], folder: str | None) -> None:
    """Takes the metrics of 2 to 4 latents that a run has not recorded yet.

    Args:
        run: the run; each metric becomes a line of its `evaluations.jsonl`.
        metrics: names of metrics.
        folder: the folder of published networks, see `experiments.metrics.published.find`.
    """
    from experiments import api
    from experiments.metrics import evaluation, protocols
    from experiments.metrics.reals import of_dataset
    from experiments.metrics.sampling import Sampler
    from experiments.training.rundir import environment

    known = recorded(run.run_dir)
    missing = [(m, k) for m in metrics for k in LATENTS if value(m, k) not in known]
    if not missing:
        return
    dataset = api.open_data(run.config, say)
    made = functools.cache(lambda: Sampler(run.algorithm))  # compiled once for all
    for metric, count in missing:
        say(f"{metric}, {count} latents ...")
        reals = of_dataset(dataset, run.config.data, "image", protocols.split_of(metric))
        taken = protocols.compute(
            metric,
            lambda seeds, count=count: mixed(made(), seeds, count),
            reals,
            folder=folder,
            cache=run.run_dir / evaluation.FEATURES,
        )
        line = {"metric": metric, "values": {value(metric, count): taken[metric]}, "latents": count}
        line |= evaluation.identity(run, dataset) | environment()
        tables.append_lines(run.run_dir / evaluation.RECORDS, [line])


def _row(percent, letter, published):
    title = f"{letter} {percent} %".strip()
    changes = {"algorithm.style_mixing": percent / 100}
    return Row(title, f"mixing_{percent}", changes, published)


def _columns(metric, title):
    return tuple(
        Column(f"{title}, {k} latents"[: -1 if k == 1 else None], value(metric, k)) for k in LATENTS
    )


# the paper's Table 2
TABLE = Table(
    name="stylegan_mixing",
    model="stylegan",
    head="mixing regularisation",
    rows=(
        _row(0, "E", ("4.42", "8.22", "12.88", "17.41")),
        _row(50, "", ("4.41", "6.10", "8.71", "11.61")),
        _row(90, "F", ("4.40", "5.11", "6.88", "9.03")),
        _row(100, "", ("4.83", "5.17", "6.63", "8.40")),
    ),
    scales={
        # takes 8 runs of about 11 minutes
        "small": Scale("quick", SMALL, ("fd_hed5k",), _columns("fd_hed5k", "FD (HED)")),
        "paper": Scale("paper", {}, ("fid50k",), _columns("fid50k", "FID")),
    },
    published=tuple(f"FID, {k} latent{'s' * (k > 1)}, FFHQ" for k in LATENTS),
    notes="Published: Karras et al. 2019, Table 2.",
    measure=measure,
)

if __name__ == "__main__":
    main(TABLE)
