"""Compares the final loss of L-BFGS and Adam after as many iterations, for each preset of gatys.

    python -m scripts.table_optimizers --run_dir=runs/optimizers --weights=hed --size=128

Both have the same weights, pictures, start and loss. The loss is divided by that of the first
logged iteration, so that presets can be compared. Adam's learning rate is that of the preset.
"""

import itertools

from experiments.cli import FLAGS, start
from scripts import cells

PRESETS = ("paper", "gatys", "johnson", "course")
OPTIMIZERS = ("lbfgs", "adam")


def _table():
    from experiments.training.writer import read_metrics

    losses = {}
    for preset, optimizer in itertools.product(PRESETS, OPTIMIZERS):
        changes = {"algorithm.optimizer": optimizer, "log_every": 1, "sample_every": 10**6}
        changes |= {"images": FLAGS.images or 200}
        name = f"{preset}-{optimizer}"
        cells.optimised("gatys", name, changes, preset)
        rows = [r for r in read_metrics(cells.folder() / name) if "loss/total" in r]
        losses[preset, optimizer] = rows[0]["loss/total"], rows[-1]["loss/total"]
    print("| preset | L-BFGS | Adam | Adam / L-BFGS |\n|---|---|---|---|")
    for preset in PRESETS:
        # both start alike; Adam's first row has the loss of the start itself
        start = losses[preset, "adam"][0]
        lbfgs, adam = (losses[preset, optimizer][1] for optimizer in OPTIMIZERS)
        print(f"| {preset} | {lbfgs / start:.3g} | {adam / start:.3g} | {adam / lbfgs:.2f} |")
    return 0


if __name__ == "__main__":
    start(_table)
