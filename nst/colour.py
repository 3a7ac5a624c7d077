"""Keep or exchange the colours of pictures; NumPy and scikit-image, no Keras.

Pictures are floats `[H, W, 3]`, RGB in [0, 1], of any float type; the results are float32. All is
computed in float64, on the values as they are, without undoing the gamma of sRGB. Every function
raises `InputError` for what is not such a picture.

`luminance_transfer` works on the finished picture; give the others the style as `picture` and the
content as `reference`, before the transfer.
"""

import numpy as np
from skimage import exposure

from core.errors import InputError

LUMA = np.array([0.299, 0.587, 0.114])  # Y of YIQ and YUV
EPSILON = 1e-5  # of match_colour
MODES = {  # linear maps A with A P Aᵀ = R, for covariances P and R
    "cholesky": lambda p, r: np.linalg.cholesky(r) @ np.linalg.inv(np.linalg.cholesky(p)),
    "pca": lambda p, r: _power(r, 0.5) @ _power(p, -0.5),
    "symmetric": lambda p, r: _optimal_transport(p, r),
}


def luminance_transfer(stylised: np.ndarray, content: np.ndarray) -> np.ndarray:
    """The luma of `stylised` with the chroma of `content`.

    Source: Gatys et al. 2016, Preserving Color in Neural Artistic Style Transfer
    (https://arxiv.org/abs/1606.05897), luminance-only transfer, without its matching of the
    style's luma to the content's.

    Args:
        stylised, content: RGB in [0, 1], both `[H, W, 3]`.

    Returns:
        RGB, `[H, W, 3]` float32, clipped to [0, 1]; luma and chroma hold where nothing is clipped.

    Raises:
        ValueError: two sizes.
    """
    stylised, content = _floats(stylised), _floats(content)
    if stylised.shape != content.shape:
        raise ValueError(
            f"stylised is {stylised.shape}, content {content.shape}: resize one to the other"
        )
    # Chroma is made of R - Y and B - Y: to change Y alone is to add the same to R, G and B.
    return _picture(content + ((stylised - content) @ LUMA)[..., None])


def match_colour(picture: np.ndarray, reference: np.ndarray, mode: str = "cholesky") -> np.ndarray:
    """A linear map that gives the colours of `picture` the mean and covariance of `reference`.

    Source: Gatys et al. 2016 (https://arxiv.org/abs/1606.05897), colour histogram matching:
    "cholesky", and "pca", which is its Image Analogies. "symmetric" is the map that moves colours
    least, Pitié & Kokaram 2007, the default of leongatys/NeuralImageSynthesis @ cced0b97, whose
    epsilon this is.

    Args:
        picture: RGB in [0, 1], `[H, W, 3]`.
        reference: RGB in [0, 1], of any size.
        mode: of `MODES`.

    Returns:
        RGB, as large as `picture`, float32, clipped to [0, 1]. A `picture` of one colour becomes
        the reference's mean.

    Raises:
        ValueError: an unknown mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode={mode!r}: expected one of {', '.join(MODES)}")
    picture, reference = _floats(picture), _floats(reference)
    (mean, own), (target_mean, target) = _gaussian(picture), _gaussian(reference)
    return _picture((picture - mean) @ MODES[mode](own, target).T + target_mean)


def coral(picture: np.ndarray, reference: np.ndarray, *, clip: bool = True) -> np.ndarray:
    """Correlation alignment as in the AdaIN codes: mean, std and about the correlations.

    Source: xunhuang1995/AdaIN-style @ 6d8ac28, utils.lua:58-78, and naoto0804/pytorch-AdaIN
    @ 47950d0, function.py:41-67, after Sun et al. 2016 (https://arxiv.org/abs/1511.05547). The
    identity is added to the sums FFᵀ over the pixels, which are not divided by their number: it
    weighs less the larger the picture, and pictures of two sizes get two scales. Only between equal
    sizes are mean, std and correlations (nearly) those of `reference`.

    Args:
        picture: RGB in [0, 1], `[H, W, 3]`.
        reference: RGB in [0, 1], of any size.
        clip: to [0, 1], which the codes leave out.

    Returns:
        RGB, as large as `picture`, float32. A `picture` of one colour becomes the reference's mean.
    """
    picture, reference = _floats(picture), _floats(reference)
    (scores, _, _), (target, mean, std) = _standardise(picture), _standardise(reference)
    own, wanted = (np.einsum("hwi,hwj->ij", x, x) + np.eye(3) for x in (scores, target))
    aligned = scores @ (_power(wanted, 0.5) @ _power(own, -0.5)).T * std + mean
    return _picture(aligned) if clip else aligned.astype(np.float32)


def match_histogram(picture: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The histogram of `reference` for each channel, by scikit-image.

    Args:
        picture: RGB in [0, 1], `[H, W, 3]`.
        reference: RGB in [0, 1], of any size.

    Returns:
        RGB, as large as `picture`, float32 in [0, 1]. A channel of one value becomes the
        reference's highest.
    """
    picture, reference = _floats(picture), _floats(reference)
    return _picture(exposure.match_histograms(picture, reference, channel_axis=-1))


def _floats(picture):
    picture = np.asarray(picture)
    kind, shape = picture.dtype, picture.shape
    if kind.kind != "f" or picture.ndim != 3 or shape[2] != 3 or not picture.size:
        raise InputError(f"Got {kind} {shape}, expected floats [H, W, 3]: convert the picture.")
    if not ((picture >= -1e-3) & (picture <= 1 + 1e-3)).all():  # give or take rounding; no NaN
        found = f"{picture.min():g} to {picture.max():g}"
        raise InputError(f"Got values {found}, expected [0, 1]: scale or clip the picture.")
    return picture.astype(np.float64)


def _picture(values):
    return np.clip(values, 0, 1).astype(np.float32)


def _gaussian(picture):
    """Mean [3] and covariance [3, 3] of the colours, never singular."""
    mean = picture.mean((0, 1))
    flat = (picture - mean).reshape(-1, 3)
    return mean, flat.T @ flat / len(flat) + EPSILON * np.eye(3)


def _standardise(picture):
    """Scores of mean 0 and unbiased variance 1 by channel, mean and std; 0 for a flat channel."""
    mean = picture.mean((0, 1))
    squares = np.square(picture - mean).sum((0, 1))
    std = np.sqrt(squares / max(picture[..., 0].size - 1, 1))
    return (picture - mean) / np.maximum(std, 1e-8), mean, std


def _power(matrix, exponent):
    """Of a symmetric, positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def _optimal_transport(own, target):
    root, inverse = _power(own, 0.5), _power(own, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse
