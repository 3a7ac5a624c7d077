"""What a run would be: configuration, sizes, length, memory."""

import math

import keras

from core.errors import NotDownloadedError
from experiments import api
from experiments.training.config import flatten

_ADAM_COPIES = 4  # a weight, its gradient, two moments


def describe(config, run_dir) -> str:
    """The text that `--dry_run` prints. Nothing is written; a data set is opened if it is there."""
    try:
        dataset = api.open_data(config, download=False)
        epoch = dataset.epoch if dataset else 1
        budget = config.budget(epoch)
        length = f"{budget:,} iterations"
        if config.batch_size > 1:
            length = f"{budget:,} images = {{steps:,}} steps"
        if dataset:
            length = f"{budget:,} images of each domain = {{steps:,}} steps"
            length += f" = {budget / epoch:.1f} epochs of {epoch:,}"
    except NotDownloadedError as error:
        epoch, budget = 1000, 1000
        amount = f"{config.images:,} images" if config.images else f"{config.epochs:g} epochs"
        length = f"{amount} ({error})"
    algorithm = api.build(config, epoch, budget, run_dir).algorithm
    length = length.format(steps=_steps(algorithm.stages, budget))
    rows = [("run_dir", run_dir), *flatten(config).items()]
    lines = [f"{key:28} {value}" for key, value in rows] + [""]
    lines += [
        f"{name:28} {network.count_params():,} parameters"
        for name, network in (algorithm.networks | algorithm.frozen).items()
    ]
    estimate = memory(algorithm, config) / 2**30
    lines += [""] * (len(algorithm.stages) > 1)
    lines += [
        f"{f'from {stage.start:,} images':28} {stage.size} px, {stage.batch_size} images a step"
        for stage in algorithm.stages
        if len(algorithm.stages) > 1
    ]
    return "\n".join([*lines, "", f"{'length':28} {length}",
                      f"{'memory (estimate)':28} {estimate:.1f} GiB"])  # fmt: skip


def _steps(stages, budget) -> int:
    """How many steps `budget` images take."""
    images = steps = 0
    for stage in stages:
        left = min(budget, stage.end or budget) - images
        count = max(0, math.ceil(left / stage.batch_size))
        images, steps = images + count * stage.batch_size, steps + count
    return steps


def memory(algorithm, config) -> int:
    """Bytes of a training step, estimated: weights and Adam, pools, and what every layer of every
    network keeps for the gradient, once per image that passes through it."""
    weights = sum(
        _ADAM_COPIES * network.count_params() * 4 for network in algorithm.networks.values()
    )
    weights += sum(network.count_params() * 4 for network in algorithm.frozen.values())
    extra = sum(4 * math.prod(v.shape) for vs in algorithm.extra.values() for v in vs)
    width = 4 if config.precision == "float32" else 2
    shape = algorithm.shape(algorithm.stages[-1])
    kept = sum(
        algorithm.passes.get(name, 1) * width * _activations(network, shape)
        for name, network in algorithm.networks.items()
    )
    # of a frozen network, the pass that is differentiated keeps something
    kept += sum(width * _activations(network, shape) for network in algorithm.frozen.values())
    return weights + extra + kept


def _activations(network, shape):
    """Numbers in what all operations give for a batch of this shape, as often as each is used."""
    nodes = (node for nodes in at_shape(network, shape)._nodes_by_depth.values() for node in nodes)
    return sum(math.prod(tensor.shape) for node in nodes for tensor in node.output_tensors)


def at_shape(network: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    """A copy of a network whose layers know their sizes.

    Args:
        shape: of its pictures, `(N, H, W, C)`: those that go in, or, where a network takes
            something else (a decoder), those that come out.
    """
    if hasattr(network, "functional"):  # a network that grows
        return network.functional(shape[0])
    if all(None not in x.shape[1:] for x in network.inputs):  # it takes one size only
        inputs = [keras.Input(x.shape[1:], shape[0], x.dtype) for x in network.inputs]
        return keras.models.clone_model(network, inputs if inputs[1:] else inputs[0])
    channels = network.inputs[0].shape[-1]
    if channels == 2 * shape[-1]:  # a discriminator of pairs
        shape = (*shape[:-1], channels)
    elif channels != shape[-1]:
        factor = network.compute_output_shape((1, *shape[1:3], channels))[1] // shape[1]
        shape = (shape[0], -(-shape[1] // factor), -(-shape[2] // factor), channels)
    inputs = [keras.Input(shape[1:], shape[0])]
    inputs += [keras.Input(x.shape[1:], shape[0]) for x in network.inputs[1:]]  # of styles
    return keras.models.clone_model(network, inputs if inputs[1:] else inputs[0])
