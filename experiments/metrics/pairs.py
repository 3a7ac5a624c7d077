"""Scores of pairs of pictures: a result with its true counterpart, its content or its style."""

from collections.abc import Iterable
from itertools import zip_longest

import numpy as np
from keras import Model, ops
from skimage.metrics import structural_similarity

from core.errors import InputError
from experiments.metrics.features import Extractor, in_batches, progress
from experiments.metrics.lpips import Distance
from experiments.metrics.statistics import Moments, frechet_distance
from nst.losses import content_loss, gram, squared_error, style_loss


def absolute_error(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the mean absolute difference of uint8 `[N, H, W, 3]`, in 8-bit levels."""
    return float(np.abs(a.astype(np.float32) - b).mean())


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the peak signal-to-noise ratio in dB of uint8 `[N, H, W, 3]`, mean over N images.

    Equal images count as 100 dB.
    """
    error = np.square(a.astype(np.float32) - b).mean(axis=(1, 2, 3))
    return float(np.mean(10 * np.log10(255**2 / np.maximum(error, 255**2 * 1e-10))))


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the SSIM (Wang et al. 2004) of uint8 `[N, H, W, 3]`, mean over the N images."""
    options = {"channel_axis": -1, "gaussian_weights": True, "use_sample_covariance": False}
    pairs = zip(a, b, strict=True)
    return float(np.mean([structural_similarity(x, y, sigma=1.5, **options) for x, y in pairs]))


def perceptual_distance(
    a: Iterable[np.ndarray], b: Iterable[np.ndarray], distance: Distance
) -> float:
    """Returns a distance such as LPIPS, mean over pairs of pictures.

    Args:
        a: the first picture of each pair, uint8 `[H, W, 3]`, all of one size.
        b: the second ones, likewise.
        distance: a function from two batches of pictures to `[N]`.

    Raises:
        InputError: there are none, not as many of both, or they have several sizes.
    """
    total, count = 0.0, 0
    for x, y in zip_longest(in_batches(a), in_batches(b)):
        if x is None or y is None or x.shape != y.shape:
            raise InputError(
                "pairs: the pictures are not as many of both kinds, or not of one "
                "size. Give pairs of one size."
            )
        total += float(distance(np.float32(x) / 255, np.float32(y) / 255).sum(dtype=np.float64))
        count += len(x)
    if not count:
        raise InputError("pairs: got no pictures.")
    return total / count


def content_term(trunk: Model, result: np.ndarray, content: np.ndarray, scaling: str) -> float:
    """Returns the content loss of a stylised picture, summed over the trunk's taps.

    Args:
        trunk: a `nst.features.feature_network`.
        result: the stylised picture, uint8 `[H, W, 3]`.
        content: its content, of the same size.
        scaling: a key of `nst.losses.CONTENT_SCALINGS`.
    """
    pairs = zip(_features(trunk, result), _features(trunk, content), strict=True)
    terms = (content_loss(squared_error(x, y), int(np.prod(x.shape)), scaling) for x, y in pairs)
    return float(sum(float(ops.convert_to_numpy(term)) for term in terms))


def style_term(trunk: Model, result: np.ndarray, style: np.ndarray, scaling: str) -> float:
    """Returns the Gram loss of a stylised picture, summed over the trunk's taps.

    Args:
        trunk: a `nst.features.feature_network`.
        result: the stylised picture, uint8 `[H, W, 3]`.
        style: its style, uint8 `[h, w, 3]` of any size.
        scaling: a key of `nst.losses.STYLE_SCALINGS`.
    """
    pairs = zip(_features(trunk, result), _features(trunk, style), strict=True)
    terms = (style_loss(gram(x), gram(y), scaling) for x, y in pairs)
    return float(sum(float(ops.convert_to_numpy(term)) for term in terms))


def _features(trunk, picture):
    return trunk(np.float32(picture)[None] / 255).values()


def art_fid(
    stylised: Iterable[np.ndarray],
    contents: Iterable[np.ndarray],
    styles: Iterable[np.ndarray],
    network: Extractor,
    distance: Distance,
) -> float:
    """Returns (1 + Fréchet distance to the styles) (1 + mean distance to the contents).

    With the extractor "art" and the LPIPS of AlexNet it is ArtFID. With others it is another
    metric and needs another name.

    Args:
        stylised: the results, uint8 `[H, W, 3]` of one size. They are read twice, so give a list
            and not an iterator.
        contents: the content of each result, of the same size.
        styles: the style pictures, uint8 `[H, W, 3]` of one size, two or more.
        network: gives the features for the Fréchet distance.
        distance: the distance of a result to its content.

    Raises:
        InputError: there are too few, not as many contents as results, or several sizes.

    Source: Wright & Ommer 2022 (https://arxiv.org/abs/2207.12280), equation 8;
    matthias-wright/art-fid, art_fid/art_fid.py (mode "art_fid").
    """
    away = perceptual_distance(stylised, contents, distance)
    both = []
    for images, title in ((styles, "styles"), (stylised, "stylised")):
        moments = Moments()
        for batch in progress(in_batches(images), title, None):
            moments.add(network.run(batch)["features"])
        both.append(moments)
    return (1 + frechet_distance(*both)) * (1 + away)
