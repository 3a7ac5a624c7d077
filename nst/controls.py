"""The controls that all methods have: shares of styles, masks, and colours."""

from collections.abc import Sequence

import numpy as np

from nst import colour

# Whose colours the result has. "style": the style's. "luminance": the finished picture gets the
# content's chroma back. The others give the style picture the content's colours beforehand:
_BEFORE = {
    "coral": lambda style, content: colour.coral(style, _sampled(content, style.shape)),
    "cholesky": lambda style, content: colour.match_colour(style, content, "cholesky"),
    "pca": lambda style, content: colour.match_colour(style, content, "pca"),
    "symmetric": lambda style, content: colour.match_colour(style, content, "symmetric"),
    "histogram": colour.match_histogram,
}
COLOURS = ("style", "luminance", *_BEFORE)
Masks = Sequence[np.ndarray] | np.ndarray  # one for each style, `[H, W]` in [0, 1]


def check_colours(colours: str) -> None:
    """Raises ValueError if `colours` is not one of `COLOURS`."""
    if colours not in COLOURS:
        raise ValueError(f"colours={colours!r}: expected one of {', '.join(COLOURS)}")


def colour_style(style: np.ndarray, content: np.ndarray, colours: str) -> np.ndarray:
    """The style picture as the features are to see it: with the content's colours, where asked.

    Args:
        style: RGB in [0, 1], `[h, w, 3]`.
        content: RGB in [0, 1], `[H, W, 3]`.
        colours: one of `COLOURS`.

    Returns:
        RGB in [0, 1], `[h, w, 3]`.
    """
    return _BEFORE[colours](style, content) if colours in _BEFORE else style


def colour_result(result: np.ndarray, content: np.ndarray, colours: str) -> np.ndarray:
    """The finished picture, `[H, W, 3]`: with the content's chroma, where asked.

    Args:
        result, content: RGB in [0, 1], `[H, W, 3]`.
        colours: one of `COLOURS`.
    """
    return colour.luminance_transfer(result, content) if colours == "luminance" else result


def _sampled(picture, shape):
    """The nearest pixels of a picture at another size: CORAL depends on how many there are."""
    rows, columns = (
        np.linspace(0, own - 1, n).round().astype(int)
        for own, n in zip(picture.shape[:2], shape[:2], strict=True)
    )
    return picture[rows][:, columns]


def style_shares(count: int, weights: Sequence[float] | None) -> np.ndarray:
    """The share of each style, `[count]`, summing to 1.

    Args:
        count: how many styles there are.
        weights: a number from 0 up for each; None or empty: equal shares.

    Raises:
        ValueError: another number of weights than of styles, one below 0, or a sum of 0.
    """
    given = np.ones(count) if weights is None or len(weights) == 0 else np.asarray(weights, float)
    if len(given) != count:
        raise ValueError(f"{len(given)} style weights for {count} styles: expected one for each")
    if not (np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
        raise ValueError(
            f"style weights {', '.join(f'{w:g}' for w in given)}: expected numbers from 0 up "
            "that do not sum to zero"
        )
    return given / given.sum()


def check_controls(
    content: np.ndarray,
    count: int,
    alpha: float,
    masks: Masks | None,
    colours: str,
) -> None:
    """Refuses controls that are out of range or do not fit the pictures.

    Args:
        content: `[H, W, 3]`.
        count: how many styles there are.
        alpha: strength.
        masks: one for each style, `[H, W]`, or None.
        colours: whose colours the result has.

    Raises:
        ValueError: `alpha` is outside of [0, 1], `colours` is not one of `COLOURS`, or masks differ
            in number from the styles, in size from the content, or are black everywhere.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha={alpha}: expected a number from 0 (content) to 1 (style)")
    check_colours(colours)
    if masks is not None:
        check_masks(masks, count)
        if np.shape(masks)[1:] != content.shape[:2]:
            raise ValueError(
                f"masks of size {np.shape(masks)[1:]}: expected the content's height and width, "
                f"{content.shape[:2]}"
            )


def mask_shares(masks: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The share of each style at every position: float32 `[S, h, w, 1]`, at most 1 in sum.

    Args:
        masks: one for each style, `[S, h, w]` in [0, 1].
        shares: of the styles, `[S]`. They are divided by the largest: that style fills its mask.
    """
    shares = masks * (shares / shares.max())[:, None, None]
    return (shares / np.maximum(1, shares.sum(0)))[..., None].astype(np.float32)


def check_masks(masks: Masks, count: int) -> None:
    """Refuses masks that differ in number from the styles, leave [0, 1], or are black everywhere.

    Args:
        masks: `[H, W]` each, in [0, 1].
        count: how many styles there are.

    Raises:
        ValueError: a mask is missing, one too many, outside of [0, 1], or black everywhere.
    """
    if len(masks) != count:
        raise ValueError(f"{len(masks)} masks for {count} styles: expected one for each style")
    for i, mask in enumerate(masks, 1):
        low, high = np.min(mask), np.max(mask)
        if not (low >= 0 and high <= 1):  # nor for NaN
            raise ValueError(f"mask {i}: {low:g} to {high:g}, expected 0 to 1")
        if not high > 0:
            raise ValueError(f"mask {i} is black everywhere: its style would go nowhere")
