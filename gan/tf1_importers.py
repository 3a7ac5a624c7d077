"""ProGAN and StyleGAN with the variables of NVIDIA's TensorFlow 1 networks, by name.

A dense layer beside a convolution counts its features channel by channel there (NCHW), row by row
here. Kernels are `[h, w, in, out]`; those of transposed convolutions (ProGAN's upsampling, and
StyleGAN's from 128 px on) are turned round, see `gan.layers.Conv`.

Sources: names and shapes of tkarras/progressive_growing_of_gans @ 2504c3f, networks.py, and
NVlabs/stylegan @ 1e0d5c7, training/networks_stylegan.py.
"""

import functools

from core.errors import InputError
from core.importing import (
    Kinds,
    Plan,
    Rows,
    State,
    array_shape,
    check_shapes,
    first_few,
    indices,
)
from gan import progressive_shapes
from gan.progan.networks import Generator as ProGANGenerator
from gan.progressive import Discriminator, resolutions
from gan.stylegan.networks import Generator as StyleGANGenerator

_MOST_LEVELS = 12


def progan_generator(state: State) -> Plan:
    """The plan for ProGAN's generator, `G_paper`."""
    expected = "ProGAN generator (4x4/Dense, 8x8/Conv0_up, …, ToRGB_lod0)"
    config, choices, fmaps = _sizes(state, "", "ToRGB", expected)
    config["latent_size"] = array_shape(state, "4x4/Dense/weight", 2)[0]
    check_shapes(state, progressive_shapes.progan_generator(config, fmaps))

    def rows(network, config):
        return _synthesis(network.synthesis, "", lambda size: True, swapped=True)

    return Plan(ProGANGenerator, config, choices=choices, rows=rows)


def stylegan_generator(state: State) -> Plan:
    """The plan for StyleGAN's generator, `G_style`.

    The file does not tell its `fused_scale`: "auto" (from 128 px on, the official default), True or
    False.
    """
    expected = "StyleGAN generator (G_mapping/Dense0, …, G_synthesis/ToRGB_lod0, dlatent_avg)"
    config, choices, fmaps = _sizes(state, "G_synthesis/", "ToRGB", expected)
    config |= _mapping_sizes(state)
    config |= {
        "const_input": "G_synthesis/4x4/Const/const" in state,
        "use_noise": "G_synthesis/noise0" in state,
        "use_styles": "G_synthesis/4x4/Conv/StyleMod/weight" in state,
    }
    check_shapes(state, progressive_shapes.stylegan_generator(config, fmaps))
    choices["fused_scale"] = "auto"
    return Plan(_stylegan_generator, config, choices=choices, rows=_stylegan_rows)


def _stylegan_generator(*, fused_scale, dlatent_size, **config):
    if fused_scale not in ("auto", True, False):
        raise InputError(f"fused_scale={fused_scale!r}: expected 'auto', True or False")
    return StyleGANGenerator(w_dim=dlatent_size, **config)


def _stylegan_rows(network, config):
    fused = {"auto": lambda size: size >= 128}.get(
        config["fused_scale"], lambda size: config["fused_scale"]
    )
    yield from _synthesis(network.synthesis, "G_synthesis/", fused)
    for i, layer in enumerate(network.mapping.dense):
        yield from _layer(f"G_mapping/Dense{i}", layer)
    yield "dlatent_avg", network.mapping.w_avg, _same


def discriminator(blur: bool, state: State) -> Plan:
    """The plan for the discriminator `D_paper` (ProGAN) or, with `blur`, `D_basic` (StyleGAN)."""
    expected = "ProGAN or StyleGAN discriminator (FromRGB_lod0, …, 4x4/Dense1)"
    config, choices, fmaps = _sizes(state, "", "FromRGB", expected)
    taken, given = array_shape(state, "4x4/Conv/weight", 4)[2:]
    if taken > given:  # a file says only that there are groups; the official ones are of 4
        choices["mbstd_group_size"] = 4
    else:
        config["mbstd_group_size"] = 1
    last = min(choices["fmap_base"], choices["fmap_max"])  # those of 2 pixels
    shapes = progressive_shapes.discriminator(config, fmaps, deviation=taken > given, last=last)
    check_shapes(state, shapes)
    build = functools.partial(Discriminator, blur=blur)
    return Plan(build, config, choices=choices, rows=_discriminator_rows)


KINDS: Kinds = {
    "progan/discriminator": functools.partial(discriminator, False),
    "progan/generator": progan_generator,
    "stylegan/discriminator": functools.partial(discriminator, True),
    "stylegan/generator": stylegan_generator,
}


# --- what a file has


def _sizes(state, prefix, rgb, expected):
    """What the kernels at the pictures' end tell: two mappings, and the feature maps of each level.

    The first has `resolution` and `num_channels`, the second an `fmap_base` and an `fmap_max` that
    give the feature maps of the file. (Others may do so as well.)
    """
    levels = indices(state, rf"{prefix}{rgb}_lod(\d{{1,3}})/weight$")
    if not levels or levels != list(range(len(levels))):
        raise InputError(f"holds {first_few(state)}; expected a {expected}")
    if len(levels) > _MOST_LEVELS:
        raise InputError(f"has {len(levels)} levels, expected at most {_MOST_LEVELS}: 8192 pixels")
    resolution = 4 << levels[-1]
    sides = {k: array_shape(state, f"{prefix}{rgb}_lod{k}/weight", 4)[2:] for k in levels}
    fmaps = {k: side[rgb == "FromRGB"] for k, side in sides.items()}
    config = {"resolution": resolution, "num_channels": sides[0][rgb == "ToRGB"]}
    choices = {"fmap_base": fmaps[0] * resolution // 2, "fmap_max": fmaps[levels[-1]]}
    upwards = [fmaps[k] for k in reversed(levels)]
    progressive_shapes.check_features(upwards, **choices)
    return config, choices, upwards


def _mapping_sizes(state):
    layers = indices(state, r"G_mapping/Dense(\d{1,3})/")
    if "dlatent_avg" not in state or layers != list(range(len(layers))):
        raise InputError(f"holds {first_few(state)}; expected dlatent_avg and G_mapping/Dense0, …")
    w_dim = array_shape(state, "dlatent_avg", 1)[0]
    shapes = [array_shape(state, f"G_mapping/Dense{i}/weight", 2) for i in range(len(layers))]
    return {
        "latent_size": shapes[0][0] if shapes else w_dim,
        "dlatent_size": w_dim,
        "mapping_layers": len(shapes),
        "mapping_fmaps": shapes[0][1] if shapes else w_dim,
    }


# --- which variable is which, and how it is stored


def _synthesis(network, prefix, fused, swapped=False) -> Rows:
    """The rows of a synthesis network.

    Args:
        network: our synthesis.
        prefix: what the official names begin with.
        fused: whether the upsampling to a size, in pixels, is a transposed convolution.
        swapped: whether such a kernel is stored as `[h, w, out, in]`.
    """
    start = f"{prefix}4x4/{'Const' if network.const_input else 'Dense'}"
    if network.const_input:
        yield f"{start}/const", network.const, _nhwc
    else:
        fmaps = network.fmaps(4)
        yield f"{start}/weight", network.dense.kernel, lambda a: _rows_first(a, fmaps)
    for i, size in enumerate(resolutions(network.resolution)):
        scope = f"{prefix}{size}x{size}"
        names = (start, f"{scope}/Conv") if i == 0 else (f"{scope}/Conv0_up", f"{scope}/Conv1")
        for index, name in enumerate(names, 2 * i):
            conv = network.convs[index]
            if conv is not None:
                turned = conv.resample and fused(size)
                stored = (_turned_and_swapped if swapped else _turned) if turned else _same
                yield f"{name}/weight", conv.kernel, stored
            yield from _epilogue(name, f"{prefix}noise{index}", network.epilogues[index])
        yield from _layer(f"{prefix}ToRGB_lod{_lod(network, size)}", network.to_rgb[i])


def _epilogue(name, noise, layer) -> Rows:
    yield f"{name}/bias", layer.bias, _same
    if layer.use_noise:
        yield f"{name}/Noise/weight", layer.noise_weight, _same
        yield noise, layer.noise, _nhwc
    if layer.style is not None:
        yield from _layer(f"{name}/StyleMod", layer.style)


def _discriminator_rows(network, config) -> Rows:
    for i, size in enumerate(resolutions(network.resolution)):
        yield from _layer(f"FromRGB_lod{_lod(network, size)}", network.from_rgb[i])
        if size > 4:
            yield from _layer(f"{size}x{size}/Conv0", network.convs[i])
            yield from _layer(f"{size}x{size}/Conv1_down", network.downs[i])
    fmaps = network.fmaps(4)
    yield from _layer("4x4/Conv", network.convs[0])
    yield "4x4/Dense0/weight", network.dense0.kernel, lambda a: _rows_last(a, fmaps)
    yield "4x4/Dense0/bias", network.dense0.bias, _same
    yield from _layer("4x4/Dense1", network.dense1)


def _layer(name, layer) -> Rows:
    yield f"{name}/weight", layer.kernel, _same
    yield f"{name}/bias", layer.bias, _same


def _lod(network, size):
    return (network.resolution // size).bit_length() - 1


def _same(a):
    return a


def _nhwc(a):
    return a.transpose(0, 2, 3, 1)


def _turned(kernel):
    return kernel[::-1, ::-1]


def _turned_and_swapped(kernel):
    return kernel[::-1, ::-1].transpose(0, 1, 3, 2)


def _rows_first(weight, fmaps):
    """A dense layer to 4x4 features: `[in, C * 16]` to `[in, 16 * C]`."""
    return weight.reshape(-1, fmaps, 16).transpose(0, 2, 1).reshape(len(weight), -1)


def _rows_last(weight, fmaps):
    """A dense layer from 4x4 features: `[C * 16, out]` to `[16 * C, out]`."""
    return weight.reshape(fmaps, 16, -1).transpose(1, 0, 2).reshape(16 * fmaps, -1)
