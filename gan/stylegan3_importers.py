"""StyleGAN3's generator with the weights of NVIDIA's, by the names of their state_dict.

Layers are named by their number, size and features, such as L3_52_512. Their filters are buffers of
the official networks; here they follow from the schedule, and those of a file must agree with them.
The discriminator is StyleGAN2's, whose files `gan.nvidia_importers` reads.

Source: names and shapes of NVlabs/stylegan3 @ c233a91, training/networks_stylegan3.py.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from core.errors import InputError
from core.importing import Kinds, Plan, State, array_shape, check_shapes, first_few, indices
from gan.nvidia_importers import (
    CONVOLUTION,
    DENSE,
    SAME,
    Rows,
    dense_rows,
    mapping_rows,
    section,
    setting,
    stylegan2_discriminator,
)
from gan.nvidia_shapes import mapping_shapes
from gan.stylegan3.layers import filters
from gan.stylegan3.networks import Generator
from gan.stylegan3.schedule import LayerPlan, Schedule

# settings beside the arrays: default, least, greatest
_SCHEDULE: dict[str, tuple[Any, float, float]] = {
    "num_critical": (2, 1, 100),
    "first_cutoff": (2.0, 0.5, 64),
    "first_stopband": (2**2.1, 1, 256),
    "last_stopband_rel": (2**0.3, 1.001, 8),
    "margin_size": (10, 0, 100),
    "filter_size": (6, 1, 32),
    "lrelu_upsampling": (2, 1, 8),
    "num_fp16_res": (4, 0, 20),
}
_LARGEST = 4096  # pixels
_NEAR = 1e-5  # of a file's filters to those of the schedule


# --- which variable is which


def generator_rows(network: Generator, config: Any = None) -> Rows:
    """The rows of `core.importing.Plan` for a generator."""
    synthesis, scope = network.synthesis, "synthesis.input"
    features = synthesis.features
    yield f"{scope}.weight", features.kernel, DENSE
    yield from dense_rows(f"{scope}.affine", features.affine)
    for name in ("transform", "freqs", "phases"):
        yield f"{scope}.{name}", getattr(features, name), SAME
    for layer in synthesis.blocks:
        scope = f"synthesis.{layer.plan.name}"
        yield f"{scope}.weight", layer.kernel, CONVOLUTION
        yield f"{scope}.bias", layer.bias, SAME
        yield f"{scope}.magnitude_ema", layer.magnitude, SAME
        yield from dense_rows(f"{scope}.affine", layer.affine)
    yield from mapping_rows(network.mapping)
    yield "mapping.w_avg", network.mapping.w_avg, SAME


def state_dict(network: Generator) -> dict[str, np.ndarray]:
    """The variables and filters under the official names, in the official layouts, float32."""
    rows = generator_rows(network)
    state = {name: layout.write(np.asarray(value)) for name, value, layout in rows}
    state |= dict(_filters(network.synthesis.schedule.layers()))
    return {name: np.array(value, "float32") for name, value in state.items()}


def settings(network: Generator) -> dict[str, Any]:
    """The keyword arguments that the official `Generator` gives its synthesis; plain values."""
    config = network.synthesis.config
    names = ("num_layers", "conv_clamp", "output_scale", "magnitude_ema_beta", "channel_base",
             "channel_max", *_SCHEDULE)  # fmt: skip
    return {
        "conv_kernel": 3 if config["config"] == "t" else 1,
        "use_radial_filters": config["config"] == "r",
        **{name: config[name] for name in names},
    }


def _filters(layers: list[LayerPlan]) -> Iterator[tuple[str, np.ndarray]]:
    """The filters of all layers, by their official names."""
    for plan in layers:
        for name, taps in zip(("up_filter", "down_filter"), filters(plan), strict=True):
            if taps is not None:
                yield f"synthesis.{plan.name}.{name}", taps


# --- what a file has


def stylegan3_generator(state: State) -> Plan:
    """The plan for a generator."""
    if missing := [k for k in ("synthesis.input.freqs", "mapping.fc0.weight") if k not in state]:
        raise InputError(
            f"holds {first_few(state)}; expected a StyleGAN3 generator (synthesis.input.freqs, "
            f"synthesis.L0_36_512.weight, …), but {missing[0]} is missing"
        )
    config = _config(state)
    choices = _choices(state, config)
    schedule = _schedule(config, choices)
    check_shapes(state, _shapes(config, schedule))
    _drop_filters(state, schedule)
    return Plan(Generator, config, choices=choices, rows=generator_rows, arrays=state)


KINDS: Kinds = {
    "stylegan3/discriminator": stylegan2_discriminator,
    "stylegan3/generator": stylegan3_generator,
}


def _config(state):
    """What the arrays tell."""
    names = _layers(state)
    (first, _, _), (_, size, channels) = names[0], names[-1]
    w_dim = array_shape(state, "mapping.w_avg", 1)[0]
    c_dim = 0
    if "mapping.embed.weight" in state:
        c_dim = array_shape(state, "mapping.embed.weight", 2)[1]
    z_dim = array_shape(state, "mapping.fc0.weight", 2)[1] - w_dim * bool(c_dim)
    if z_dim < 1:
        raise InputError("has a mapping for classes alone, expected a z, too")
    kernel = array_shape(state, f"synthesis.{first}.weight", 4)[3]
    radial = state.get(f"synthesis.{first}.down_filter", np.empty(0)).ndim == 2
    if (kernel, radial) not in ((3, False), (1, True)):
        raise InputError(
            f"has kernels of {kernel} pixels and {'radial' if radial else 'separable'} filters, "
            "expected configuration t (3, separable) or r (1, radial)"
        )
    if size > _LARGEST:
        raise InputError(f"makes pictures of {size} pixels, expected at most {_LARGEST}")
    return {
        "resolution": size,
        "config": "r" if radial else "t",
        "z_dim": z_dim,
        "c_dim": c_dim,
        "w_dim": w_dim,
        "mapping_layers": len(indices(state, r"mapping\.fc(\d{1,3})\.")),
        "num_layers": len(names) - 1,
        "num_channels": channels,
    }


def _layers(state):
    """Name, size and features of each layer, in their order."""
    pattern = r"synthesis\.(L(\d{1,3})_(\d{1,5})_(\d{1,5}))\.weight"
    matches = [match for name in state if (match := re.fullmatch(pattern, name))]
    found = sorted((int(m[2]), m[1], int(m[3]), int(m[4])) for m in matches)
    if [index for index, *_ in found] != list(range(len(found))) or len(found) < 2:
        names = [name for _, name, *_ in found]
        raise InputError(f"has the layers {first_few(names)}, expected L0_…, L1_… and so on")
    return [row[1:] for row in found]


def _choices(state, config):
    """What only the settings beside the arrays tell, and the numbers of features."""
    given, found = section(state), {}
    for name, (default, least, greatest) in _SCHEDULE.items():
        found[name] = value = setting(given, name, default)
        if not least <= value <= greatest:
            raise InputError(f"has {name}={value}, expected {least} to {greatest}")
    for name, default in (("output_scale", 0.25), ("magnitude_ema_beta", 0.999)):
        found[name] = setting(given, name, default)
    found["conv_clamp"] = setting(given, "conv_clamp", None if "conv_clamp" in given else 256.0)
    lrmul = setting(section(state, "mapping_kwargs"), "lr_multiplier", 0.01)
    found["mapping_lrmul"] = lrmul
    fmaps = [channels for _, _, channels in _layers(state)[:-1]]
    base, most = _features(_schedule(config, found), fmaps)
    found["channel_base"] = setting(given, "channel_base", base)
    found["channel_max"] = setting(given, "channel_max", most)
    return found


def _schedule(config, choices):
    names = {"resolution", "config", "num_layers", "num_channels", "channel_base", "channel_max"}
    known = config | choices
    options = {k: v for k, v in known.items() if k in names or k in _SCHEDULE}
    try:
        return Schedule(**options)
    except ValueError as error:
        raise InputError(f"is no StyleGAN3 known here ({error})") from error


def _features(schedule, fmaps):
    """A `channel_base` and a `channel_max` that give these features; a power of 2 if there is one.

    Source: `Schedule.channels`, read backwards.
    """
    most = max(fmaps)
    ranges = [((n - 0.5) * scale, math.inf if n == most else (n + 0.5) * scale)
              for n, scale in zip(fmaps, schedule.pixels_per_cutoff(), strict=True)]  # fmt: skip
    low, high = max(r[0] for r in ranges), min(r[1] for r in ranges)
    power = 2 ** math.ceil(math.log2(low))
    return (power if power < high else math.floor(low) + 1), most


def _shapes(config, schedule):
    """The shapes of the arrays, by official name."""
    w_dim, count = config["w_dim"], schedule.channels(0)
    yield "synthesis.input.weight", (count, count)
    yield "synthesis.input.affine.weight", (4, w_dim)
    yield "synthesis.input.freqs", (count, 2)
    for plan in schedule.layers():
        scope = f"synthesis.{plan.name}"
        yield f"{scope}.weight", (plan.out_channels, plan.in_channels, *[plan.kernel_size] * 2)
        yield f"{scope}.affine.weight", (plan.in_channels, w_dim)
    yield from mapping_shapes(config, config["z_dim"], w_dim)


def _drop_filters(state, schedule):
    """Takes the filters out, which must be those of the schedule."""
    known = dict(_filters(schedule.layers()))
    for name in [name for name in state if name.endswith(("up_filter", "down_filter"))]:
        found, expected = state.pop(name), known.get(name)
        if expected is None or found.shape != expected.shape:
            raise InputError(f"has a {name} of shape {found.shape}, expected none or another")
        if not np.allclose(found, expected, rtol=0, atol=_NEAR):
            raise InputError(
                f"has another filter in {name} than its cutoffs give; expected the published "
                "first_cutoff, first_stopband, … or their own in the settings of a .pkl"
            )
