"""Trains and stores the network with which `experiments.metrics.attributes` judges portraits.

    python -m scripts.train_attributes --output=experiments/metrics/attributes.npz

It is trained on 20,000 portraits of the training split of `faces`. The command prints how often it
is right about 2,000 portraits of the test split: about all of them, and, for each attribute, about
the half that it is surest of.
"""

from pathlib import Path

import numpy as np

from core.errors import InputError
from experiments.cli import FLAGS, say, start

TRAINED, TESTED, EPOCHS = 20_000, 2_000, 30


def _train():
    import keras

    from experiments.data import files
    from experiments.data.faces import FACTORS
    from experiments.metrics import attributes

    if not FLAGS.output:
        raise InputError("--output: give the file to write, such as attributes.npz.")
    target = files.output_file(FLAGS.output, "attributes", (".npz",))
    keras.utils.set_random_seed(FLAGS.seed or 0)
    images, shown = _portraits("train", TRAINED)
    network = attributes.network()
    steps = EPOCHS * TRAINED // 64
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    network.fit(images / np.float32(255), shown, batch_size=64, epochs=EPOCHS, verbose=2)
    weights = [value.astype(np.float16) for value in network.get_weights()]
    np.savez_compressed(target, **{f"{i:02}": value for i, value in enumerate(weights)})
    network.set_weights([value.astype(np.float32) for value in weights])
    images, shown = _portraits("test", TESTED)
    logits = network.predict(images / np.float32(255), verbose=0)
    for name, right, sure in zip(FACTORS, *_accuracy(logits, shown), strict=True):
        say(f"{name:12} {right:.3f}, the surest half {sure:.3f}")
    say(f"{Path(target)}: {sum(value.size for value in weights):,} numbers")
    return 0


def _portraits(split, count):
    """Returns portraits, uint8 `[count, H, W, 3]`, and their attributes, float32 `[count, 15]`."""
    from experiments.data import faces
    from experiments.metrics.attributes import SIZE

    known = np.stack([faces.factors(i, split=split) for i in range(count)])
    return np.stack([faces.draw(row, SIZE) for row in known]), np.float32(known > 0.5)


def _accuracy(logits, shown):
    """Returns the accuracy of each attribute over all pictures, and over the surest half."""
    right = (logits > 0) == (shown > 0.5)
    surest = np.argsort(-np.abs(logits), axis=0)[: len(logits) // 2]
    return right.mean(0), np.take_along_axis(right, surest, axis=0).mean(0)


if __name__ == "__main__":
    start(_train)
