"""Counts the modes that adversarial losses find: R3GAN's argument, as a table and two figures.

    python -m scripts.figure_modes --output=modes --seeds=0-2

Networks of dense layers learn two sets that the program draws: eight normal distributions in a
plane, and pictures of three stacked digits, 1,000 modes. Each loss starts from the same weights and
sees the same samples. `modes.md` (also `.csv`, `.tex`) has the modes found, the share of samples
that belong to one, and the divergence from an even distribution, mean ± standard deviation over the
seeds. `ring.png` shows the points of the first seed in the course of training, `digits.png` the
last pictures.

`--images` is how many samples a training sees (default 2,560,000 points, 1,280,000 digits).
`--losses` names some of the losses.

Source of the argument: Huang et al. 2024 (https://arxiv.org/abs/2501.05441), which shows it on
stacked MNIST with convolutions.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from core.errors import InputError
from experiments.cli import FLAGS, say, start

flags.DEFINE_list("losses", [], "Which losses are compared, separated by commas (all).")


class Setup(NamedTuple):
    """How a set is learned: hidden features, samples of a step and of a training, and tested."""

    width: int
    batch_size: int
    images: int
    tested: int


SETUPS = {
    "ring": Setup(128, 256, 2_560_000, 2_500),
    "digits": Setup(256, 128, 1_280_000, 25_600),
}
MOMENTS = 5  # pictures of the ring in the course of training
RING_SIDE, RING_EDGE = 96, 3.0  # pixels of a picture of the ring, and the coordinate of its edge
SHOWN = 12  # pictures of digits in a row


def trained(name: str, method: Any, seed: int, images: int) -> Iterator[np.ndarray]:
    """Trains a loss on a set; yields the samples of the same z at `MOMENTS` moments, the end last.

    Args:
        name: "ring" or "digits".
        method: a `gan.modes.algorithm.Method`.
        seed: of weights, samples and z.
        images: samples that training sees.
    """
    import keras

    from core import engine
    from gan.modes.algorithm import LATENT, ModeGAN
    from gan.modes.sets import SETS

    setup, data = SETUPS[name], SETS[name]
    keras.utils.set_random_seed(seed)
    gan = ModeGAN(method, data.shape, width=setup.width, batch_size=setup.batch_size, seed=seed)
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((setup.tested, LATENT))
    steps = max(MOMENTS, images // setup.batch_size)
    ends = {steps * (i + 1) // MOMENTS for i in range(MOMENTS)}
    for step in range(steps):
        gan.step(engine.shard({"image": data.draw(rng, setup.batch_size)}), step)
        if step + 1 in ends:
            yield gan.samples(z)


def plotted(points: np.ndarray) -> np.ndarray:
    """Returns points `[N, 1, 1, 2]` as dark spots on white, uint8 `[RING_SIDE, RING_SIDE, 3]`."""
    places = (np.reshape(points, (-1, 2)) / RING_EDGE + 1) / 2 * RING_SIDE
    inside = places[((places >= 0) & (places < RING_SIDE)).all(axis=1)].astype(int)
    counts = np.zeros((RING_SIDE, RING_SIDE))
    np.add.at(counts, (RING_SIDE - 1 - inside[:, 1], inside[:, 0]), 1)
    shade = 255 - np.minimum(255, 60 * counts)
    return np.repeat(shade.astype(np.uint8)[..., None], 3, axis=2)


def _figure():
    from core import engine
    from experiments import tables
    from experiments.data import files
    from experiments.tasks.seeds import parse_seeds
    from gan.modes.algorithm import METHODS

    if not FLAGS.output:
        raise InputError("--output: give the folder of the table and the figures, such as modes.")
    if unknown := [name for name in FLAGS.losses if name not in METHODS]:
        raise InputError(f"--losses={unknown[0]}: expected some of {', '.join(METHODS)}.")
    if FLAGS.images is not None and FLAGS.images < 1:
        raise InputError(f"--images={FLAGS.images}: expected a whole number from 1 up.")
    seeds, names = parse_seeds(FLAGS.seeds or "0"), FLAGS.losses or list(METHODS)
    files.check_folder(FLAGS.output)
    engine.setup()
    rows = [[METHODS[name].title] for name in names]
    for kind in SETUPS:
        for row, more in zip(rows, _learned(kind, names, seeds), strict=True):
            row += more
    head = ("loss", *(f"{kind}: {what}" for kind in SETUPS for what in ("modes", "good", "KL")))
    notes = f"Seeds {FLAGS.seeds or '0'}; the ring has 8 modes, the digits 1,000."
    print(tables.write(FLAGS.output, "modes", head, rows, notes))
    return 0


def _learned(kind, names, seeds):
    """Writes the figure of a set; returns the cells of each loss."""
    from gan.modes.algorithm import METHODS
    from gan.modes.sets import SETS, scores
    from scripts.records import spread

    cells, shown = [], []
    images = SETUPS[kind].images if FLAGS.images is None else FLAGS.images
    for name in names:
        found = []
        for seed in seeds:
            moments = list(trained(kind, METHODS[name], seed, images))
            found.append(scores(SETS[kind], moments[-1]))
            say(f"{kind}, {name}, seed {seed}: {found[-1]['modes']:g} modes")
            if seed == seeds[0]:
                shown.append(moments)
        cells.append([spread(found, key) for key in ("modes", "good", "kl")])
    _save(kind, names, shown)
    return cells


def _save(kind, names, shown):
    from core.paths import user_path
    from experiments.data import pictures
    from gan.modes.algorithm import METHODS
    from gan.modes.sets import SETS

    real = SETS[kind].draw(np.random.default_rng(0), SETUPS[kind].tested)
    if kind == "ring":
        rows = [[plotted(points) for points in moments] for moments in shown]
        rows.append([plotted(real)] * MOMENTS)
        scale = 1
    else:
        rows = [list(pictures.from_signed(x[:SHOWN])) for *_, x in (*shown, [real])]
        scale = 4
    titles = [*(METHODS[name].title for name in names), "real"]
    target = user_path(FLAGS.output) / f"{kind}.png"
    pictures.write_png(target, pictures.sheet(rows, row_titles=titles, scale=scale))
    say(str(target))


if __name__ == "__main__":
    start(_figure)
