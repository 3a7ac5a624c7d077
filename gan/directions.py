"""Directions in W along which pictures change, found without labels.

Sources: "SeFa", Shen & Zhou 2021 (https://arxiv.org/abs/2007.06600), section 3; "GANSpace",
Härkönen et al. 2020 (https://arxiv.org/abs/2004.02546), section 3.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.tensors import to_numpy


def style_weights(synthesis: Any) -> list[np.ndarray]:
    """The weights from w to the styles of each layer, `[w_dim, features]` each, without biases.

    Args:
        synthesis: of StyleGAN, StyleGAN2 or StyleGAN3. The last layer of StyleGAN2 is that to RGB;
            those of other blocks share the w of a convolution, and are left out. The first layer of
            StyleGAN3 has no styles but a transform, and is treated alike.
    """
    if hasattr(synthesis, "features"):
        layers = [layer.affine for layer in (synthesis.features, *synthesis.blocks)]
    elif hasattr(synthesis, "epilogues"):
        layers = [epilogue.style for epilogue in synthesis.epilogues]
    else:
        last = synthesis.to_rgb[str(len(synthesis.sizes) - 1)]
        layers = [layer.conv.affine for layer in (*synthesis.convs, last)]
    return [to_numpy(layer.kernel.value) * layer.scale for layer in layers]


def factorised(weights: Sequence[np.ndarray]) -> np.ndarray:
    """All directions `[w_dim, w_dim]` by SeFa, a row each: those that change styles most first.

    They are the eigenvectors of `A^T A`, where A, `[features, w_dim]`, has the weights of all given
    layers. (The authors' code scales every row of A to length 1; the paper does not.)

    Args:
        weights: some of `style_weights`.
    """
    a = np.concatenate(weights, axis=1).astype(np.float64)
    return _sorted(a @ a.T)


def principal_components(w: np.ndarray) -> np.ndarray:
    """All directions `[w_dim, w_dim]` by GANSpace, a row each: those along which w varies most
    first.

    Args:
        w: samples, `[N, w_dim]`.
    """
    centred = w.astype(np.float64) - w.mean(axis=0, dtype=np.float64)
    return _sorted(centred.T @ centred)


def _sorted(symmetric):
    """The eigenvectors of a symmetric matrix as rows, those of the largest eigenvalues first."""
    _, vectors = np.linalg.eigh(symmetric)
    return signed(vectors.T[::-1])


def signed(directions: np.ndarray) -> np.ndarray:
    """Rows of length 1 whose largest number is positive, float32; the sign of an eigenvector is
    arbitrary."""
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(np.take_along_axis(directions, largest[:, None], axis=1))
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    return (directions * signs / lengths).astype(np.float32)


def deviations(w: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The standard deviations `[K]` of `w [N, w_dim]` along `directions [K, w_dim]`."""
    return (w.astype(np.float64) @ directions.T).std(axis=0).astype(np.float32)


def moved(ws: np.ndarray, step: np.ndarray, layers: Sequence[int]) -> np.ndarray:
    """Styles `[N, num_ws, w_dim]` with `step [w_dim]` added in some layers."""
    ws = ws.copy()
    ws[:, list(layers)] += step
    return ws
