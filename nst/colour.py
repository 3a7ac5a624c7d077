"""Functions that keep or exchange the colours of pictures; NumPy and scikit-image, no Keras.

Pictures are floats `[H, W, 3]`, RGB in [0, 1], of any float type; results are float32. Everything
is computed in float64 on the sRGB values as they are, without undoing their gamma. All functions
raise `InputError` if they are given something else.

`luminance_transfer` is for the finished picture. The others are for the style picture, before the
transfer: it is their `picture`, and the content is their `reference`.
"""

import numpy as np
from skimage import exposure

from core.errors import InputError

LUMA = np.array([0.299, 0.587, 0.114])  # Y of YIQ and YUV
EPSILON = 1e-5  # added to variances by match_colour
MODES = {  # linear maps A with A P Aᵀ = R, for covariances P and R
    "cholesky": lambda p, r: np.linalg.cholesky(r) @ np.linalg.inv(np.linalg.cholesky(p)),
    "pca": lambda p, r: _power(r, 0.5) @ _power(p, -0.5),
    "symmetric": lambda p, r: _optimal_transport(p, r),
}


def luminance_transfer(stylised: np.ndarray, content: np.ndarray) -> np.ndarray:
    """A picture with the luma of `stylised` and the chroma of `content`.

    Source: Gatys et al. 2016, Preserving Color in Neural Artistic Style Transfer
    (https://arxiv.org/abs/1606.05897), luminance-only transfer. They also match the style's luma to
    the content's beforehand, which is not done here.

    Args:
        stylised, content: RGB in [0, 1], both `[H, W, 3]`.

    Returns:
        RGB, `[H, W, 3]` float32, clipped to [0, 1]. Luma and chroma are exact where nothing was
        clipped.

    Raises:
        ValueError: the pictures differ in size.
    """
    stylised, content = _floats(stylised), _floats(content)
    if stylised.shape != content.shape:
        raise ValueError(
            f"stylised is {stylised.shape}, content {content.shape}: resize one to the other"
        )
    # chroma is R - Y and B - Y, so adding one number to R, G and B changes the luma Y alone
    return _picture(content + ((stylised - content) @ LUMA)[..., None])


def match_colour(picture: np.ndarray, reference: np.ndarray, mode: str = "cholesky") -> np.ndarray:
    """The picture with its colours mapped so that their mean and covariance are the reference's.

    The map is linear, and not unique: `mode` chooses it.

    Source: Gatys et al. 2016 (https://arxiv.org/abs/1606.05897), colour histogram matching:
    "cholesky", and "pca", which they call Image Analogies. "symmetric" is the map that moves
    colours least (Pitié & Kokaram 2007) and the default of leongatys/NeuralImageSynthesis @
    cced0b97, whose epsilon is used here.

    Args:
        picture: RGB in [0, 1], `[H, W, 3]`.
        reference: RGB in [0, 1], of any size.
        mode: a key of `MODES`.

    Returns:
        RGB, as large as `picture`, float32, clipped to [0, 1]. If `picture` is of one colour, so is
        the result: the mean of the reference.

    Raises:
        ValueError: an unknown mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode={mode!r}: expected one of {', '.join(MODES)}")
    picture, reference = _floats(picture), _floats(reference)
    (mean, own), (target_mean, target) = _gaussian(picture), _gaussian(reference)
    return _picture((picture - mean) @ MODES[mode](own, target).T + target_mean)


def coral(picture: np.ndarray, reference: np.ndarray, *, clip: bool = True) -> np.ndarray:
    """The picture with its colours aligned to the reference's by CORAL, as the AdaIN codes do it.

    The result has the reference's mean and standard deviation and nearly its correlations, but only
    if both pictures have the same size. The codes add the identity to the sums FFᵀ over the pixels
    without dividing these by their number, so it weighs less in larger pictures, and pictures of
    different sizes are scaled differently.

    Source: xunhuang1995/AdaIN-style @ 6d8ac28, utils.lua:58-78, and naoto0804/pytorch-AdaIN
    @ 47950d0, function.py:41-67, after Sun et al. 2016 (https://arxiv.org/abs/1511.05547).

    Args:
        picture: RGB in [0, 1], `[H, W, 3]`.
        reference: RGB in [0, 1], of any size.
        clip: whether the result is clipped to [0, 1], which the codes do not do.

    Returns:
        RGB, as large as `picture`, float32. If `picture` is of one colour, so is the result: the
        mean of the reference.
    """
    picture, reference = _floats(picture), _floats(reference)
    (scores, _, _), (target, mean, std) = _standardise(picture), _standardise(reference)
    own, wanted = (np.einsum("hwi,hwj->ij", x, x) + np.eye(3) for x in (scores, target))
    aligned = scores @ (_power(wanted, 0.5) @ _power(own, -0.5)).T * std + mean
    return _picture(aligned) if clip else aligned.astype(np.float32)


def match_histogram(picture: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The picture with the reference's histogram in each channel, by scikit-image.

    Args:
        picture: RGB in [0, 1], `[H, W, 3]`.
        reference: RGB in [0, 1], of any size.

    Returns:
        RGB, as large as `picture`, float32 in [0, 1]. A channel that has one value only gets the
        reference's highest value.
    """
    picture, reference = _floats(picture), _floats(reference)
    return _picture(exposure.match_histograms(picture, reference, channel_axis=-1))


def _floats(picture):
    picture = np.asarray(picture)
    kind, shape = picture.dtype, picture.shape
    if kind.kind != "f" or picture.ndim != 3 or shape[2] != 3 or not picture.size:
        raise InputError(f"Got {kind} {shape}, expected floats [H, W, 3]: convert the picture.")
    if not ((picture >= -1e-3) & (picture <= 1 + 1e-3)).all():  # rounding may pass, NaN may not
        span = f"{picture.min():g} to {picture.max():g}"
        raise InputError(f"Got values {span}, expected [0, 1]: scale or clip the picture.")
    return picture.astype(np.float64)


def _picture(values):
    return np.clip(values, 0, 1).astype(np.float32)


def _gaussian(picture):
    """Mean [3] and covariance [3, 3] of the colours; the covariance is never singular."""
    mean = picture.mean((0, 1))
    flat = (picture - mean).reshape(-1, 3)
    return mean, flat.T @ flat / len(flat) + EPSILON * np.eye(3)


def _standardise(picture):
    """`(scores, mean, std)` of the channels: scores have mean 0 and unbiased variance 1, but are 0
    in a channel of one value."""
    mean = picture.mean((0, 1))
    squares = np.square(picture - mean).sum((0, 1))
    std = np.sqrt(squares / max(picture[..., 0].size - 1, 1))
    return (picture - mean) / np.maximum(std, 1e-8), mean, std


def _power(matrix, exponent):
    """A power of a symmetric, positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def _optimal_transport(own, target):
    """The symmetric A with A own Aᵀ = target: the optimal transport between two Gaussians."""
    root, inverse = _power(own, 0.5), _power(own, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse
