"""Inception-v3 in the two versions of published metrics, with the weights of their files.

"fid" is the network of 2015 (inception-2015-12-05.tgz) behind the published FIDs. It differs from
torchvision's: average pooling ignores the border, the last block uses max pooling, and it has 1008
classes. "art" is torchvision's, trained on paintings for ArtFID, without its classifiers.

Sources: Szegedy et al. 2016 (https://arxiv.org/abs/1512.00567); names and shapes of
mseitzer/pytorch-fid, src/pytorch_fid/inception.py, and of art-fid 0.0.2 (PyPI), inception.py.
"""

from collections.abc import Mapping
from pathlib import Path

import keras
from keras import layers, ops

from core import importing
from core.errors import InputError
from core.importing import BATCH_NORM, Kinds, Plan, State

CLASSES = 1008
# entries of the files that are not needed here, such as batch counters and the art classifiers
_UNUSED = ("num_batches_tracked", "fc.bias", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")


def import_inception(kind: str, state: Mapping | str | Path) -> keras.Model:
    """Returns the network with the weights of a file.

    Args:
        kind: "fid" or "art".
        state: arrays by official name, in PyTorch's layout, or a `.pth` file of them.

    Returns:
        The model that `inception` describes. Nothing in it is trainable.

    Raises:
        InputError: the file cannot be read, or is of another network.
    """
    network = importing.import_network(KINDS, f"inception/{kind}", state, {})
    network.trainable = False
    return network


def inception(kind: str) -> keras.Model:
    """Returns the network with random weights, in float32.

    Args:
        kind: "fid" or "art".

    Returns:
        "fid": a model from `[N, 299, 299, 3]` in [-1, 1] to `{"features": [N, 2048], "logits":
        [N, 1008]}`. The logits are without the bias, as the Inception Score takes them. "art": a
        model from `[N, H, W, 3]` in [0, 1], 75 pixels or more, to `{"features": [N, 2048]}`.
    """
    art = kind == "art"
    inputs = keras.Input((None, None, 3) if art else (299, 299, 3))
    x = _stem(inputs)
    for name, width in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
        x = _block_a(x, name, width, art)
    x = _block_b(x, "Mixed_6a")
    for name, width in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        x = _block_c(x, name, width, art)
    x = _block_d(x, "Mixed_7a")
    x = _block_e(x, "Mixed_7b", _average(x, art))
    x = _block_e(x, "Mixed_7c", _average(x, art) if art else _pool("max", 1, "same")(x))
    outputs = {"features": layers.GlobalAveragePooling2D(dtype="float32")(x)}
    if not art:
        head = layers.Dense(CLASSES, use_bias=False, name="fc", dtype="float32")
        outputs["logits"] = head(outputs["features"])
    return keras.Model(inputs, outputs, name=f"inception_{kind}")


# --- blocks


def _stem(x):
    x = _convolution(x, "Conv2d_1a_3x3", 32, 3, 2, "valid")
    x = _convolution(x, "Conv2d_2a_3x3", 32, 3, 1, "valid")
    x = _pool("max", 2)(_convolution(x, "Conv2d_2b_3x3", 64, 3))
    x = _convolution(x, "Conv2d_3b_1x1", 80, 1)
    return _pool("max", 2)(_convolution(x, "Conv2d_4a_3x3", 192, 3, 1, "valid"))


def _block_a(x, name, width, art):
    five = _chain(x, name, ("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5))
    three = _chain(x, name, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3),
                   ("branch3x3dbl_3", 96, 3))  # fmt: skip
    one = _chain(x, name, ("branch1x1", 64, 1))
    return _join(one, five, three, _chain(_average(x, art), name, ("branch_pool", width, 1)))


def _block_b(x, name):
    three = _convolution(x, f"{name}.branch3x3", 384, 3, 2, "valid")
    double = _chain(x, name, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3))
    double = _convolution(double, f"{name}.branch3x3dbl_3", 96, 3, 2, "valid")
    return _join(three, double, _pool("max", 2)(x))


def _block_c(x, name, width, art):
    wide, high = (1, 7), (7, 1)
    seven = _chain(x, name, ("branch7x7_1", width, 1), ("branch7x7_2", width, wide),
                   ("branch7x7_3", 192, high))  # fmt: skip
    double = _chain(x, name, ("branch7x7dbl_1", width, 1), ("branch7x7dbl_2", width, high),
                    ("branch7x7dbl_3", width, wide), ("branch7x7dbl_4", width, high),
                    ("branch7x7dbl_5", 192, wide))  # fmt: skip
    one = _chain(x, name, ("branch1x1", 192, 1))
    return _join(one, seven, double, _chain(_average(x, art), name, ("branch_pool", 192, 1)))


def _block_d(x, name):
    three = _chain(x, name, ("branch3x3_1", 192, 1))
    three = _convolution(three, f"{name}.branch3x3_2", 320, 3, 2, "valid")
    seven = _chain(x, name, ("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, (1, 7)),
                   ("branch7x7x3_3", 192, (7, 1)))  # fmt: skip
    seven = _convolution(seven, f"{name}.branch7x7x3_4", 192, 3, 2, "valid")
    return _join(three, seven, _pool("max", 2)(x))


def _block_e(x, name, pooled):
    three = _chain(x, name, ("branch3x3_1", 384, 1))
    double = _chain(x, name, ("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3))
    halves = [
        _chain(y, name, (f"{branch}{half}", 384, size))
        for y, branch in ((three, "branch3x3_2"), (double, "branch3x3dbl_3"))
        for half, size in (("a", (1, 3)), ("b", (3, 1)))
    ]
    one = _chain(x, name, ("branch1x1", 320, 1))
    return _join(one, *halves, _chain(pooled, name, ("branch_pool", 192, 1)))


def _chain(x, block, *rows):
    for name, filters, size in rows:
        x = _convolution(x, f"{block}.{name}", filters, size)
    return x


def _convolution(x, name, filters, size, stride=1, padding="same"):
    x = layers.Conv2D(filters, size, stride, padding, use_bias=False, name=f"{name}.conv",
                      dtype="float32")(x)  # fmt: skip
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}.bn", dtype="float32")(x)
    return ops.relu(x)


def _pool(kind, stride, padding="valid"):
    pooling = layers.MaxPooling2D if kind == "max" else layers.AveragePooling2D
    return pooling(3, stride, padding, dtype="float32")


def _average(x, counts_border):
    """Returns the 3x3 average. PyTorch counts zeros beyond the border; TensorFlow ignores them."""
    if not counts_border:
        return _pool("average", 1, "same")(x)
    return _pool("average", 1)(layers.ZeroPadding2D(1, dtype="float32")(x))


def _join(*branches):
    return ops.concatenate(branches, axis=-1)


# --- files


def _rows(network, config):
    """Yields the official name, the variable and the conversion of each array of weights."""
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            parts = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
            for part, variable in zip(BATCH_NORM, parts, strict=True):
                yield f"{layer.name}.{part}", variable, lambda value: value
        elif isinstance(layer, layers.Conv2D):
            yield f"{layer.name}.weight", layer.kernel, lambda value: value.transpose(2, 3, 1, 0)
        elif isinstance(layer, layers.Dense):
            yield f"{layer.name}.weight", layer.kernel, lambda value: value.T


def _fid(state: State) -> Plan:
    if "fc.weight" not in state:
        raise InputError("has no fc.weight; expected the Inception of the FID (pt_inception-…pth)")
    return _plan("fid", state)


def _art(state: State) -> Plan:
    if "fc1.weight" not in state or "fc2.weight" not in state:
        raise InputError("has no fc1.weight and fc2.weight; expected ArtFID's art_inception.pth")
    return _plan("art", state)


def _plan(kind, state):
    for name in [n for n in state if n.endswith(_UNUSED) or n.startswith("AuxLogits")]:
        del state[name]  # the rest must be exactly the network
    return Plan(lambda: inception(kind), {}, rows=_rows)


KINDS: Kinds = {"inception/fid": _fid, "inception/art": _art}
