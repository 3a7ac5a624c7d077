"""StyleGAN2 in the files of NVIDIA's code for PyTorch and TensorFlow, and written for others."""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core.errors import InputError
from core.files import write_json_whole
from core.named_state import NamedState
from core.nvidia_file import read
from core.torch_file import read_state_dict
from core.torch_writer import write_state_dict
from gan import nvidia_importers
from gan.importers import guess_config, import_network
from gan.nvidia_exporters import settings
from gan.nvidia_importers import state_dict

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
PICKLE = GOLDEN / "nvidia_pickle_stylegan2.pkl"
KINDS = {"G_ema": "stylegan2/generator", "D": "stylegan2/discriminator"}


@pytest.fixture(scope="module")
def oracle():
    with np.load(GOLDEN / "nvidia_pickle_stylegan2.npz") as file:
        return dict(file)


def pictures(array):
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def assert_near(found, expected):
    """Within 1e-5 of the largest entry."""
    atol = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=0, atol=atol)


def refusal(kind, state, **config):
    with pytest.raises(InputError) as caught:
        import_network(kind, state, **config)
    return str(caught.value)


# --- PyTorch


def test_the_generator_of_a_pickle(oracle):
    network = import_network("stylegan2/generator", PICKLE)
    assert_near(network.mapping(oracle["z"]), oracle["ws"])
    assert_near(network(oracle["z"]), pictures(oracle["image"]))
    found = network(oracle["z"], truncation_psi=0.7)
    assert_near(found, pictures(oracle["image_truncation_0_7"]))


def test_the_generator_that_is_not_averaged(oracle):
    network = import_network("stylegan2/generator", NamedState(*read(PICKLE, "G")))
    assert_near(network(oracle["z"]), pictures(oracle["image_G"]))


def test_the_discriminator_of_a_pickle(oracle):
    network = import_network("stylegan2/discriminator", PICKLE)
    assert_near(network(pictures(oracle["input"])), oracle["logits"])


def test_settings_come_from_the_file():
    expected = {"channel_base": 128, "channel_max": 12, "num_fp16_res": 4, "conv_clamp": 256}
    generator = import_network("stylegan2/generator", PICKLE)
    assert expected.items() <= generator.synthesis.config.items()
    discriminator = import_network("stylegan2/discriminator", PICKLE)
    assert (expected | {"mbstd_group_size": 4}).items() <= discriminator.config.items()
    arrays, given = read(PICKLE, "D")
    given["epilogue_kwargs"]["mbstd_group_size"] = 2
    changed = import_network("stylegan2/discriminator", NamedState(arrays, given), conv_clamp=8.0)
    assert (changed.config["mbstd_group_size"], changed.config["conv_clamp"]) == (2, 8.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"synthesis_kwargs": {"channel_base": 1 << 40, "channel_max": 10**6}}, "channel_max=1000"),
        ({"synthesis_kwargs": {"conv_clamp": "all"}}, "conv_clamp=all, expected a number"),
        ({"synthesis_kwargs": {"num_fp16_res": [4]}}, "expected a number"),
        ({"mapping_kwargs": {"activation": "relu"}}, "another activation"),
        ({"mapping_kwargs": {"lr_multiplier": float("nan")}}, "expected a number"),
    ],
)
def test_settings_that_do_not_fit(change, message):
    arrays, given = read(PICKLE)
    assert message in refusal("stylegan2/generator", NamedState(arrays, given | change))


# --- TensorFlow: the inverse of the translation, applied to the networks of the pickle

LAYERS = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB", "skip": "Skip"}
JUDGES = {"fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip"}
PARTS = {"affine.weight": "mod_weight", "affine.bias": "mod_bias"}


def without_filters(state):
    return {k: v for k, v in state.items() if not k.endswith("resample_filter")}


def to_tensorflow(name, array):
    """The variable of a generator, without the names of components."""
    parts = name.split(".")
    if name == "mapping.w_avg":
        return "dlatent_avg", array
    if parts[0] == "mapping":
        return f"mapping/{parts[1].replace('fc', 'Dense')}/{parts[2]}", array.T
    if name == "synthesis.b4.const":
        return "synthesis/4x4/Const/const", array[None]
    size, layer, part = int(parts[1][1:]), parts[2], ".".join(parts[3:])
    if part == "noise_const":
        index = 0 if size == 4 else 2 * size.bit_length() - 7 + (layer == "conv1")
        return f"synthesis/noise{index}", array[None, None]
    scope = f"synthesis/{size}x{size}/" + ("Conv" if name.startswith("synthesis.b4.conv1")
                                           else LAYERS[layer])  # fmt: skip
    if array.ndim == 4:
        array = array.transpose(2, 3, 1, 0)
        array = array[::-1, ::-1] if layer in ("conv0", "skip") else array
    elif part == "affine.bias":
        array = array - np.float32(1)
    return f"{scope}/{PARTS.get(part, part)}", array.T if array.ndim == 2 else array


def judge_to_tensorflow(name, array):
    """The variable of a discriminator."""
    names = {"b4.conv": "4x4/Conv", "b4.fc": "4x4/Dense0", "b4.out": "Output"}
    scope, _, part = name.rpartition(".")
    block, _, layer = scope.partition(".")
    array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
    return f"{names.get(scope) or f'{block[1:]}x{block[1:]}/{JUDGES[layer]}'}/{part}", array


def tensorflow(which, **changes):
    """A network of the pickle as TensorFlow's files hold it. There is no real file of these here:
    this is the inverse of the official translation, so a mistake in our reading of names and
    layouts that both share would not be seen."""
    translate = judge_to_tensorflow if which == "D" else to_tensorflow
    arrays = without_filters(read(PICKLE, which)[0])
    given = {"version": 4, "fmap_base": 64, "fmap_max": 12, "conv_clamp": 256, "resolution": 16}
    return NamedState(dict(translate(k, v) for k, v in arrays.items()), given | changes)


@pytest.mark.parametrize("prefix", ["", "G_", "Gs_"])
def test_a_generator_of_tensorflow(oracle, prefix):
    state = tensorflow("G_ema", mapping_lrmul=0.01)
    named = {prefix + k if "/" in k else k: v for k, v in state.items()}
    network = import_network("stylegan2/generator", NamedState(named, state.settings))
    assert_near(network(oracle["z"]), pictures(oracle["image"]))
    config = network.synthesis.config
    assert (config["channel_base"], config["channel_max"], config["conv_clamp"]) == (128, 12, 256)


def test_noise_has_the_official_numbers():
    """Two a size: noise{2 log2(R) - 5} before noise{2 log2(R) - 4}, from 8 pixels on."""
    shapes = [tensorflow("G_ema")[f"synthesis/noise{i}"].shape[2] for i in range(5)]
    assert shapes == [4, 8, 8, 16, 16]


def test_a_discriminator_of_tensorflow(oracle):
    state = tensorflow("D", mbstd_group_size=4)
    assert {"16x16/FromRGB/weight", "8x8/Conv1_down/bias", "4x4/Dense0/weight"} <= set(state)
    network = import_network("stylegan2/discriminator", state)
    assert_near(network(pictures(oracle["input"])), oracle["logits"])


def test_the_mapping_of_classes_of_a_discriminator():
    """Its learning rate multiplier is 0.1 in TensorFlow's code, 0.01 in PyTorch's."""
    with np.load(GOLDEN / "stylegan2_conditional.npz") as file:
        arrays = {k[8:]: file[k] for k in file.files if k.startswith("state/D.")}
        c, expected = file["c"], file["cmap"]
    state = {"Output/weight": arrays["b4.out.weight"].T, "Output/bias": arrays["b4.out.bias"]}
    for name, array in without_filters(arrays).items():
        scope, _, part = name.rpartition(".")
        if scope.startswith("mapping"):
            layer = scope.removeprefix("mapping.").replace("fc", "Mapping")
            scale = np.float32(0.1 if "fc" in scope else 1)
            state[f"{layer.replace('embed', 'LabelEmbed')}/{part}"] = array.T * scale
        else:
            state |= [judge_to_tensorflow(name, array)]
    network = import_network("stylegan2/discriminator", NamedState(state, {"version": 4}))
    assert_near(network.mapping.w(None, c), expected)


def test_turned_kernels():
    """Kernels that double the size are the other way round than in PyTorch's files."""
    state = tensorflow("G_ema")
    network = import_network("stylegan2/generator", state)
    kernel = ops.convert_to_numpy(network.synthesis.convs[1].conv.kernel)
    np.testing.assert_array_equal(kernel, state["synthesis/8x8/Conv0_up/weight"])


def test_a_single_layer_to_rgb_is_the_architecture_orig():
    state = tensorflow("D")
    orig = {k.replace("16x16/FromRGB", "FromRGB_lod0"): v for k, v in state.items()
            if "Skip" not in k}  # fmt: skip
    found = guess_config("stylegan2/discriminator", NamedState(orig, state.settings))
    assert found["architecture"] == "orig"
    del orig["8x8/Conv0/weight"]
    assert "has no b8.conv0.weight" in refusal("stylegan2/discriminator", NamedState(orig))


@pytest.mark.parametrize(
    ("settings", "extra", "message"),
    [
        ({"version": 3}, {}, "version 3, expected a StyleGAN2"),
        ({}, {"synthesis/4x4/Const/StyleMod/bias": 2}, "StyleMod/bias, expected a StyleGAN2"),
        ({}, {"synthesis/ToRGB_lod1/weight": 4}, r"growing networks have (configurations A to D"),
        ({"resample_kernel": [1, 2, 1]}, {}, "resample_kernel"),
        ({"nonlinearity": "relu"}, {}, "another activation"),
        ({}, {"LabelConcat/weight": 2}, "unknown: LabelConcat/weight"),
        ({}, {"synthesis/noise9": 3}, "expected [1, C, H, W]"),
        ({"fmap_base": 4096, "fmap_max": 512}, {}, "channel_base=8192"),
    ],
)
def test_what_is_refused_of_tensorflow(settings, extra, message):
    state = tensorflow("G_ema", **settings)
    state |= {name: np.ones((2,) * axes, "float32") for name, axes in extra.items()}
    assert message in refusal("stylegan2/generator", state)


# --- files that ask for more than they hold


def views(state, **shapes):
    """Arrays that have a shape and hold one number, as a small file may have."""
    large = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    return without_filters(state) | large


@pytest.mark.parametrize(
    ("which", "shapes"),
    [
        ("G_ema", {"mapping.w_avg": (100_000,)}),
        ("G_ema", {"synthesis.b4.const": (12, 7, 1 << 20)}),
        ("G_ema", {"synthesis.b8.conv1.weight": (100_000, 100_000, 3, 3)}),
        ("G_ema", {f"synthesis.b{4 << i}.conv1.weight": (100_000, 1, 3, 3) for i in range(3)}),
        ("G_ema", {f"synthesis.b{4 << i}.conv1.weight": (512, 512, 3, 3) for i in range(12)}),
        ("G_ema", {f"synthesis.b{4 << i}.conv1.weight": (512, 512, 3, 3) for i in range(15)}),
        ("D", {"b4.conv.weight": (100_000, 100_001, 3, 3)}),
        ("D", {"b4.fc.weight": (12, 12 * 1_000_000)}),
        ("D", {"mapping.embed.weight": (12, 1 << 30)}),
        ("D", {f"b{8 << i}.conv0.weight": (1000, 1000, 3, 3) for i in range(11)}),
    ],
)
def test_small_files_cannot_ask_for_memory(monkeypatch, which, shapes):
    """They are refused before a network is built."""
    for name in ("Generator", "Discriminator"):
        monkeypatch.setattr(nvidia_importers, name, None)
    message = refusal(KINDS[which], views(read(PICKLE, which)[0], **shapes))
    assert "expected" in message or "is the file complete" in message
    assert len(message) < 400


# --- written for PyTorch


@pytest.mark.parametrize("which", ["G_ema", "D"])
def test_there_and_back(tmp_path, which):
    network = import_network(KINDS[which], PICKLE)
    state = state_dict(network)
    write_state_dict(tmp_path / "a.pth", state)
    write_json_whole(tmp_path / "a.json", settings(network))
    found = read_state_dict(tmp_path / "a.pth")
    official, given = read(PICKLE, which)
    assert set(found) == set(official)
    for name, value in official.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    told = json.loads((tmp_path / "a.json").read_text())
    again = import_network(KINDS[which], tmp_path / "a.pth")
    assert again.get_config() == network.get_config()
    for ours, theirs in zip(again.weights, network.weights, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (ours, theirs)))
    for name in set(given) - {"mapping_kwargs"}:
        assert told[name] == given[name], name
    (tmp_path / "a.json").write_text("{")
    assert "expected the settings of a.pth" in refusal(KINDS[which], tmp_path / "a.pth")


def test_settings_that_are_not_the_official_defaults_are_written():
    arrays, _ = read(PICKLE, "D")
    arrays = {k: v for k, v in arrays.items() if ".skip." not in k}
    arrays["b4.conv.weight"] = arrays["b4.conv.weight"][:, :-1]
    told = settings(import_network("stylegan2/discriminator", arrays))
    assert told["architecture"] == "orig" and told["epilogue_kwargs"] == {"mbstd_num_channels": 0}
