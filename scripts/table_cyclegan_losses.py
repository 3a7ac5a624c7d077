"""Makes Tables 4 and 5 of Zhu et al. 2017 (https://arxiv.org/abs/1703.10593): CycleGAN without
parts of its loss, in both directions.

    python -m scripts.table_cyclegan_losses --launch --scale=small --seeds=0,1
    python -m scripts.table_cyclegan_losses --launch --dataset=folder:pairs --run_dir=runs/tables/pairs
    python -m scripts.table_cyclegan_losses --launch --scale=paper --dataset=folder:cityscapes \
        --run_dir=runs/tables/cityscapes
    python -m scripts.table_cyclegan_losses

The scale `small` trains the preset `quick` on `seasons`, or on a folder of trainA, trainB, testA
and testB whose test pictures of the same name belong together. Its error is the distance to the
true picture (L1 in 8-bit levels). The scale `paper` trains on Cityscapes at 128 pixels with six
blocks. A has the labels and B the photographs: "forward" is the cycle A to B to A. The published
figures are FCN scores, which need the authors' segmentation network. The Fréchet distance takes
their place.
"""  # noqa: E501

from scripts.paper_tables import Column, Row, Scale, Table, main

_DIRECTIONS = {"AtoB": "A to B", "BtoA": "B to A"}


def _weights(gan, forward, backward):
    return {
        "algorithm.lambda_gan": gan,
        "algorithm.lambda_A": forward,
        "algorithm.lambda_B": backward,
    }


def _columns(titles):
    return tuple(
        Column(f"{title}, {where}", f"{value}/{direction}")
        for direction, where in _DIRECTIONS.items()
        for value, title in titles.items()
    )


# the paper's Table 4 and Table 5: per-pixel accuracy, per-class accuracy, class IOU
TABLE = Table(
    name="cyclegan_losses",
    model="cyclegan",
    head="loss",
    rows=(
        Row("Cycle alone", "cycle_alone", _weights(0.0, 10.0, 10.0),
            ("0.22 / 0.07 / 0.02", "0.10 / 0.05 / 0.02")),
        Row("GAN alone", "gan_alone", _weights(1.0, 0.0, 0.0),
            ("0.51 / 0.11 / 0.08", "0.53 / 0.11 / 0.07")),
        Row("GAN + forward cycle", "gan_forward", _weights(1.0, 10.0, 0.0),
            ("0.55 / 0.18 / 0.12", "0.49 / 0.11 / 0.06")),
        Row("GAN + backward cycle", "gan_backward", _weights(1.0, 0.0, 10.0),
            ("0.39 / 0.14 / 0.06", "0.01 / 0.06 / 0.01")),
        Row("CycleGAN", "cyclegan", _weights(1.0, 10.0, 10.0),
            ("0.52 / 0.17 / 0.11", "0.58 / 0.22 / 0.16")),
    ),
    scales={
        # takes 10 runs of about 4 minutes
        "small": Scale(
            preset="quick",
            changes={"algorithm.lambda_identity": 0.0, "data.paired_test": True, "images": 4_000,
                     "sample_every": 4_000, "eval_every": 2_000},
            metrics=("l1", "psnr", "ssim"),
            columns=_columns({"l1": "L1", "psnr": "PSNR", "ssim": "SSIM"}),
        ),
        "paper": Scale(
            preset="paper",
            changes={"algorithm.lambda_identity": 0.0, "algorithm.n_blocks": 6, "data.size": 128,
                     "data.load_size": 143, "data.dataset": "folder:cityscapes"},
            metrics=("fid_test",),
            columns=_columns({"fid_test": "FID, test"}),
        ),
    },
    published=("labels to photo: per-pixel / per-class / IOU", "photo to labels: the same"),
    notes="Published: Zhu et al. 2017, Tables 4 and 5, FCN scores on Cityscapes.",
)  # fmt: skip

if __name__ == "__main__":
    main(TABLE)
