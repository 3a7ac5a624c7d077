"""What every trained stylizer is called with, what it returns, and what it refuses."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

import numpy as np

from core.tensors import Tensor
from nst.controls import COLOURS, Masks, check_controls, colour_result, mask_shares, style_shares
from nst.tiling import shrink

Style = TypeVar("Style")  # a picture, or the number of a style that the network has learned


class Stylizer(ABC, Generic[Style]):
    """Shows a picture in one style, or in several that are mixed.

    Make one for a trained network and keep it for all pictures: it compiles the network for each
    size of picture and keeps the codes of its styles, and a new one would do both again.

    A subclass says what a style is and implements `prepare` and `render`. Checking the controls and
    putting the content's colours back is the same for all, and done here.

    Attributes:
        colours: what the argument `colours` may be, some of `nst.controls.COLOURS`.
        smallest_size: height and width, in pixels, of the smallest content that is accepted.
    """

    colours: ClassVar[tuple[str, ...]] = COLOURS
    smallest_size: int = 1

    def __call__(
        self,
        content: np.ndarray,
        styles: Sequence[Style],
        *,
        alpha: float = 1.0,
        style_weights: Sequence[float] | None = None,
        masks: Masks | None = None,
        colours: str = "style",
        weights: Sequence[float] | None = None,
    ) -> np.ndarray:
        """The content in the style of the styles.

        Args:
            content: RGB in [0, 1], `[H, W, 3]`.
            styles: one or more; see the subclass for what each is.
            alpha: strength, from 0 (the content, as far as the network can show it) to 1.
            style_weights: one number from 0 up for each style, scaled to sum to 1. None: equal.
            masks: where each style goes, `[H, W]` in [0, 1] for each. Where they sum to less than 1
                the content takes the rest. None: every style goes everywhere.
            colours: "style" keeps the style's colours, "luminance" gives the result the content's
                chroma, and the others give the style the content's colours beforehand.
            weights: another name of `style_weights`.

        Returns:
            RGB in [0, 1], `[H, W, 3]` float32, of the content's size.

        Raises:
            ValueError: numbers or options out of range, or another number of weights or masks than
                of styles.
            InputError: a picture that is too small.
        """
        if weights is not None and style_weights is not None:
            raise ValueError("style_weights and weights are one argument: give one of them")
        check_controls(content, len(styles), alpha, masks, colours)
        shares = style_shares(len(styles), weights if style_weights is None else style_weights)
        prepared = self.prepare(content, styles, colours)
        result = self.render(content, prepared, shares, alpha, masks)
        return colour_result(result, content, colours)

    @abstractmethod
    def prepare(self, content: np.ndarray, styles: Sequence[Style], colours: str) -> list[Style]:
        """The styles as `render` takes them: with the content's colours, where that is asked for.

        Raises:
            ValueError: a style or a treatment of colours that this network does not have.
            InputError: a content or style that is too small.
        """

    @abstractmethod
    def render(
        self,
        content: np.ndarray,
        styles: Sequence[Style],
        shares: np.ndarray,
        alpha: float,
        masks: Masks | None,
    ) -> np.ndarray:
        """The stylised picture, `[H, W, 3]` in [0, 1], before the content's chroma is put back.

        The arguments have been checked; `shares` are the weights of the styles, `[styles]`, and sum
        to 1.
        """

    def encode_style(self, style: Style) -> None:
        """Does now what a style needs once, so that the first picture in it need not.

        There is nothing to do for networks that have learned their styles.
        """


def mix(
    base: Tensor,
    transfers: Sequence[Callable[[np.ndarray | None], Tensor]],
    shares: np.ndarray,
    masks: Masks | None,
    stride: int = 1,
) -> Tensor:
    """A picture or its features in all styles, `[1, h, w, C]`.

    Args:
        base: the content, or its features; takes what the masks leave.
        transfers: one function for each style, which returns `base` in that style. It is called
            with the style's share of every position, `[1, h, w, 1]`, or with None without masks.
        shares: the weights of the styles, `[styles]`, sum 1.
        masks: where each style goes, `[H, W]` in [0, 1] for each; None: everywhere.
        stride: pixels from one position of `base` to the next.
    """
    if masks is None:
        return sum(
            s * transfer(None) for s, transfer in zip(shares.tolist(), transfers, strict=True)
        )
    small = shrink(np.asarray(masks, np.float32), stride, base.shape[1:3])
    local = mask_shares(small, shares)
    mixed = (1 - local.sum(0, keepdims=True)) * base
    for share, transfer in zip(local[:, None], transfers, strict=True):
        if share.any():
            mixed = mixed + share * transfer(share)
    return mixed


def style_key(style: np.ndarray) -> bytes:
    """Equal for pictures of the same pixels, size and type."""
    form = repr((style.shape, style.dtype)).encode()
    return hashlib.sha256(form + np.ascontiguousarray(style).tobytes()).digest()
