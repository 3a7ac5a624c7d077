"""R3GAN with the weights of the authors' networks, by the names of their state_dict.

In the generator, `MainLayers.<stage>.Layers.0` makes the stage's first features (a basis of 4x4
pixels, or the transition from the stage below), and the residual blocks follow; in the
discriminator, whose first stage is that of the highest resolution, the blocks come first.

Source: names and shapes of brownvc/R3GAN @ 19a7ddf, as its networks list them.
"""

from typing import Any

import numpy as np

from core.errors import InputError
from core.importing import (
    Kinds,
    Plan,
    Shapes,
    State,
    array_shape,
    check_shapes,
    first_few,
    indices,
)
from gan.nvidia_importers import CONVOLUTION, DENSE, FEATURES, SAME, Layout, Rows
from gan.r3gan.layers import TAPS
from gan.r3gan.networks import Discriminator, Generator, check_stages

_ENDS = {
    "G": ("AggregationLayer.Layer.weight", "generator (AggregationLayer.Layer.weight, …)"),
    "D": ("ExtractionLayer.Layer.weight", "discriminator (ExtractionLayer.Layer.weight, …)"),
}
_MOST_STAGES, _MOST_BLOCKS = 12, 256
POINTWISE = Layout(lambda a: a[:, :, 0, 0].T, lambda a: a.T[:, :, None, None])
DEPTHWISE = Layout(lambda a: a[:, 0].transpose(1, 2, 0), lambda a: a.transpose(2, 0, 1)[:, None])


def generator(state: State) -> Plan:
    """The plan for a generator."""
    state = _stripped(state, "G")
    _drop_filters(state)
    config = _config(state, "G")
    width = array_shape(state, "MainLayers.0.Layers.0.LinearLayer.weight", 2)[1]
    embedding = _embedding(state)
    config |= {
        "noise_dim": width - embedding[0],
        "c_dim": embedding[1],
        "condition_embedding_dim_G": embedding[0],
        "num_channels": array_shape(state, _ENDS["G"][0], 4)[0],
    }
    if config["noise_dim"] < 1:
        raise InputError(f"takes {width} numbers, {embedding[0]} of a class; expected a z, too")
    check_shapes(state, _generator_shapes(config))
    choices = dict.fromkeys(("condition_embedding_dim_D",))
    return Plan(_built_generator, config, choices=choices, rows=generator_rows, arrays=state)


def discriminator(state: State) -> Plan:
    """The plan for a discriminator."""
    state = _stripped(state, "D")
    _drop_filters(state)
    config = _config(state, "D")
    embedding = _embedding(state)
    config |= {
        "c_dim": embedding[1],
        "condition_embedding_dim_D": embedding[0],
        "num_channels": array_shape(state, _ENDS["D"][0], 4)[1],
    }
    check_shapes(state, _discriminator_shapes(config))
    choices = dict.fromkeys(("noise_dim", "condition_embedding_dim_G"))
    rows = discriminator_rows
    return Plan(_built_discriminator, config, choices=choices, rows=rows, arrays=state)


KINDS: Kinds = {
    "r3gan/discriminator": discriminator,
    "r3gan/generator": generator,
    "r3gan/raw_generator": generator,
}


def _built_generator(condition_embedding_dim_D: Any = None, **config: Any) -> Generator:
    """The generator; what the discriminator alone has may be given along."""
    names = {"img_resolution": "resolution", "condition_embedding_dim_G": "condition_dim"}
    return Generator(**{names.get(key, key): value for key, value in config.items()})


def _built_discriminator(
    noise_dim: Any = None, condition_embedding_dim_G: Any = None, **config: Any
) -> Discriminator:
    """The discriminator; what the generator alone has may be given along."""
    names = {"img_resolution": "resolution", "condition_embedding_dim_D": "condition_dim"}
    return Discriminator(**{names.get(key, key): value for key, value in config.items()})


# --- which variable is which


def generator_rows(network: Generator, config: Any = None) -> Rows:
    """The rows of `core.importing.Plan` for a generator."""
    if network.embed is not None:
        yield "EmbeddingLayer.weight", network.embed.kernel, DENSE
    yield "MainLayers.0.Layers.0.Basis", network.basis.basis, FEATURES
    yield "MainLayers.0.Layers.0.LinearLayer.weight", network.enter.kernel, DENSE
    for i, blocks in enumerate(network.blocks):
        scope = f"MainLayers.{i}.Layers"
        if i and network.changes[i - 1] is not None:
            kernel = network.changes[i - 1].kernel
            yield f"{scope}.0.LinearLayer.Layer.weight", kernel, POINTWISE
        for k, block in enumerate(blocks, 1):
            yield from _block_rows(f"{scope}.{k}", block)
    yield _ENDS["G"][0], network.to_rgb.kernel, POINTWISE


def discriminator_rows(network: Discriminator, config: Any = None) -> Rows:
    """The rows of `core.importing.Plan` for a discriminator."""
    yield _ENDS["D"][0], network.from_rgb.kernel, POINTWISE
    last = len(network.blocks) - 1
    for i in range(last, -1, -1):
        scope = f"MainLayers.{last - i}.Layers"
        for k, block in enumerate(network.blocks[i]):
            yield from _block_rows(f"{scope}.{k}", block)
        after = f"{scope}.{len(network.blocks[i])}"
        if i and network.changes[i - 1] is not None:
            yield f"{after}.LinearLayer.Layer.weight", network.changes[i - 1].kernel, POINTWISE
    yield f"{after}.Basis.weight", network.projection.kernel, DEPTHWISE
    yield f"{after}.LinearLayer.weight", network.leave.kernel, DENSE
    if network.embed is not None:
        yield "EmbeddingLayer.weight", network.embed.kernel, DENSE


def _block_rows(scope: str, block: Any) -> Rows:
    yield f"{scope}.LinearLayer1.Layer.weight", block.widen, POINTWISE
    yield f"{scope}.NonLinearity1.Bias", block.widen_bias, SAME
    yield f"{scope}.LinearLayer2.Layer.weight", block.grouped, CONVOLUTION
    yield f"{scope}.NonLinearity2.Bias", block.grouped_bias, SAME
    yield f"{scope}.LinearLayer3.Layer.weight", block.narrow, POINTWISE


# --- what a file has


def _stripped(state: State, kind: str) -> State:
    """The arrays by the names of the network itself; a module around it puts its name before."""
    end, words = _ENDS[kind]
    found = [name for name in state if name == end or name.endswith(f".{end}")]
    if len(found) != 1:
        raise InputError(f"holds {first_few(state)}; expected an R3GAN {words}")
    prefix = found[0].removesuffix(end)
    for name in [name for name in state if not name.startswith(prefix)]:
        raise InputError(f"has {name[:80]} beside {prefix[:80]}…, expected one network")
    return {name.removeprefix(prefix): array for name, array in state.items()}


def _drop_filters(state: State) -> None:
    """Takes the filters of resampling out, which must be those of the published networks."""
    known = np.outer(TAPS, TAPS) / np.square(np.sum(TAPS))
    for name in [name for name in state if name.endswith("Resampler.Kernel")]:
        found = state.pop(name)
        if found.shape != known.shape or not np.allclose(found, known, atol=1e-6):
            raise InputError(f"has another filter in {name[:80]}, expected (1, 3, 3, 1)")


def _embedding(state: State) -> tuple[int, int]:
    """How many numbers the embedding of a class has, and how many classes there are."""
    name = "EmbeddingLayer.weight"
    return array_shape(state, name, 2) if name in state else (0, 0)  # type: ignore[return-value]


def _config(state: State, kind: str) -> dict[str, Any]:
    """The sizes that both networks have, from the names and the blocks' kernels."""
    found = indices(state, r"MainLayers\.(\d{1,4})\.")
    if found != list(range(len(found))) or not 0 < len(found) <= _MOST_STAGES:
        raise InputError(f"has the stages {found[:14]}, expected 0, 1, … up to {_MOST_STAGES - 1}")
    stages = [_stage(state, i) for i in found]
    if kind == "D":
        stages.reverse()
    widths, cardinality, blocks, expansions = zip(*stages, strict=True)
    if len(set(expansions)) > 1:
        raise InputError(f"has blocks {expansions} times wider inside, expected one number")
    config = {
        "img_resolution": 4 << (len(stages) - 1),
        "widths": widths,
        "cardinality": cardinality,
        "blocks": blocks,
        "expansion_factor": expansions[0],
    }
    try:
        check_stages(config["img_resolution"], widths, cardinality, blocks, expansions[0])
    except ValueError as error:
        raise InputError(f"has sizes that no network has ({error})") from error
    return config


def _stage(state: State, i: int) -> tuple[int, int, int, int]:
    """A stage's width, groups, number of blocks, and how many times wider they are inside."""
    scope = rf"MainLayers\.{i}\.Layers\.(\d{{1,4}})\.LinearLayer2\."
    blocks = indices(state, scope)
    if not 0 < len(blocks) <= _MOST_BLOCKS:
        raise InputError(f"has {len(blocks)} blocks in stage {i}, expected 1 to {_MOST_BLOCKS}")
    first = f"MainLayers.{i}.Layers.{blocks[0]}"
    inner, width = array_shape(state, f"{first}.LinearLayer1.Layer.weight", 4)[:2]
    together = array_shape(state, f"{first}.LinearLayer2.Layer.weight", 4)[1]
    if inner % width or inner % together:
        raise InputError(f"has {inner} channels in {first}, expected a multiple of {width}")
    return width, inner // together, len(blocks), inner // width


def _generator_shapes(config: dict[str, Any]) -> Shapes:
    widths, channels = config["widths"], config["num_channels"]
    taken = config["noise_dim"] + config["condition_embedding_dim_G"]
    yield "MainLayers.0.Layers.0.Basis", (widths[0], 4, 4)
    yield "MainLayers.0.Layers.0.LinearLayer.weight", (widths[0], taken)
    for i, width in enumerate(widths):
        if i and widths[i - 1] != width:
            name = f"MainLayers.{i}.Layers.0.LinearLayer.Layer.weight"
            yield name, (width, widths[i - 1], 1, 1)
        for k in range(1, config["blocks"][i] + 1):
            yield from _block_shapes(f"MainLayers.{i}.Layers.{k}", config, i)
    yield _ENDS["G"][0], (channels, widths[-1], 1, 1)


def _discriminator_shapes(config: dict[str, Any]) -> Shapes:
    widths, last = config["widths"], len(config["widths"]) - 1
    yield _ENDS["D"][0], (widths[-1], config["num_channels"], 1, 1)
    for i in range(last, -1, -1):
        scope = f"MainLayers.{last - i}.Layers"
        for k in range(config["blocks"][i]):
            yield from _block_shapes(f"{scope}.{k}", config, i)
        after = f"{scope}.{config['blocks'][i]}"
        if i and widths[i - 1] != widths[i]:
            yield f"{after}.LinearLayer.Layer.weight", (widths[i - 1], widths[i], 1, 1)
    features = config["condition_embedding_dim_D"] or 1
    yield f"{after}.Basis.weight", (widths[0], 1, 4, 4)
    yield f"{after}.LinearLayer.weight", (features, widths[0])


def _block_shapes(scope: str, config: dict[str, Any], stage: int) -> Shapes:
    width = config["widths"][stage]
    inner = width * config["expansion_factor"]
    yield f"{scope}.LinearLayer1.Layer.weight", (inner, width, 1, 1)
    yield f"{scope}.NonLinearity1.Bias", (inner,)
    grouped = (inner, inner // config["cardinality"][stage], 3, 3)
    yield f"{scope}.LinearLayer2.Layer.weight", grouped
    yield f"{scope}.NonLinearity2.Bias", (inner,)
    yield f"{scope}.LinearLayer3.Layer.weight", (width, inner, 1, 1)
