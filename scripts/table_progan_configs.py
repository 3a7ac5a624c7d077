"""Makes Table 1 of Karras et al. 2018 (https://arxiv.org/abs/1710.10196): ProGAN's training
configurations, by sliced Wasserstein distance and MS-SSIM.

    python -m scripts.table_progan_configs --launch --scale=small --seeds=0,1
    python -m scripts.table_progan_configs --launch --scale=paper --dataset=folder:celeba \
        --run_dir=runs/tables/celeba
    python -m scripts.table_progan_configs

The paper adds one part after the other. Its configurations a to f have batch and layer norm, no
equalised learning rate or no pixelwise norm. These are not settings here, and (g) is (h) before it
has converged, so these rows have only the published figures. The rows below them leave one part
each out of the whole. The scale `small` trains a shortened `quick` on `faces` at 32 pixels, the
scale `paper` trains on CelebA at 128 pixels.
"""

from scripts.paper_tables import Column, Row, Scale, Table, main

_PUBLISHED_ONLY = {}
_NONE = ("–", "–")
# as in Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028), algorithm 1
_OLD_ADAM = {"algorithm.learning_rate": 1e-4, "algorithm.learning_rates": [],
             "algorithm.beta_2": 0.9, "algorithm.drift": 0.0}  # fmt: skip


def _columns(swd, ms_ssim):
    return (Column("SWD x 1000", swd), Column("MS-SSIM", ms_ssim))


# the paper's Table 1, CelebA: mean SWD over the scales, MS-SSIM
TABLE = Table(
    name="progan_configs",
    model="progan",
    head="training configuration",
    rows=(
        Row("(a) Gulrajani et al. 2017", "", _PUBLISHED_ONLY, ("9.28", "0.2854")),
        Row("(b) + Progressive growing", "", _PUBLISHED_ONLY, ("4.28", "0.2838")),
        Row("(c) + Small minibatch", "", _PUBLISHED_ONLY, ("46.23", "0.4065")),
        Row("(d) + Revised training parameters", "", _PUBLISHED_ONLY, ("8.07", "0.3027")),
        Row("(e*) + Minibatch discrimination", "", _PUBLISHED_ONLY, ("9.84", "0.3057")),
        Row("(e) Minibatch stddev", "", _PUBLISHED_ONLY, ("7.04", "0.2950")),
        Row("(f) + Equalized learning rate", "", _PUBLISHED_ONLY, ("4.39", "0.2902")),
        Row("(g) + Pixelwise normalization", "", _PUBLISHED_ONLY, ("3.56", "0.2845")),
        Row("(h) Converged", "all", {}, ("2.96", "0.2828")),
        Row("(h) without progressive growing", "no_growing", {}, _NONE,
            scaled={"small": {"algorithm.start_resolution": 32},
                    "paper": {"algorithm.start_resolution": 128}}),
        Row("(h) with the large minibatch", "large_minibatch", {}, _NONE,
            scaled={"small": {"batch_size": 32},
                    "paper": {"batch_size": 64, "algorithm.batch_sizes": []}}),
        Row("(h) with the training parameters of (a)", "old_adam", _OLD_ADAM, _NONE),
        Row("(h) without minibatch stddev", "no_stddev", {"algorithm.mbstd_group_size": 1}, _NONE),
    ),
    scales={
        # takes 10 runs of about 7 minutes
        "small": Scale(
            preset="quick",
            changes={"images": 36_000, "sample_every": 36_000, "eval_every": 36_000},
            metrics=("swd2k", "ms_ssim1k"),
            columns=_columns("swd2k_mean", "ms_ssim1k"),
        ),
        "paper": Scale(
            preset="paper",
            changes={"data.dataset": "folder:celeba", "data.size": 128, "data.load_size": 128},
            metrics=("swd16k", "ms_ssim10k"),
            columns=_columns("swd16k_mean", "ms_ssim10k"),
        ),
    },
    published=("SWD x 1000, CelebA", "MS-SSIM, CelebA"),
    notes="Published: Karras et al. 2018, Table 1, CelebA at 128 pixels. MS-SSIM is that between "
    "generated pictures: variation, not quality.",
)  # fmt: skip

if __name__ == "__main__":
    main(TABLE)
