"""Directions of w without labels, on weights and samples whose directions are known."""

import numpy as np
import pytest

from core.tensors import to_numpy
from gan import directions, progressive
from gan.stylegan2 import networks


def rotation(size):
    return np.linalg.qr(np.random.RandomState(0).randn(size, size))[0]


def test_sefa_finds_the_directions_that_change_styles_most():
    basis = rotation(5)
    first = basis @ np.diag([1.0, 9, 0, 0, 2])  # [w_dim, features]: gains along the columns
    second = basis @ np.diag([0.0, 0, 4, 0, 0])
    found = directions.factorised([first, second])
    expected = directions.signed(basis.T[[1, 2, 4, 0, 3]])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    alone = directions.factorised([second])
    np.testing.assert_allclose(alone[0], expected[1], atol=1e-5)


def test_ganspace_finds_the_directions_in_which_w_varies_most():
    basis, scales = rotation(4), np.array([0.5, 3.0, 0.1, 1.0])
    w = 10 + (np.random.RandomState(1).randn(20_000, 4) * scales) @ basis.T
    found = directions.principal_components(w)
    expected = directions.signed(basis.T[[1, 3, 0, 2]])
    np.testing.assert_allclose(found, expected, atol=0.02)
    np.testing.assert_allclose(directions.deviations(w, found), [3, 1, 0.5, 0.1], rtol=0.02)


def test_signs_and_lengths():
    found = directions.signed(np.array([[3.0, -4.0], [0.0, 2.0]]))
    np.testing.assert_allclose(found, [[-0.6, 0.8], [0, 1]], rtol=1e-6)


def test_only_some_layers_are_moved():
    ws = np.zeros((2, 3, 2), np.float32)
    found = directions.moved(ws, np.float32([1, -1]), [0, 2])
    np.testing.assert_array_equal(found[:, [0, 2]], np.tile([1, -1], (2, 2, 1)))
    assert not found[:, 1].any() and not ws.any()


@pytest.mark.backends
def test_the_weights_of_styles():
    """Styles change by these weights times the change of w."""
    synthesis = networks.Synthesis(8, 4, channel_base=32, channel_max=4)
    weights = directions.style_weights(synthesis)
    assert len(weights) == synthesis.num_ws
    affine, w = synthesis.convs[1].conv.affine, np.random.RandomState(0).randn(2, 4)
    change = to_numpy(affine(w[:1].astype("float32")) - affine(w[1:].astype("float32")))
    np.testing.assert_allclose(change[0], (w[0] - w[1]) @ weights[1], rtol=1e-4, atol=1e-5)
    assert weights[-1].shape == (4, synthesis.to_rgb["1"].conv.affine.units)
    older = progressive.Synthesis(8, 4, fmap_base=16, fmap_max=4, use_styles=True)
    assert len(directions.style_weights(older)) == older.num_layers
