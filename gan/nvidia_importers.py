"""StyleGAN2 with the weights of NVIDIA's PyTorch networks, by the names of their state_dict.

Blocks are named by their nominal resolution, b4, b8, ...: 4 times a power of two, also where
pictures are rectangular. A `Layout` says how a variable of ours is stored there; it is used in both
directions, so that networks trained here can be written under the official names.

Source: names and shapes of NVlabs/stylegan2-ada-pytorch @ d72cc7d, training/networks.py. Kernels of
upsampling layers are turned round there: they convolve, others correlate
(torch_utils/ops/conv2d_resample.py).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from core.errors import InputError
from core.importing import Kinds, Plan, State, array_shape, first_few, indices
from core.names import short
from gan.nvidia_shapes import check_discriminator, check_features, check_generator
from gan.stylegan2.discriminator import Discriminator
from gan.stylegan2.layers import TAPS
from gan.stylegan2.networks import Generator, Synthesis
from gan.stylegan2_tf_importers import from_tensorflow

EXPECTED = {
    "G": "StyleGAN2 generator (mapping.fc0.weight, synthesis.b4.const, …)",
    "D": "StyleGAN2 discriminator (b4.conv.weight, b4.fc.weight, …)",
}
_LARGEST_SETTING = 2**63
SECTIONS = (None, "synthesis_kwargs", "mapping_kwargs", "block_kwargs", "epilogue_kwargs")


class Layout(NamedTuple):
    """How an array is stored in a file.

    Attributes:
        read: from the file's layout to ours.
        write: from ours to the file's.
    """

    read: Callable[[np.ndarray], np.ndarray]
    write: Callable[[np.ndarray], np.ndarray]

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """The array in our layout."""
        return self.read(array)


Rows = Iterator[tuple[str, keras.Variable, Any]]  # official name, ours, its Layout

SAME = Layout(lambda a: a, lambda a: a)
DENSE = Layout(lambda a: a.T, lambda a: a.T)  # [out, in]
CONVOLUTION = Layout(lambda a: a.transpose(2, 3, 1, 0), lambda a: a.transpose(3, 2, 0, 1))
TURNED = Layout(
    lambda a: a[:, :, ::-1, ::-1].transpose(2, 3, 1, 0),
    lambda a: a[::-1, ::-1].transpose(3, 2, 0, 1),
)
FEATURES = Layout(lambda a: a.transpose(1, 2, 0), lambda a: a.transpose(2, 0, 1))


def state_dict(network: Generator | Synthesis | Discriminator) -> dict[str, np.ndarray]:
    """The variables of a network under the official names, in the official layouts, float32.

    The filters of resampling, which are buffers of the official networks, are among them, so that
    `load_state_dict` finds all that it asks for.

    Args:
        network: a square one: the official networks know no other.
    """
    rows = _rows(network)
    state = {name: layout.write(np.asarray(value)) for name, value, layout in rows}
    kernel = np.outer(TAPS, TAPS).astype("float32") / np.square(np.sum(TAPS))
    buffers = _filters(state, isinstance(network, Discriminator))
    return {k: np.array(v, "float32") for k, v in state.items()} | dict.fromkeys(buffers, kernel)


def _filters(state, judges):
    """The names of all resampling filters: every block has one, and every convolution in it, but
    not the layers that make pictures."""
    names = set()
    for name in state:
        scope = re.match(r"((?:synthesis\.)?b\d+)\.(?:(conv\d?|fromrgb|skip)\.weight)?", name)
        if scope and not (judges and scope[1] == "b4"):
            names.add(f"{scope[1]}.resample_filter")
        if scope and scope[2]:
            names.add(f"{scope[1]}.{scope[2]}.resample_filter")
    return sorted(names)


# --- which variable is which


def _rows(network: Any) -> Rows:
    if isinstance(network, Discriminator):
        return discriminator_rows(network)
    if isinstance(network, Synthesis):
        return synthesis_rows(network)
    return generator_rows(network)


def generator_rows(network: Generator, config: Any = None) -> Rows:
    """The rows of `core.importing.Plan` for a generator."""
    yield from synthesis_rows(network.synthesis, "synthesis.")
    yield from mapping_rows(network.mapping)
    yield "mapping.w_avg", network.mapping.w_avg, SAME


def synthesis_rows(network: Synthesis, prefix: str = "") -> Rows:
    """The rows of the synthesis alone; `prefix` comes before every name."""
    yield f"{prefix}b4.const", network.const, FEATURES
    for level in range(len(network.sizes)):
        scope = f"{prefix}b{4 << level}"
        if level:
            yield from _styled(f"{scope}.conv0", network.convs[2 * level - 1], TURNED)
        yield from _styled(f"{scope}.conv1", network.convs[2 * level], CONVOLUTION)
        if level and network.skips:
            yield f"{scope}.skip.weight", network.skips[level - 1].kernel, TURNED
        if rgb := network.to_rgb.get(str(level)):
            yield from _modulated(f"{scope}.torgb", rgb.conv, CONVOLUTION)
            yield f"{scope}.torgb.bias", rgb.bias, SAME


def _styled(name, layer, layout):
    yield from _modulated(name, layer.conv, layout)
    yield f"{name}.bias", layer.bias, SAME
    if layer.use_noise:
        yield f"{name}.noise_strength", layer.noise_strength, SAME
        yield f"{name}.noise_const", layer.noise, SAME


def _modulated(name, layer, layout):
    yield f"{name}.weight", layer.kernel, layout
    yield from dense_rows(f"{name}.affine", layer.affine)


def dense_rows(name: str, layer: Any) -> Rows:
    """The rows of a dense layer."""
    yield f"{name}.weight", layer.kernel, DENSE
    yield f"{name}.bias", layer.bias, SAME


def mapping_rows(mapping: Any) -> Rows:
    """The rows of a mapping network, without the mean of w."""
    if mapping.embed is not None:
        yield from dense_rows("mapping.embed", mapping.embed)
    for i, layer in enumerate(mapping.dense):
        yield from dense_rows(f"mapping.fc{i}", layer)


def discriminator_rows(network: Discriminator, config: Any = None) -> Rows:
    """The rows of `core.importing.Plan` for a discriminator."""
    for i, level in enumerate(range(len(network.sizes) - 1, -1, -1)):
        scope = f"b{4 << level}"
        if rgb := network.from_rgb.get(str(level)):
            yield from _convolution(f"{scope}.fromrgb", rgb)
        if level:
            yield from _convolution(f"{scope}.conv0", network.convs[2 * i])
            yield from _convolution(f"{scope}.conv1", network.convs[2 * i + 1])
        if level and network.skips:
            yield f"{scope}.skip.weight", network.skips[i].kernel, CONVOLUTION
    yield from _convolution("b4.conv", network.last)
    yield "b4.fc.weight", network.dense.kernel, _flattened(network)
    yield "b4.fc.bias", network.dense.bias, SAME
    yield from dense_rows("b4.out", network.out)
    if network.mapping is not None:
        yield from mapping_rows(network.mapping)


def _convolution(name, layer):
    yield f"{name}.weight", layer.kernel, CONVOLUTION
    yield f"{name}.bias", layer.bias, SAME


def _flattened(network):
    """A dense layer after features, which counts them channel by channel there, row by row here."""
    height, width = network.sizes[0]
    channels = network.dense.kernel.shape[0] // (height * width)

    def read(a):
        return a.reshape(-1, channels, height, width).transpose(2, 3, 1, 0).reshape(-1, len(a))

    def write(a):
        return a.reshape(height, width, channels, -1).transpose(3, 2, 0, 1).reshape(a.shape[1], -1)

    return Layout(read, write)


# --- what a file has


def stylegan2_generator(state: State) -> Plan:
    """The plan for a generator, of PyTorch or TensorFlow."""
    state = from_tensorflow(state, "G")
    _check_kind(state, "G", "mapping.fc0.weight", "synthesis.b4.const")
    _drop_filters(state)
    levels = _levels(state, "synthesis.")
    w_dim = array_shape(state, "mapping.w_avg", 1)[0]
    width = array_shape(state, "mapping.fc0.weight", 2)[1]
    c_dim = (
        array_shape(state, "mapping.embed.weight", 2)[1] if "mapping.embed.weight" in state else 0
    )
    last = f"synthesis.b{4 << levels}"
    config = {
        "resolution": _resolution(array_shape(state, "synthesis.b4.const", 3)[1:], levels),
        "z_dim": width - w_dim * bool(c_dim),
        "c_dim": c_dim,
        "w_dim": w_dim,
        "mapping_layers": len(indices(state, r"mapping\.fc(\d{1,3})\.")),
        "num_channels": array_shape(state, f"{last}.torgb.weight", 4)[0],
        "architecture": _architecture(state, "synthesis.b4.torgb.weight", f"{last}.skip.weight"),
        "use_noise": "synthesis.b4.conv1.noise_strength" in state,
    }
    if config["z_dim"] < 1:
        raise InputError(f"has a mapping of {width} features beside classes, expected a z, too")
    fmaps = [
        array_shape(state, f"synthesis.b{4 << i}.conv1.weight", 4)[0] for i in range(levels + 1)
    ]
    check_generator(state, config, fmaps)
    choices = _choices(state, fmaps)
    choices["mapping_lrmul"] = setting(section(state, "mapping_kwargs"), "lr_multiplier", 0.01)
    return Plan(Generator, config, choices=choices, rows=generator_rows, arrays=state)


def stylegan2_discriminator(state: State) -> Plan:
    """The plan for a discriminator, of PyTorch or TensorFlow."""
    state = from_tensorflow(state, "D")
    _check_kind(state, "D", "b4.conv.weight", "b4.fc.weight")
    _drop_filters(state)
    levels = _levels(state, "")
    taken, given = array_shape(state, "b4.conv.weight", 4)[1::-1]
    features = array_shape(state, "b4.fc.weight", 2)[1]
    config = {
        "resolution": _resolution(_smallest(features // given), levels),
        "c_dim": 0,
        "num_channels": array_shape(state, f"b{4 << levels}.fromrgb.weight", 4)[1],
        "architecture": _architecture(state, "b4.fromrgb.weight", f"b{4 << levels}.skip.weight"),
    }
    if "mapping.embed.weight" in state:
        config["c_dim"] = array_shape(state, "mapping.embed.weight", 2)[1]
        config["mapping_layers"] = len(indices(state, r"mapping\.fc(\d{1,3})\."))
        _scale_mapping(state)
    fmaps = [given]
    fmaps += [array_shape(state, f"b{4 << i}.conv0.weight", 4)[0] for i in range(1, levels + 1)]
    choices = _choices(state, fmaps)
    if taken > given:  # a file of arrays says only that there are groups
        groups = section(state, "epilogue_kwargs")
        choices["mbstd_group_size"] = setting(groups, "mbstd_group_size", 4) or 4
    else:
        config["mbstd_group_size"] = 1
    check_discriminator(state, config, fmaps)
    return Plan(Discriminator, config, choices=choices, rows=discriminator_rows, arrays=state)


def _scale_mapping(state):
    """Changes the layers of a discriminator's mapping that were made for another learning rate
    multiplier than 0.01, so that with 0.01 they compute the same."""
    lrmul = setting(section(state, "mapping_kwargs"), "lr_multiplier", 0.01)
    if lrmul != 0.01:
        for name in [name for name in state if name.startswith("mapping.fc")]:
            with np.errstate(over="ignore"):  # infinity is refused later
                state[name] = state[name] * np.float32(lrmul / 0.01)


KINDS: Kinds = {
    "stylegan2/discriminator": stylegan2_discriminator,
    "stylegan2/generator": stylegan2_generator,
    "stylegan2/raw_generator": stylegan2_generator,
}


def _check_kind(state, kind, *needed):
    if missing := [name for name in needed if name not in state]:
        raise InputError(
            f"holds {first_few(state)}; expected a {EXPECTED[kind]}, but {missing[0]} is missing"
        )


def _drop_filters(state):
    """Takes the filters of resampling out, which must be those of the published networks."""
    known = np.outer(TAPS, TAPS) / np.square(np.sum(TAPS))
    for name in [name for name in state if name.endswith("resample_filter")]:
        found = state.pop(name)
        if found.shape != known.shape or not np.allclose(found, known, atol=1e-6):
            raise InputError(f"has another filter in {name}, expected (1, 3, 3, 1)")


def _levels(state, prefix):
    """How often the smallest size is doubled."""
    numbers = indices(state, re.escape(prefix) + r"b(\d{1,6})\.")
    if numbers != [4 << i for i in range(len(numbers))] or len(numbers) > 12:
        raise InputError(f"has the blocks {numbers[:14]}, expected 4, 8, 16, … up to 8192 at most")
    return len(numbers) - 1


def _resolution(smallest, levels):
    if not 4 <= min(smallest) <= 7:
        raise InputError(f"begins at {smallest} pixels, expected 4 to 7 at the shorter side")
    height, width = (side << levels for side in smallest)
    return height if height == width else (height, width)


def _smallest(pixels):
    """A discriminator's smallest size by its number of pixels: a square if that is possible."""
    side = round(pixels**0.5)
    return (side, side) if side * side == pixels else (4, pixels // 4)


def _architecture(state, skip, residual):
    if residual in state:
        return "resnet"
    return "skip" if skip in state else "orig"


def _choices(state, fmaps):
    """The numbers of features, and what only the settings beside the arrays tell."""
    sections = [section(state, name) for name in SECTIONS]
    if any(section.get("activation", "lrelu") != "lrelu" for section in sections):
        raise InputError("has another activation, expected lrelu (leaky ReLU)")
    settings = section(state, "synthesis_kwargs") | section(state)
    channel_base, channel_max = fmaps[-1] * (4 << (len(fmaps) - 1)), max(fmaps)
    choices = {
        "channel_base": setting(settings, "channel_base", channel_base),
        "channel_max": setting(settings, "channel_max", channel_max),
        "num_fp16_res": setting(settings, "num_fp16_res", 0),
        "conv_clamp": setting(settings, "conv_clamp", None),
    }
    check_features(fmaps, choices["channel_base"], choices["channel_max"])
    return choices


def section(state: State, name: str | None = None) -> dict[str, Any]:
    """The settings beside the arrays, or a part of them; {} where there are none."""
    settings = getattr(state, "settings", {})
    found = settings.get(name, {}) if name else settings
    return found if isinstance(found, dict) else {}


def setting(settings: dict[str, Any], name: str, default: Any) -> Any:
    """A number of the settings, or None where that is its default.

    Raises:
        InputError: it is something else.
    """
    value = settings.get(name, default)
    if value is default or value is None:
        return default
    if type(value) not in (int, float) or not 0 <= value <= _LARGEST_SETTING:
        raise InputError(f"has {name}={short(value, 40)}, expected a number")
    return int(value) if isinstance(default, int) else value
