"""Describes a run without starting it: configuration, sizes, length, memory."""

import math
from pathlib import Path

from core.errors import NotDownloadedError
from core.names import shown
from core.phases import Algorithm
from core.picture_size import as_text
from experiments import api
from experiments.training.config import RunConfig, flatten

_ADAM_COPIES = 4  # a weight, its gradient, two moments


def describe(config: RunConfig, run_dir: Path) -> str:
    """Returns the text that `--dry_run` prints.

    No run is made and no data set is downloaded; one that is there is opened. VGG's weights are
    downloaded where a style model needs them.

    Args:
        config: the RunConfig.
        run_dir: the directory that the run would have.
    """
    try:
        dataset = api.open_data(config, download=False)
        epoch = dataset.epoch if dataset else 1
        budget = config.budget(epoch)
        length = f"{budget:,} iterations"
        if config.batch_size > 1:
            length = f"{budget:,} images = {{steps:,}} steps"
        if dataset:
            length = f"{budget:,} images of each domain = {{steps:,}} steps"
            length += f" = {budget / epoch:.1f} epochs of {epoch:,}" if epoch > 1 else ""
    except NotDownloadedError as error:
        epoch, budget = 1000, 1000
        amount = f"{config.images:,} images" if config.images else f"{config.epochs:g} epochs"
        length = f"{amount} ({error})"
    algorithm = api.build(config, epoch, budget, run_dir).algorithm
    length = length.format(steps=_steps(algorithm.stages, budget))
    rows = [("run_dir", str(run_dir)), *flatten(config).items()]
    lines = [f"{key:28} {_shown(key, value)}" for key, value in rows] + [""]
    lines += [
        f"{name:28} {network.count_params():,} parameters"
        for name, network in (algorithm.networks | algorithm.frozen).items()
    ]
    lines += ["", *described] if (described := algorithm.described()) else []
    estimate = memory(algorithm, config) / 2**30
    lines += [""] * (len(algorithm.stages) > 1)
    lines += [
        f"{f'from {stage.start:,} images':28} {stage.size} px, {stage.batch_size} images a step"
        for stage in algorithm.stages
        if len(algorithm.stages) > 1
    ]
    lines += [
        "",
        f"{'length':28} {length}",
        f"{'memory (estimate)':28} {estimate:.2f} GiB, and about 1 GiB for the libraries",
    ]
    return "\n".join(lines)


def _shown(key, value):
    if key.endswith("size") and isinstance(value, tuple):
        return as_text(value)
    return shown(value) if isinstance(value, str) else value


def _steps(stages, budget) -> int:
    """Returns how many steps a training of `budget` images takes."""
    images = steps = 0
    for stage in stages:
        left = min(budget, stage.end or budget) - images
        count = max(0, math.ceil(left / stage.batch_size))
        images, steps = images + count * stage.batch_size, steps + count
    return steps


def memory(algorithm: Algorithm, config: RunConfig) -> int:
    """Returns an estimate of the memory that a training step takes, in bytes.

    It counts the weights, Adam's moments, the pools, and what each layer of each network keeps for
    the gradient of every image that passes through it.
    """
    weights = sum(
        _ADAM_COPIES * network.count_params() * 4 for network in algorithm.networks.values()
    )
    weights += sum(network.count_params() * 4 for network in algorithm.frozen.values())
    extra = sum(4 * math.prod(v.shape) for vs in algorithm.extra.values() for v in vs)
    width = 4 if config.precision == "float32" else 2
    kept = sum(
        algorithm.passes.get(name, 1) * width * _activations(algorithm.sized(name))
        for name in algorithm.networks
    )
    # a frozen network keeps activations only in the pass that is differentiated
    kept += sum(width * _activations(algorithm.sized(name)) for name in algorithm.frozen)
    return weights + extra + kept


def _activations(network):
    """Returns how many numbers the operations of a network output, counting every use of each."""
    nodes = (node for nodes in network._nodes_by_depth.values() for node in nodes)
    return sum(math.prod(tensor.shape) for node in nodes for tensor in node.output_tensors)
