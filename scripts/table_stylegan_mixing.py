"""Table 2 of Karras et al. 2019 (https://arxiv.org/abs/1812.04948): StyleGAN trained with mixing
regularisation, and pictures with one to four latents.

    python -m scripts.table_stylegan_mixing --launch --scale=small --seeds=0,1
    python -m scripts.table_stylegan_mixing --launch --scale=paper --dataset=folder:ffhq \
        --run_dir=runs/tables/ffhq_mixing
    python -m scripts.table_stylegan_mixing

A picture of k latents takes the styles of its layers from one after the other, with k - 1 random
crossovers. Small: `quick` on `faces`, shortened as in `table_stylegan_configs`.
"""

from collections.abc import Sequence

import numpy as np

from experiments import tables
from experiments.run import say
from scripts.paper_tables import Column, Row, Scale, Table, main
from scripts.records import recorded
from scripts.table_stylegan_configs import SMALL

LATENTS = (1, 2, 3, 4)
STRIDE = 1_000_000  # between the seeds of a picture's latents: more than any metric takes pictures


def mixed(algorithm, seeds: Sequence[int], count: int) -> np.ndarray:
    """Pictures, uint8 `[N, H, W, 3]`, of `count` latents each, with random noise, as metrics have
    it.

    Args:
        algorithm: a style-based one, see `experiments.tasks.generation`.
        seeds: of the pictures.
        count: 1 to the number of layers.
    """
    from experiments.metrics.sampling import synthesize, ws

    own = [ws(algorithm, [seed + i * STRIDE for seed in seeds]) for i in range(count)]
    return synthesize(algorithm.generator, crossed(own, seeds), "random", seeds[0])


def crossed(own: Sequence[np.ndarray], seeds: Sequence[int]) -> np.ndarray:
    """Styles `[N, layers, w_dim]` from the first of `own` before a first random layer, from the
    second before a second one, and so on."""
    result, layers = own[0].copy(), own[0].shape[1]
    for row, seed in enumerate(seeds):
        rng = np.random.default_rng([seed, len(own)])
        starts = np.sort(rng.choice(np.arange(1, layers), len(own) - 1, replace=False))
        for i, start in enumerate(starts, 1):
            result[row, start:] = own[i][row, start:]
    return result


def value(metric: str, count: int) -> str:
    """What a score of pictures of `count` latents is recorded as."""
    return metric if count == 1 else f"{metric}/{count} latents"


def measure(run, metrics: Sequence[str], folder: str | None) -> None:
    """Takes the metrics of 2 to 4 latents that a run has not recorded, a line of its
    `evaluations.jsonl` each."""
    from experiments import api
    from experiments.metrics import evaluation, protocols
    from experiments.metrics.reals import of_dataset
    from experiments.training.rundir import environment

    found = recorded(run.run_dir)
    missing = [(m, k) for m in metrics for k in LATENTS if value(m, k) not in found]
    if not missing:
        return
    dataset = api.open_data(run.config, say)
    for metric, count in missing:
        say(f"{metric}, {count} latents ...")
        reals = of_dataset(dataset, run.config.data, "image", protocols.split_of(metric))
        taken = protocols.compute(
            metric,
            lambda seeds, count=count: mixed(run.algorithm, seeds, count),
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
    return tuple(Column(f"{title}, {k} latents"[: -1 if k == 1 else None], value(metric, k))
                 for k in LATENTS)  # fmt: skip


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
        # 8 runs of some 11 minutes
        "small": Scale("quick", SMALL, ("fd_hed5k",), _columns("fd_hed5k", "FD (HED)")),
        "paper": Scale("paper", {}, ("fid50k",), _columns("fid50k", "FID")),
    },
    published=tuple(f"FID, {k} latent{'s' * (k > 1)}, FFHQ" for k in LATENTS),
    notes="Published: Karras et al. 2019, Table 2.",
    measure=measure,
)

if __name__ == "__main__":
    main(TABLE)
