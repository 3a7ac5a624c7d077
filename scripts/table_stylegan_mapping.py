"""Makes Tables 3 and 4 of Karras et al. 2019 (https://arxiv.org/abs/1812.04948): path length and
separability of StyleGAN's latent spaces, and the depth of its mapping network.

    python -m scripts.table_stylegan_mapping --launch --scale=small --seeds=0,1
    python -m scripts.table_stylegan_mapping --launch --scale=paper --dataset=folder:ffhq \
        --run_dir=runs/tables/ffhq_mapping
    python -m scripts.table_stylegan_mapping

Path lengths and separability are measured in z or in w, as the row says. The published separability
needs classifiers of CelebA's attributes, which are not available, so the scale `paper` does not
measure it. The scale `small` trains a shortened `quick` on `faces`, with as many layers in the
mapping network as the row says. Its distances use HED's VGG-16 (pip install -e '.[hed]'), and its
attributes are those of `faces`. Rows of the same network share their runs, and so do rows that are
in both of the paper's tables.
"""

from scripts.paper_tables import Column, Row, Scale, Table, main
from scripts.table_stylegan_configs import CHANGES

_TRADITIONAL = CHANGES["b"]


def _mapping(changes, layers):
    return changes | {"algorithm.mapping_layers": layers}


def _row(title, cell, space, changes, published):
    return Row(title, cell, changes, published, {"space": space})


_SMALL = (
    Column("FD (HED)", "fd_hed5k"),
    Column("path length, full (HED)", "ppl_hed_{space}full"),
    Column("path length, end (HED)", "ppl_hed_{space}end"),
    Column("separability (faces)", "sep_faces_{space}"),
)
_PAPER = (
    Column("FID", "fid50k"),
    Column("path length, full", "ppl_{space}full"),
    Column("path length, end", "ppl_{space}end"),
)


# the paper's Table 3 (FFHQ, from "B" on) and Table 4: FID, path length full and end, separability
TABLE = Table(
    name="stylegan_mapping",
    model="stylegan",
    head="method",
    rows=(
        _row("B Traditional, 0 layers, z", "traditional_0", "z", _mapping(_TRADITIONAL, 0),
             ("5.25", "412.0", "415.3", "10.78")),
        _row("D Style-based, w", "config_d", "w", _mapping(CHANGES["d"], 8),
             ("4.88", "446.2", "376.6", "3.61")),
        _row("E + Add noise inputs, w", "config_e", "w", _mapping(CHANGES["e"], 8),
             ("4.42", "200.5", "160.6", "3.54")),
        _row("+ Mixing 50 %, w", "mixing_50", "w", _mapping({"algorithm.style_mixing": 0.5}, 8),
             ("4.41", "231.5", "182.1", "3.51")),
        _row("F + Mixing 90 %: style-based, 8 layers, w", "style_8", "w", _mapping({}, 8),
             ("4.40", "234.0", "195.9", "3.79")),
        _row("Traditional, 8 layers, z", "traditional_8", "z", _mapping(_TRADITIONAL, 8),
             ("4.87", "896.2", "902.0", "170.29")),
        _row("Traditional, 8 layers, w", "traditional_8", "w", _mapping(_TRADITIONAL, 8),
             ("4.87", "324.5", "212.2", "6.52")),
        _row("Style-based, 0 layers, z", "style_0", "z", _mapping({}, 0),
             ("5.06", "283.5", "285.5", "9.88")),
        _row("Style-based, 1 layer, w", "style_1", "w", _mapping({}, 1),
             ("4.60", "219.9", "209.4", "6.81")),
        _row("Style-based, 2 layers, w", "style_2", "w", _mapping({}, 2),
             ("4.43", "217.8", "199.9", "6.25")),
    ),
    scales={
        # takes 18 runs of about 5 minutes
        "small": Scale(
            preset="quick",
            changes={"algorithm.fade_images": 1_500, "algorithm.stable_images": 3_000,
                     "images": 18_000, "sample_every": 18_000, "eval_every": 18_000},
            metrics=tuple(column.value for column in _SMALL),
            columns=_SMALL,
        ),
        "paper": Scale(
            preset="paper",
            changes={},
            metrics=tuple(column.value for column in _PAPER),
            columns=_PAPER,
        ),
    },
    published=("FID, FFHQ", "full, FFHQ", "end, FFHQ", "separability, FFHQ"),
    notes="Published: Karras et al. 2019, Tables 1, 3 and 4; the separability of 40 attributes.",
)  # fmt: skip

if __name__ == "__main__":
    main(TABLE)
