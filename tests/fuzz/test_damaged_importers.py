"""Arrays of other sizes than a network has: refused before a network is built of them."""

from pathlib import Path

import numpy as np
import pytest

import gan.importers
import nst.importers
from core.errors import InputError
from core.importing import _read
from core.named_state import NamedState

GOLDEN = Path(__file__).parents[1] / "golden"
# kind -> file of a small network
FILES = {
    "cut/discriminator": "cut_step.npz",
    "cut/generator": "cut_step.npz",
    "cut/patch_mlp": "cut_step.npz",
    "cyclegan/patch_discriminator": "cyclegan_patch_discriminator.npz",
    "cyclegan/resnet_generator": "latest_net_G_A.pth",
    "pix2pix/patch_discriminator": "pix2pix_net_D.pth",
    "pix2pix/unet_generator": "pix2pix_net_G.pth",
    "progan/discriminator": "progan_discriminator.npz",
    "progan/generator": "progan_generator.npz",
    "stylegan/discriminator": "stylegan1_discriminator.npz",
    "stylegan/generator": "stylegan1_generator.npz",
    "stylegan2/discriminator": "nvidia_pickle_stylegan2.pkl",
    "stylegan2/generator": "nvidia_pickle_stylegan2.pkl",
    "stylegan3/generator": "nvidia_pickle_stylegan3_t.pkl",
    "r3gan/discriminator": "r3gan_conditional.npz",
    "r3gan/generator": "r3gan_conditional.npz",
    "adain/decoder": "adain_decoder.pth",
    "adain/encoder": "vgg_normalised.pth",
    "johnson/transformer": "johnson_original.pth",
}
# beginnings of the names of a network in a file of several
STARTS = {"cut/discriminator": "state/D.", "cut/generator": "state/G.",
          "cut/patch_mlp": "state/F.", "r3gan/generator": "state/G.",
          "r3gan/discriminator": "state/D."}  # fmt: skip
# what one array tells, and all of that size is in the file
FREE = {"channels", "in_channels", "out_channels", "num_channels", "c_dim", "z_dim", "latent_size",
        "widths", "noise_dim"}  # fmt: skip
HUGE = 10**6  # times larger, of no memory: the same number at every place


def family(kind):
    return nst.importers if kind in nst.importers.KINDS else gan.importers


def state_of(kind):
    path = GOLDEN / FILES[kind]
    if path.suffix == ".npz":
        with np.load(path) as file:
            start = STARTS.get(kind, "state/")
            names = [name for name in file if name.startswith(start)]
            return NamedState({name.removeprefix(start): file[name] for name in names})
    state = _read(path, kind, {})
    if kind == "adain/encoder":  # without the layers beyond its own
        return NamedState({k: v for k, v in state.items() if int(k.partition(".")[0]) <= 29})
    return state


def reshaped(array, random):
    """The array in another shape, at hardly any memory."""
    shape = list(array.shape)
    change = random.integers(5)
    if change == 0:
        return np.float32(1).reshape(())
    if change == 1 and shape:
        return np.zeros(shape[1:], "f4")
    if change == 2:
        return np.zeros([*shape, 1], "f4")
    axis = int(random.integers(len(shape) + 1))
    if change == 3 or axis == len(shape):
        return np.zeros([*shape[:axis], 0, *shape[axis + 1 :]], "f4")
    shape[axis] *= HUGE
    return np.broadcast_to(np.float32(0.5), shape)


@pytest.mark.parametrize("kind", FILES)
def test_no_file_asks_for_more_than_it_has(kind, count=60, seed=0):
    whole, importers = state_of(kind), family(kind)
    config = importers.guess_config(kind, NamedState(whole, whole.settings))
    random = np.random.default_rng(seed)
    kernels = [name for name, array in whole.items() if array.ndim > 1]
    refused = 0
    for _ in range(count):
        state = NamedState(whole, whole.settings)
        name = kernels[random.integers(len(kernels))]
        state[name] = reshaped(state[name], random)
        try:
            found = importers.guess_config(kind, state)
        except InputError as error:
            assert len(str(error)) < 1000 and "\n" not in str(error)
            refused += 1
            continue
        changed = {key for key in found if found[key] != config[key]}
        assert changed <= FREE, (name, state[name].shape)
    assert refused > count / 2


@pytest.mark.thorough
@pytest.mark.parametrize("kind", FILES)
def test_no_file_asks_for_more_than_it_has_many_times(kind):
    test_no_file_asks_for_more_than_it_has(kind, 1500, 1)


@pytest.mark.parametrize("kind", FILES)
def test_wrong_files_end_in_one_sentence(kind, count=4, seed=0):
    """Names that are missing, twice or strange, and arrays of any rank, type and value."""
    whole, importers, random = state_of(kind), family(kind), np.random.default_rng(seed)
    kernels = [name for name, array in whole.items() if array.ndim > 1]
    for _ in range(count):
        state = NamedState(whole, whole.settings)
        name = kernels[random.integers(len(kernels))]
        spoil(state, name, int(random.integers(7)), random)
        with pytest.raises(InputError) as caught:
            importers.import_network(kind, state)
        assert len(str(caught.value)) < 1000 and "\n" not in str(caught.value)


def spoil(state, name, how, random):
    array = state[name]
    if how == 0:
        del state[name]
        state["other\n" * 10**5] = array
    elif how == 1:
        state[name.replace(".", "." + "9" * 5000, 1) + "x"] = state.pop(name)
    elif how == 2:
        state[name] = np.full((1, *array.shape), 1.0)
    elif how == 3:
        state[name] = np.full(array.shape, "text")
    else:
        state[name] = np.full(array.shape, (np.nan, np.inf, 1e300)[how - 4])


@pytest.mark.thorough
@pytest.mark.parametrize("kind", FILES)
def test_wrong_files_end_in_one_sentence_many_times(kind):
    test_wrong_files_end_in_one_sentence(kind, 40, 1)


@pytest.mark.parametrize("kind", ["cyclegan/resnet_generator", "johnson/transformer"])
def test_numbers_beyond_float32_are_refused(kind):
    state = state_of(kind)
    name = next(name for name, array in state.items() if array.ndim == 4)
    state[name] = state[name].astype("f8") * 1e300
    with pytest.raises(InputError, match="NaN or infinity in .*, or numbers beyond float32"):
        family(kind).import_network(kind, state)


def test_levels_of_a_growing_network_are_bounded():
    state = {f"FromRGB_lod{i}/weight": np.ones((1, 1, 3, 1), "f4") for i in range(60)}
    with pytest.raises(InputError, match="has 60 levels, expected at most 12"):
        gan.importers.guess_config("progan/discriminator", state)
