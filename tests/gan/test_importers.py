"""Official state dicts, in the forms in which they are found, and what is refused."""

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core.errors import InputError
from gan.importers import guess_config, import_network

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
GENERATOR, DISCRIMINATOR = "cyclegan/resnet_generator", "cyclegan/patch_discriminator"
KINDS = (GENERATOR, DISCRIMINATOR)


def load(kind):
    """`(state, input, output)`, the pictures `[N, H, W, C]`."""
    with np.load(GOLDEN / f"{kind.replace('/', '_')}.npz") as file:
        arrays = dict(file)
    state = {k.removeprefix("state/"): v for k, v in arrays.items() if k.startswith("state/")}
    return state, *(arrays[name].transpose(0, 2, 3, 1) for name in ("input", "output"))


@pytest.fixture
def generator():
    return load(GENERATOR)


@pytest.fixture
def discriminator():
    return load(DISCRIMINATOR)


def assert_computes(network, pictures, expected):
    found = ops.convert_to_numpy(network(np.ascontiguousarray(pictures)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def refusal(kind, state, **config):
    with pytest.raises(InputError) as caught:
        import_network(kind, state, **config)
    return str(caught.value)


# --- a file of torch.save, by hand: pickle protocol 2, and the elements beside it


def text(string):
    return b"X" + struct.pack("<I", len(string)) + string.encode()


def integers(*numbers):
    return b"".join(b"J" + struct.pack("<i", number) for number in numbers)


def pickled(key, array):
    strides = [step // array.itemsize for step in array.strides]
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
        + integers(array.size) + b"tQ" + integers(0)
        + b"(" + integers(*array.shape) + b"t(" + integers(*strides) + b"t"
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )  # fmt: skip


def write(path, state):
    keys = {name: str(i) for i, name in enumerate(state)}
    items = b"".join(text(name) + pickled(keys[name], value) for name, value in state.items())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}(" + items + b"u.")
        for name, value in state.items():
            archive.writestr(f"archive/data/{keys[name]}", value.tobytes())
    return path


# --- what is understood


@pytest.mark.parametrize("kind", KINDS)
def test_state_dict(kind):
    state, pictures, output = load(kind)
    assert_computes(import_network(kind, state), pictures, output)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("as_type", [str, Path])
def test_file(tmp_path, kind, as_type):
    state, pictures, output = load(kind)
    path = write(tmp_path / "latest_net.pth", state)
    assert_computes(import_network(kind, as_type(path)), pictures, output)


def test_guess_config(generator, discriminator):
    expected = {"ngf": 8, "n_blocks": 2, "dropout": False, "channels": 3}
    assert guess_config(GENERATOR, generator[0]) == expected
    expected = {"ndf": 8, "n_layers": 3, "channels": 3}
    assert guess_config(DISCRIMINATOR, discriminator[0]) == expected


def test_sizes_that_agree_may_be_given(generator):
    state, pictures, output = generator
    assert_computes(import_network(GENERATOR, state, ngf=8, n_blocks=2), pictures, output)
    assert_computes(import_network(GENERATOR, state, ngf=8, n_blocks=None), pictures, output)


def with_old_statistics(state, modules):
    """As torch < 0.4 saved instance normalisation."""
    extra = {}
    for name in modules:
        extra[f"{name}.running_mean"] = np.ones(8, "float32")
        extra[f"{name}.running_var"] = np.ones(8, "float32")
        extra[f"{name}.num_batches_tracked"] = np.array(7)
    return extra | state


def test_old_statistics_are_dropped(generator, discriminator):
    """Those of `conv_block.6` do not make it a convolution after a dropout."""
    state, pictures, output = generator
    modules = ["model.2", "model.5", "model.10.conv_block.2", "model.10.conv_block.6"]
    network = import_network(GENERATOR, with_old_statistics(state, modules))
    assert_computes(network, pictures, output)
    state, pictures, output = discriminator
    network = import_network(DISCRIMINATOR, with_old_statistics(state, ["model.3", "model.9"]))
    assert_computes(network, pictures, output)


@pytest.mark.parametrize("kind", KINDS)
def test_prefix_of_data_parallel(tmp_path, kind):
    state, pictures, output = load(kind)
    state = {f"module.{name}": value for name, value in state.items()}
    assert_computes(import_network(kind, state), pictures, output)
    assert_computes(import_network(kind, write(tmp_path / "n.pth", state)), pictures, output)


def test_network_trained_with_dropout(generator):
    """It has dropout, which does nothing when it translates."""
    state, pictures, output = generator
    state = {k.replace("conv_block.5.", "conv_block.6."): v for k, v in state.items()}
    network = import_network(GENERATOR, state)
    assert_computes(network, pictures, output)
    assert guess_config(GENERATOR, state)["dropout"]
    assert sum(type(layer).__name__ == "Dropout" for layer in network.layers) == 2


def test_order_of_the_names_does_not_matter(generator):
    state, pictures, output = generator
    assert_computes(
        import_network(GENERATOR, dict(reversed(state.items()))), pictures, output
    )  # fmt: skip


def test_other_float_types(generator):
    state, pictures, output = generator
    state = {name: value.astype("float64") for name, value in state.items()}
    network = import_network(GENERATOR, state)
    assert {w.dtype for w in network.weights} == {"float32"}
    assert_computes(network, pictures, output)


def test_pictures_with_one_channel(discriminator):
    state = dict(discriminator[0])
    state["model.0.weight"] = state["model.0.weight"][:, :1]
    assert import_network(DISCRIMINATOR, state).input_shape == (None, None, None, 1)


@pytest.mark.parametrize(("n_layers", "last"), [(1, 5), (2, 8), (4, 14)])
def test_depth_of_the_discriminator(n_layers, last):
    widths = [3, 2, *(2 * min(2**i, 8) for i in range(1, n_layers + 1)), 1]
    names = [0, *range(2, last + 1, 3)]
    state = {}
    for i, name in enumerate(names):
        state[f"model.{name}.weight"] = np.zeros((widths[i + 1], widths[i], 4, 4), "float32")
        state[f"model.{name}.bias"] = np.zeros(widths[i + 1], "float32")
    assert guess_config(DISCRIMINATOR, state)["n_layers"] == n_layers
    import_network(DISCRIMINATOR, state)


# --- what is refused


def test_sizes_that_do_not_agree(generator, discriminator):
    message = refusal(GENERATOR, generator[0], n_blocks=9)
    assert "has ngf=8, n_blocks=2, " in message
    assert "asked for n_blocks=9: pass n_blocks=2, or leave it out" in message
    message = refusal(GENERATOR, generator[0], n_blocks=6, ngf=64)
    assert "asked for n_blocks=6, ngf=64: pass n_blocks=2, ngf=8" in message
    message = refusal(DISCRIMINATOR, discriminator[0], n_layers=5)
    assert "has ndf=8, n_layers=3, " in message
    assert "pass n_layers=3" in message
    assert "pass ndf=8" in refusal(DISCRIMINATOR, discriminator[0], ndf=64)


def test_the_file_is_named(tmp_path, generator):
    path = write(tmp_path / "summer.pth", generator[0])
    assert refusal(GENERATOR, path, ngf=3).startswith(f"{path} has ngf=8")
    assert refusal(DISCRIMINATOR, path).startswith(f"{path} looks like a ResNet generator")
    assert "the state dict given looks like" in refusal(DISCRIMINATOR, generator[0])
    assert "nowhere.pth" in refusal(GENERATOR, tmp_path / "nowhere.pth")


def test_anti_aliased_network(generator, discriminator):
    for kind, (state, *_) in ((GENERATOR, generator), (DISCRIMINATOR, discriminator)):
        state = state | {"model.7.filt": np.ones((8, 1, 3, 3), "float32")}
        message = refusal(kind, state)
        assert "an anti-aliased network of contrastive-unpaired-translation" in message
        assert f"(cut/{kind.rpartition('_')[2]}); expected" in message


def with_batch_norm(state, modules, statistics):
    state = dict(state)
    for name in modules:
        for part in ("weight", "bias", *statistics):
            state[f"{name}.{part}"] = np.ones(8, "float32")
    return state


@pytest.mark.parametrize("statistics", [("running_mean", "running_var"), ()])
def test_batch_norm(generator, discriminator, statistics):
    modules = ["model.2", "model.10.conv_block.6"]
    message = refusal(GENERATOR, with_batch_norm(generator[0], modules, statistics))
    assert "weights at its normalisation layers (model.2.weight, " in message
    assert "expected instance normalisation" in message
    message = refusal(DISCRIMINATOR, with_batch_norm(discriminator[0], ["model.3"], statistics))
    assert "normalisation layers (model.3.weight)" in message


def test_other_networks(generator, discriminator):
    unet = {"model.model.0.weight": np.zeros((64, 3, 4, 4), "float32")}
    pixel = {"net.0.weight": np.zeros((64, 3, 1, 1), "float32")}
    other = {"conv1.weight": np.zeros((64, 3, 7, 7), "float32")}
    found = "looks like {}; expected {}".format
    resnet = "a ResNet generator (blocks named model.N.conv_block)"
    patch = "a PatchGAN discriminator (layers named model.0, model.2, model.5, ...)"
    assert found(patch, resnet) in refusal(GENERATOR, discriminator[0])
    assert found(resnet, patch) in refusal(DISCRIMINATOR, generator[0])
    for kind in KINDS:
        assert "looks like a U-Net generator" in refusal(kind, unet)
        assert "looks like a PixelGAN discriminator" in refusal(kind, pixel)
        assert "no network known here (its names are conv1.weight)" in refusal(kind, other)
        assert "no network known here (its names are none)" in refusal(kind, {})


@pytest.mark.parametrize("name", ["model.4.bias", "model.11.conv_block.5.weight", "model.19.bias"])
def test_missing_array(generator, name):
    state = dict(generator[0])
    del state[name]
    message = refusal(GENERATOR, state)
    assert f"does not hold the 20 arrays expected (missing: {name}; unknown: none)" in message


def test_extra_arrays_are_counted(discriminator):
    more = {f"model.5.more{i}": np.zeros(3, "float32") for i in range(6)}
    message = refusal(DISCRIMINATOR, discriminator[0] | more)
    assert "missing: none; unknown: model.5.more0, model.5.more1, " in message
    assert "model.5.more3 and 2 more" in message


def test_block_missing_from_the_middle(generator):
    """Of 3 blocks: the third is there, so that 3 are expected."""
    state = {k.replace("model.11.conv", "model.12.conv"): v for k, v in generator[0].items()}
    message = refusal(GENERATOR, state)
    assert "missing: model.11.conv_block.1.weight" in message


@pytest.mark.parametrize("indices", [(0,), (0, 2), (0, 2, 5, 7)])
def test_discriminator_with_layers_missing(discriminator, indices):
    state = {f"model.{i}.{p}": np.zeros((1, 1, 4, 4), "float32")
             for i in indices for p in ("weight", "bias")}  # fmt: skip
    assert "does not hold the 6 arrays expected" in refusal(DISCRIMINATOR, state)


@pytest.mark.parametrize(
    ("kind", "name", "shape", "expected"),
    [
        (GENERATOR, "model.4.weight", (16, 8, 5, 5), (16, 8, 3, 3)),
        (GENERATOR, "model.12.weight", (16, 32, 3, 3), (32, 16, 3, 3)),
        (GENERATOR, "model.19.weight", (1, 8, 7, 7), (3, 8, 7, 7)),
        (DISCRIMINATOR, "model.5.bias", (31,), (32,)),
    ],
)
def test_wrong_shape(kind, name, shape, expected):
    state = load(kind)[0] | {name: np.zeros(shape, "float32")}
    assert f"has {name} of shape {shape}, expected {expected}" in refusal(kind, state)


def test_first_kernel_of_no_convolution(generator):
    state = generator[0] | {"model.1.weight": np.zeros((8, 147), "float32")}
    assert "has model.1.weight of shape (8, 147), expected a convolution's" in refusal(
        GENERATOR, state
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(generator, value):
    state = {name: array.copy() for name, array in generator[0].items()}
    state["model.15.weight"][0, 0, 1, 1] = value
    assert "has NaN or infinity in model.15.weight" in refusal(GENERATOR, state)


def test_unknown_kind(generator):
    message = refusal("cyclegan/resnet_generater", generator[0])
    assert "kind='cyclegan/resnet_generater': expected one of cyclegan/patch" in message
    assert f"Did you mean {GENERATOR!r}?" in message
    assert "Did you mean" not in refusal("zzz", generator[0])


def test_unknown_hyper_parameter(generator):
    message = refusal(GENERATOR, generator[0], blocks=9)
    assert "has no blocks; expected ngf, n_blocks, dropout, channels" in message
