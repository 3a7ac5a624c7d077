"""Final loss of L-BFGS and of Adam after the same number of iterations, by preset of gatys.

    python -m scripts.table_optimizers --run_dir=runs/optimizers --weights=hed --size=128

Same weights, pictures, start and loss for both; the loss is divided by that of the first iteration
logged, so that presets compare. Adam's learning rate is the preset's.
"""

import itertools

from absl import app

from experiments.run import FLAGS, command
from scripts import cells

PRESETS = ("paper", "gatys", "johnson", "course")
OPTIMIZERS = ("lbfgs", "adam")


def _table():
    from experiments.training.writer import read_metrics

    found = {}
    for preset, optimizer in itertools.product(PRESETS, OPTIMIZERS):
        changes = {"algorithm.optimizer": optimizer, "log_every": 1, "sample_every": 10**6}
        changes |= {"images": FLAGS.images or 200}
        name = f"{preset}-{optimizer}"
        cells.optimised("gatys", name, changes, preset)
        rows = [r for r in read_metrics(cells.folder() / name) if "loss/total" in r]
        found[preset, optimizer] = rows[0]["loss/total"], rows[-1]["loss/total"]
    print("| preset | L-BFGS | Adam | Adam / L-BFGS |\n|---|---|---|---|")
    for preset in PRESETS:
        # one start: the first of Adam's rows is the loss of the start itself
        start = found[preset, "adam"][0]
        lbfgs, adam = (found[preset, optimizer][1] for optimizer in OPTIMIZERS)
        print(f"| {preset} | {lbfgs / start:.3g} | {adam / start:.3g} | {adam / lbfgs:.2f} |")
    return 0


if __name__ == "__main__":
    app.run(command(_table))
