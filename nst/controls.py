"""What a person may want of any method: weights of styles, and colours."""

from collections.abc import Sequence

import numpy as np

from nst import colour

# "style": the style's own. "luminance": afterwards, the content's chroma. The others give the style
# the content's colours beforehand.
_BEFORE = {
    "coral": lambda style, content: colour.coral(style, _sampled(content, style.shape)),
    "cholesky": lambda style, content: colour.match_colour(style, content, "cholesky"),
    "pca": lambda style, content: colour.match_colour(style, content, "pca"),
    "symmetric": lambda style, content: colour.match_colour(style, content, "symmetric"),
    "histogram": colour.match_histogram,
}
COLOURS = ("style", "luminance", *_BEFORE)


def check_colours(colours: str) -> None:
    """Raises ValueError for what is not one of `COLOURS`."""
    if colours not in COLOURS:
        raise ValueError(f"colours={colours!r}: expected one of {', '.join(COLOURS)}")


def colour_style(style: np.ndarray, content: np.ndarray, colours: str) -> np.ndarray:
    """The style picture as the features are to see it; both `[H, W, 3]`, RGB in [0, 1]."""
    return _BEFORE[colours](style, content) if colours in _BEFORE else style


def colour_result(result: np.ndarray, content: np.ndarray, colours: str) -> np.ndarray:
    """The finished picture, of the content's size; both `[H, W, 3]`, RGB in [0, 1]."""
    return colour.luminance_transfer(result, content) if colours == "luminance" else result


def _sampled(picture, shape):
    """The colours of a picture at another size: CORAL's contrast depends on the pixels' number."""
    rows, columns = (
        np.linspace(0, own - 1, n).round().astype(int)
        for own, n in zip(picture.shape[:2], shape[:2], strict=True)
    )
    return picture[rows][:, columns]


def style_shares(count: int, weights: Sequence[float] | None) -> np.ndarray:
    """One weight a style, summing to 1; equal ones where none are given.

    Raises:
        ValueError: another number of weights than of styles, one below 0, or a sum of 0.
    """
    weights = np.ones(count) if weights is None or len(weights) == 0 else np.asarray(weights, float)
    if len(weights) != count:
        raise ValueError(f"{len(weights)} style weights for {count} styles: expected one for each")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ValueError(
            f"style weights {', '.join(f'{w:g}' for w in weights)}: expected numbers from 0 up "
            "that do not sum to zero"
        )
    return weights / weights.sum()


def check_controls(content: np.ndarray, count: int, alpha: float, masks, colours: str) -> None:
    """The options of a stylizer for a content `[H, W, 3]` and `count` styles.

    Raises:
        ValueError: a strength out of [0, 1], colours that are not there, masks of another number or
            size, or one that lets nothing through.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha={alpha}: expected a number from 0 (content) to 1 (style)")
    check_colours(colours)
    if masks is not None:
        check_masks(masks, count)
        if np.shape(masks)[1:] != content.shape[:2]:
            raise ValueError(f"masks of size {np.shape(masks)[1:]}: expected the content's "
                             f"height and width, {content.shape[:2]}")  # fmt: skip


def mask_shares(masks: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each style's share of every position, sum at most 1: `[S, h, w]` -> float32 `[S, h, w, 1]`.

    Args:
        masks: in [0, 1].
        weights: one a style; the largest counts as 1.
    """
    shares = masks * (weights / weights.max())[:, None, None]
    return (shares / np.maximum(1, shares.sum(0)))[..., None].astype(np.float32)


def check_masks(masks: Sequence[np.ndarray], count: int) -> None:
    """Masks of `[H, W]`, one for each of `count` styles, none of them empty.

    Raises:
        ValueError: another number, or a mask that lets nothing through.
    """
    if len(masks) != count:
        raise ValueError(f"{len(masks)} masks for {count} styles: expected one for each style")
    for i, mask in enumerate(masks, 1):
        if not np.asarray(mask).max() > 0:
            raise ValueError(f"mask {i} is black everywhere: its style would go nowhere")
