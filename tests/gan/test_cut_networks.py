"""CUT's networks."""

import numpy as np
import pytest
from keras import ops

from gan.antialias import BlurDown, BlurUp
from gan.cut.config import CUTConfig
from gan.cut.networks import generator, layer_width, patch_mlps, tapped_generator
from gan.cyclegan.networks import patch_discriminator, resnet_generator

RNG = np.random.default_rng(0)


def numpy(x):
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def test_number_of_parameters():
    assert generator().count_params() == 11_378_179
    assert patch_discriminator(antialias=True).count_params() == 2_764_737
    assert patch_mlps((3, 128, 256, 256, 256)).count_params() == 560_384


def test_layers_are_those_of_the_authors_list():
    """At 256 pixels: the padded picture, both convolutions before their norms, blocks 1 and 5."""
    config = CUTConfig()
    encoder = tapped_generator(config.nce_layers, ngf=8).encoder
    shapes = encoder.compute_output_shape((1, 256, 256, 3))
    assert [tuple(s) for s in shapes] == [
        (1, 262, 262, 3), (1, 256, 256, 16), (1, 128, 128, 32), (1, 64, 64, 32), (1, 64, 64, 32)
    ]  # fmt: skip
    assert [layer_width(i, 8) for i in config.nce_layers] == [3, 16, 32, 32, 32]
    smaller = tapped_generator(range(11), ngf=2, n_downsampling=1, n_blocks=3).encoder
    widths = [layer_width(i, 2, n_downsampling=1) for i in range(11)]
    assert [x.shape[-1] for x in smaller.outputs] == widths


def test_without_antialiasing_it_is_cyclegans_generator():
    sizes = {"ngf": 2, "n_blocks": 2, "n_downsampling": 2}
    own, other = (
        tapped_generator((4, 7, 10, 11), antialias=False, **sizes),
        resnet_generator(**sizes),
    )
    other.set_weights([RNG.normal(size=w.shape) for w in other.get_weights()])
    own.network.set_weights(other.get_weights())
    x = np.float32(RNG.uniform(-1, 1, (1, 16, 20, 3)))
    np.testing.assert_allclose(numpy(own.network(x)), numpy(other(x)), atol=1e-5)
    # the convolutions of both halvings, then both blocks
    shapes = own.encoder.compute_output_shape((1, 16, 20, 3))
    assert [tuple(s) for s in shapes] == [(1, 8, 10, 4)] + 3 * [(1, 4, 5, 8)]


def test_mlps_know_their_widths_before_a_batch():
    layers = tapped_generator((0, 4, 8), ngf=2, n_blocks=1, n_downsampling=1).encoder.outputs
    network = patch_mlps([x.shape[-1] for x in layers], 5)
    assert [tuple(x.shape) for x in network.inputs] == [
        (None, None, 3), (None, None, 4), (None, None, 4)
    ]  # fmt: skip
    assert network.built and network.count_params() == 5 * (3 + 4 + 4) + 3 * (5 + 25 + 5)


@pytest.mark.parametrize(("size", "logits"), [(256, 30), (32, 2)])
def test_patches_of_the_discriminator(size, logits):
    network = patch_discriminator(ndf=2, antialias=True)
    assert network.compute_output_shape((1, size, size, 3)) == (1, logits, logits, 1)
    assert network(np.zeros((1, size, size, 3), "float32")).shape[1] == logits


@pytest.mark.parametrize(("n_downsampling", "shape"), [(2, (12, 16)), (1, (6, 10)), (0, (9, 7))])
def test_generator_keeps_the_size(n_downsampling, shape):
    network = generator(ngf=2, n_blocks=1, n_downsampling=n_downsampling)
    y = numpy(network(np.float32(RNG.uniform(-1, 1, (2, *shape, 3)))))
    assert y.shape == (2, *shape, 3) and np.abs(y).max() <= 1


def test_features_of_patches_have_length_1():
    network = patch_mlps((4, 3), 32)
    for found in network([np.float32(RNG.normal(size=(2, 5, c))) for c in (4, 3)]):
        np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-3)


def test_blurs_by_hand():
    """The filters of the official code, written out: mirrored down, the border repeated up."""
    x = np.float32(RNG.normal(size=(1, 5, 6, 2)))
    wide = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    down = np.zeros((1, 3, 3, 2))
    for i in range(3):
        for j in range(3):
            patch = wide[0, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            down[0, i, j] = np.einsum("yxc,y,x->c", patch, [0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
    np.testing.assert_allclose(BlurDown()(x), down, rtol=0, atol=1e-6)
    wide = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    spread, taps = np.zeros((1, 14, 16, 2)), [0.25, 0.75, 0.75, 0.25]
    spread[:, ::2, ::2] = wide
    up = np.zeros((1, 10, 12, 2))
    for i in range(10):
        for j in range(12):
            up[0, i, j] = np.einsum("yxc,y,x->c", spread[0, i : i + 4, j : j + 4], taps, taps)
    np.testing.assert_allclose(BlurUp()(x), up, rtol=0, atol=1e-6)


def test_initial_weights_are_xaviers():
    kernel = next(layer for layer in generator(ngf=32).layers if layer.weights).kernel
    found = numpy(kernel).std()
    assert found == pytest.approx(0.02 * np.sqrt(2 / (49 * 3 + 49 * 32)), rel=0.05)


@pytest.mark.parametrize("names", [("network", "network"), ("encoder", "both")])
def test_views_share_their_weights(names):
    """The features and the pictures are those of one network."""
    views = tapped_generator((4, 8), ngf=2, n_blocks=1, n_downsampling=1)
    picture = np.float32(RNG.uniform(-1, 1, (2, 8, 8, 3)))
    *features, made = views.both(picture)
    np.testing.assert_allclose(numpy(views.network(picture)), numpy(made), rtol=0, atol=1e-6)
    for one, two in zip(views.encoder(picture), features, strict=True):
        np.testing.assert_allclose(numpy(one), numpy(two), rtol=0, atol=1e-6)
    assert {id(w) for w in getattr(views, names[0]).weights} <= {
        id(w) for w in getattr(views, names[1]).weights
    }
