"""Compares forms of a grouped convolution on this machine: its gradients, and that of a penalty.

    python -m scripts.benchmark_grouped --channels=128 --group=16 --side=16

Measures in turns, with what a step of R3GAN needs: the convolution, its gradient with respect to
the input, and the gradient of that gradient's square with respect to the kernel. Forms: `dense`,
one convolution with zeros between the groups; `product`, a batched matrix product of patches;
`blocks`, what `gan.r3gan.layers.conv_in_blocks` does; `native`, the backend's own, where it has
one.
"""

import statistics
import time
from typing import Any

import numpy as np
from absl import flags

from core.errors import InputError
from experiments.cli import FLAGS, say, start

flags.DEFINE_integer("channels", 128, "Channels of the convolution.")
flags.DEFINE_integer("group", 16, "Channels of a group.")
flags.DEFINE_integer("side", 16, "Height and width of the features in pixels.")
flags.DEFINE_integer("grouped_pictures", 16, "Pictures at once.")
flags.DEFINE_integer("grouped_rounds", 5, "Turns of each form.")


def patches_product(x: Any, kernel: Any, groups: int) -> Any:
    """The convolution as a matrix product for each group, of all patches by its kernel."""
    from keras import ops

    n, height, width, channels = x.shape
    taken, given = channels // groups, kernel.shape[3] // groups
    x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = ops.transpose(ops.reshape(x, (n, height + 2, width + 2, groups, taken)), (3, 0, 1, 2, 4))
    parts = [x[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    patches = ops.reshape(ops.concatenate(parts, axis=-1), (groups, n * height * width, 9 * taken))
    kernel = ops.transpose(ops.reshape(kernel, (9 * taken, groups, given)), (1, 0, 2))
    made = ops.reshape(ops.matmul(patches, kernel), (groups, n, height, width, given))
    return ops.reshape(ops.transpose(made, (1, 2, 3, 0, 4)), (n, height, width, groups * given))


def dense(x: Any, kernel: Any, groups: int) -> Any:
    """One convolution with zeros between the groups."""
    from keras import ops

    from gan.r3gan.layers import block_diagonal

    return ops.conv(x, block_diagonal(kernel, groups, groups)[0], 1, "same")


def native(x: Any, kernel: Any, groups: int) -> Any:
    """The backend's own grouped convolution."""
    from keras import ops

    return ops.conv(x, kernel, 1, "same")


def timed(channels: int, group: int, side: int, pictures: int, rounds: int) -> dict[str, float]:
    """Returns the median milliseconds of each form; NaN for one that the backend does not have."""
    from gan.r3gan.layers import conv_in_blocks

    forms = {"dense": dense, "product": patches_product, "blocks": conv_in_blocks,
             "native": native}  # fmt: skip
    rng = np.random.default_rng(0)
    x = rng.normal(size=(pictures, side, side, channels)).astype("float32")
    start_kernel = 0.1 * rng.normal(size=(3, 3, group, channels)).astype("float32")
    steps = {name: _step(form, x, start_kernel, channels // group) for name, form in forms.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name in steps:
            times[name].append(_milliseconds(steps[name]))
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def _step(form, x, kernel, groups):
    """A compiled call that makes the gradient."""
    import keras
    from keras import ops

    from core import engine

    variable = keras.Variable(kernel)

    def loss():
        def judge(x):
            return ops.square(ops.leaky_relu(form(x, ops.convert_to_tensor(variable), groups)))

        value, slope = engine.value_and_input_grad(judge, ops.convert_to_tensor(x))
        return ops.mean(value) + ops.mean(ops.square(slope)), {}

    def step(batch):
        return engine.value_and_grad(loss, [variable])[1][0]

    return engine.compile(step, [variable])


def _milliseconds(step):
    begin = time.perf_counter()
    try:
        np.asarray(step({}))
    except Exception:  # a form that the backend does not have
        return float("nan")
    return 1000 * (time.perf_counter() - begin)


def main() -> int:
    """Prints a line for each form; returns 0."""
    if FLAGS.group < 1 or FLAGS.channels % FLAGS.group or FLAGS.channels < 1:
        raise InputError(f"--group={FLAGS.group}: expected a divisor of {FLAGS.channels} channels.")
    for name in ("side", "grouped_pictures", "grouped_rounds"):
        if FLAGS[name].value < 1:
            raise InputError(f"--{name}={FLAGS[name].value}: expected a number from 1 up.")
    found = timed(
        FLAGS.channels, FLAGS.group, FLAGS.side, FLAGS.grouped_pictures, FLAGS.grouped_rounds
    )
    for name, value in found.items():
        say(f"{name:8} {value:8.1f} ms, {value / found['blocks']:.1f} times blocks")
    return 0


if __name__ == "__main__":
    start(main)
