"""VGG in small and its files, as the programs of others write them."""

import struct
import zipfile

import h5py
import numpy as np
import pytest

from core.errors import InputError
from nst.features import convolutions
from nst.weights import load_weights

WIDTHS = (4, 5, 6, 7, 8)  # by block
PIXEL = np.array((0.2, 0.5, 0.9))
CAFFE = (255 * 0.9 - 103.939, 255 * 0.5 - 116.779, 255 * 0.2 - 123.68)
TORCH = ((0.2 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.9 - 0.406) / 0.225)
HED = (255 * 0.9 - 104.00699, 255 * 0.5 - 116.66877, 255 * 0.2 - 122.67892)


def kernels(network="vgg19", last=None):
    """`{name: (kernel [3, 3, I, O], bias [O])}` in small, each of other numbers."""
    random, below, found = np.random.default_rng(0), 3, {}
    for name in convolutions(network):
        width = WIDTHS[int(name[4]) - 1]
        kernel = random.standard_normal((3, 3, below, width)).astype("float32")
        found[name] = (kernel, random.standard_normal(width).astype("float32"))
        below = width
        if name == last:
            break
    return found


def seen(weights):
    """What the network sees of `PIXEL`."""
    return PIXEL @ weights.colour[0] + weights.colour[1]


def assert_read(weights, expected, network, colour, source):
    assert (weights.network, weights.source) == (network, str(source))
    assert list(weights.kernels) == list(expected)
    for name, pair in expected.items():
        for found, value in zip(weights.kernels[name], pair, strict=True):
            assert found.dtype == np.float32
            assert np.array_equal(found, value)
    np.testing.assert_allclose(seen(weights), colour, rtol=1e-5, atol=1e-4)


def refusal(name, network=None, colour=None):
    with pytest.raises(InputError) as caught:
        load_weights(str(name), network, colour)
    return str(caught.value)


# --- files


def text(string):
    return b"X" + struct.pack("<I", len(string)) + string.encode()


def integers(*numbers):
    return b"".join(b"J" + struct.pack("<i", number) for number in numbers)


def write_torch(path, state):
    """As torch.save: pickle protocol 2, and the elements beside it."""
    state = {name: np.ascontiguousarray(value) for name, value in state.items()}
    items = b""
    for i, (name, value) in enumerate(state.items()):
        strides = [step // value.itemsize for step in value.strides]
        items += (
            text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(("
            + text("storage") + b"ctorch\nFloatStorage\n" + text(str(i)) + text("cpu")
            + integers(value.size) + b"tQ" + integers(0)
            + b"(" + integers(*value.shape) + b"t(" + integers(*strides) + b"t"
            + b"\x89ccollections\nOrderedDict\n)RtR"
        )  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}(" + items + b"u.")
        for i, value in enumerate(state.values()):
            archive.writestr(f"archive/data/{i}", value.tobytes())
    return path


def write_h5(path, state):
    with h5py.File(path, "w") as file:
        for name, value in state.items():
            file[name] = value
    return path


def write_npz(path, state):
    np.savez(path, **state)
    return path


FEATURES = {
    "vgg16": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    "vgg19": (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
}
NORMALISED = (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45, 48, 51)


def official(names, network="vgg19", last=None):
    """In PyTorch's layout under these names of layers."""
    state = {}
    for name, (kernel, bias) in zip(names, kernels(network, last).values(), strict=False):
        state |= {f"{name}.weight": kernel.transpose(3, 2, 0, 1), f"{name}.bias": bias}
    return state


def features(network="vgg19", last=None):
    return official([f"features.{i}" for i in FEATURES[network]], network, last)


def normalised(last=None):
    """Its colours are caffe's."""
    colour = 255 * np.eye(3, dtype="float32")[::-1, :, None, None]
    bias = -np.array((103.939, 116.779, 123.68), "float32")
    return {"0.weight": colour, "0.bias": bias} | official(NORMALISED, last=last)


def keras_file(pattern, network="vgg19"):
    """`pattern` names an array by its layer, such as block1_conv1, and part."""
    state = {}
    for name, pair in kernels(network).items():
        layer = f"block{name[4]}_conv{name[6]}"
        state |= {pattern(layer, part): value for part, value in enumerate(pair)}
    return state


def keras_1(layer, part):
    return f"{layer}/{layer}_{'Wb'[part]}_1:0"


def keras_2(layer, part):
    return f"{layer}/{layer}/{('kernel', 'bias')[part]}:0"


def hed_file():
    state = {f"{name}/vars/0": np.zeros((1, 1, 4, 1), "float32") for name in ("dsn1", "fuse")}
    for name, pair in kernels("vgg16").items():
        layer = f"conv2d_{int(name[6]) - 1}" if name[6] != "1" else "conv2d"
        group = f"block{name[4]}/layers/{layer}/vars"
        state |= {f"{group}/{part}": value for part, value in enumerate(pair)}
    return state
