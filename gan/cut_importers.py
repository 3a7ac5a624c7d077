"""The kinds of `gan.importers` that are of CUT.

Blurs have no weights but numbers in the list of layers, and their kernels are saved (`.filt`). The
hyper-parameters have the names that the authors' options have.

Names and shapes: taesungp/contrastive-unpaired-translation @ b3ac297, models/networks.py.
"""

import keras
import numpy as np

from core.errors import InputError
from core.importing import (
    Kinds,
    Plan,
    Rows,
    State,
    array_shape,
    check_names,
    check_shapes,
    indices,
    kernel_shape,
)
from core.names import short
from gan import translator_shapes
from gan.cut.networks import INIT, generator, layer_width, patch_mlps
from gan.cyclegan.networks import patch_discriminator
from gan.translator_files import (
    PATCH_MLPS,
    SMOOTH_PATCH,
    SMOOTH_RESNET,
    check_looks,
    convolutions,
)

# of the kernels of blurs, by their width: (1, 2, 1) halves; (1, 3, 3, 1) doubles, with a gain of 4
_BLURS = {3: np.outer([1, 2, 1], [1, 2, 1]) / 16, 4: np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16}


def _generator(state: State) -> Plan:
    """`model.1` `.4` `.8` convolutions, from `.12` residual blocks, then two convolutions, each
    after a blur that doubles, and one more (networks.py:947-983)."""
    state = _without_blurs(convolutions(state, SMOOTH_RESNET))
    after = (indices(state, r"model\.(\d{1,4})\.conv_block\.") or [12])[-1] + 1
    layers = ["model.1", "model.4", "model.8"]
    layers += [f"model.{i}.conv_block.{k}" for i in range(12, after) for k in (1, 5)]
    layers += [f"model.{after + i}" for i in (1, 5, 9)]
    check_names(state, layers)
    ngf, channels = kernel_shape(state, "model.1")[:2]
    config = {"ngf": ngf, "n_blocks": after - 12, "channels": channels}
    check_shapes(state, translator_shapes.resnet_generator(layers, config, transposed=False))
    return Plan(generator, config, layers)


def _discriminator(state: State) -> Plan:
    """Convolutions `model.0`, `.3`, `.7`, ... to 4 * n_layers - 1, and 3 after that one
    (models/networks.py, `NLayerDiscriminator`)."""
    state = _without_blurs(convolutions(state, SMOOTH_PATCH))
    n_layers = max(1, (indices(state, r"model\.(\d{1,4})\.")[-1] - 2) // 4)
    layers = ["model.0", *(f"model.{3 + 4 * i}" for i in range(n_layers))]
    layers.append(f"model.{4 * n_layers + 2}")
    check_names(state, layers)
    ndf, channels = kernel_shape(state, "model.0")[:2]
    sizes = {"ndf": ndf, "channels": channels}
    shapes = translator_shapes.patch_discriminator(layers, sizes | {"n_layers": n_layers})
    check_shapes(state, shapes)
    return Plan(_smooth_discriminator, sizes | {"n_layers_D": n_layers}, layers)


def _smooth_discriminator(ndf, channels, n_layers_D):  # noqa: N803
    return patch_discriminator(
        ndf=ndf, channels=channels, n_layers=n_layers_D, antialias=True, init=INIT
    )


def _patch_mlp(state: State) -> Plan:
    """For each layer that is compared `mlp_N.0` and `mlp_N.2`, linear (`PatchSampleF`). The file
    does not tell which layers of which generator they are."""
    check_looks(state, PATCH_MLPS)
    count = indices(state, r"mlp_(\d{1,4})\.")[-1] + 1
    names = [f"mlp_{i}.{k}" for i in range(count) for k in (0, 2)]
    check_names(state, names)
    widths = tuple(array_shape(state, f"mlp_{i}.0.weight", 2)[1] for i in range(count))
    width = array_shape(state, "mlp_0.0.weight", 2)[0]
    shapes = {f"mlp_{i}.0.weight": (width, taken) for i, taken in enumerate(widths)}
    shapes |= {f"mlp_{i}.2.weight": (width, width) for i in range(count)}
    check_shapes(state, shapes.items())
    choices = {"ngf": None, "nce_layers": None}
    return Plan(_patch_mlps, {"netF_nc": width, "widths": widths}, choices=choices, rows=_rows)


def _patch_mlps(netF_nc, widths, ngf, nce_layers):  # noqa: N803
    """The MLPs; raises InputError where they are not for these layers of such a generator."""
    if nce_layers is not None:
        layers = [int(i) for i in np.atleast_1d(nce_layers)]
        if len(layers) != len(widths):
            raise InputError(f"has {len(widths)} MLPs, and nce_layers names {len(layers)} layers")
        wanted = tuple(layer_width(i, int(ngf), widths[0]) for i in layers) if ngf else widths
        if wanted != widths:
            raise InputError(
                f"is for layers of {widths} channels; those of nce_layers have {wanted}"
            )
    return patch_mlps(widths, netF_nc)


def _rows(network: keras.Model, config: dict) -> Rows:
    for layer in network.layers:
        if layer.weights:
            name = layer.name[:-2] + "." + layer.name[-1]
            yield f"{name}.weight", layer.kernel, np.transpose
            yield f"{name}.bias", layer.bias, np.asarray


def _without_blurs(state: State) -> State:
    """The arrays but the kernels of blurs; other kernels than the published ones are refused."""
    for name, value in state.items():
        if name.endswith(".filt"):
            wanted = _BLURS.get(value.shape[-1] if value.ndim == 4 else 0)
            if wanted is None or not np.allclose(value, wanted, rtol=0, atol=1e-6):
                raise InputError(
                    f"has another blur in {short(name)} than (1, 2, 1) or (1, 3, 3, 1): only the "
                    "published network can be used"
                )
    return {name: value for name, value in state.items() if not name.endswith(".filt")}


KINDS: Kinds = {
    "cut/discriminator": _discriminator,
    "cut/generator": _generator,
    "cut/patch_mlp": _patch_mlp,
}
