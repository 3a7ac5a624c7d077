"""AdaIN at run time: strength, several styles, masks, colours, any size."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from core import engine
from core.stats import adain, moments
from nst.adain.algorithm import CONTENT_EPSILON
from nst.adain.networks import STRIDE, TAPS
from nst.controls import check_colours, check_masks, colour_result, colour_style, style_shares
from nst.features import check_size, field
from nst.tiling import Grid, shrink

WHOLE = 2**20  # pixels of the pictures that are stylised in one piece
TILE = 512  # pixels
DECODER_MARGIN = 6  # positions of the code; its nine convolutions see four to each side


class Stylizer:
    """Stylises pictures with a trained decoder."""

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        network: str = "vgg19",
        *,
        style_epsilon: float = 0.0,
        unbiased: bool = False,
    ):
        """Args:
        encoder, decoder: of `nst.adain.networks`.
        network: whose encoder it is, "vgg16" or "vgg19".
        style_epsilon, unbiased: as in `nst.adain.config`.
        """
        self.network, self.style_epsilon, self.unbiased = network, style_epsilon, unbiased
        self._encode = engine.compile(
            lambda x: encoder(x, training=False)[TAPS[-1]], encoder.variables
        )
        self._decode = engine.compile(lambda x: decoder(x, training=False), decoder.variables)

    def __call__(
        self,
        content: np.ndarray,
        styles: Sequence[np.ndarray],
        *,
        alpha: float = 1.0,
        weights: Sequence[float] | None = None,
        masks: np.ndarray | None = None,
        colours: str = "style",
    ) -> np.ndarray:
        """The content in the style of the styles.

        Args:
            content: RGB in [0, 1], `[H, W, 3]`.
            styles: RGB in [0, 1], `[h, w, 3]` each.
            alpha: strength from 0 (the content, through the autoencoder) to 1.
            weights: of the styles, from 0 up, made to sum to 1; None: equal.
            masks: where each style goes, `[styles, H, W]` in [0, 1]. Where they sum to less than 1
                the content's features take the rest. Each style's region is normalised by its own
                moments, as in the paper's section 7.
            colours: of `nst.controls.COLOURS`.

        Returns:
            RGB in [0, 1], `[H, W, 3]`, of the content's size.

        Raises:
            ValueError: numbers or options out of range, or that do not match in number.
            InputError: a picture smaller than the encoder's field.
        """
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha={alpha}: expected a number from 0 (content) to 1 (style)")
        check_colours(colours)
        if masks is not None:
            check_masks(masks, len(styles))
            if np.shape(masks)[1:] != content.shape[:2]:
                raise ValueError(f"masks of size {np.shape(masks)[1:]}: expected the content's "
                                 f"height and width, {content.shape[:2]}")  # fmt: skip
        weights = style_shares(len(styles), weights)
        for name, picture in (("content", content), *(("style", style) for style in styles)):
            check_size(self.network, TAPS[-1:], *picture.shape[:2], name)
        styles = [colour_style(style, content, colours) for style in styles]
        code = self.encode(content)
        targets = [self._moments(self.encode(style)) for style in styles]
        mixed = self._mix(code, targets, weights, masks)
        result = self.decode(alpha * mixed + (1 - alpha) * code)
        result = np.clip(result[: content.shape[0], : content.shape[1]], 0, 1)
        return colour_result(result, content, colours)

    def _moments(self, code):
        return moments(code, self.style_epsilon, unbiased=self.unbiased)

    def _mix(self, code, targets, weights, masks):
        """The code with the styles' moments, `[1, h, w, C]`."""
        if masks is None:
            parts = (adain(code, *m, CONTENT_EPSILON, unbiased=self.unbiased) for m in targets)
            return sum(w * _array(part) for w, part in zip(weights.tolist(), parts, strict=True))
        shares = _shares(masks, weights, code.shape[1:3])
        mixed = (1 - shares.sum(0, keepdims=True)) * code
        for share, target in zip(shares[:, None], targets, strict=True):
            if share.any():
                mixed += share * _array(adain(code, *target, CONTENT_EPSILON, weights=share))
        return mixed

    def encode(self, picture: np.ndarray) -> np.ndarray:
        """relu4_1 of a picture: `[H, W, 3]` -> `[1, ⌈H/8⌉, ⌈W/8⌉, C]`."""
        shape = picture.shape[:2]
        edge = TILE if np.prod(shape) > WHOLE else -(-max(shape) // STRIDE) * STRIDE
        margin = field(self.network, TAPS[-1]).size // 2
        grid, code = Grid(shape, edge, margin, STRIDE, ceil=True), None
        for tile in grid.tiles:
            window = picture[None][grid.window(tile)].astype(np.float32)
            part = _array(self._encode(window))
            if code is None:
                code = np.zeros((1, *grid.positions(STRIDE), part.shape[-1]), np.float32)
            grid.paste(code, part, tile, STRIDE)
        return code

    def decode(self, code: np.ndarray) -> np.ndarray:
        """The picture of a code: `[1, h, w, C]` -> `[8h, 8w, 3]`, not clipped."""
        shape = code.shape[1:3]
        whole = np.prod(shape) * STRIDE**2 <= WHOLE
        grid = Grid(shape, max(shape) if whole else TILE // STRIDE, DECODER_MARGIN)
        picture = np.zeros((shape[0] * STRIDE, shape[1] * STRIDE, 3), np.float32)
        for tile in grid.tiles:
            part = _array(self._decode(code[grid.window(tile)].astype(np.float32)))[0]
            inside, place = (
                tuple(slice(STRIDE * s.start, STRIDE * s.stop) for s in index[1:])
                for index in grid.core(tile)
            )
            picture[place] = part[inside]
        return picture


def _shares(masks, weights, size):
    """Each style's share of every position, `[S, h, w, 1]`, sum at most 1."""
    shares = shrink(np.asarray(masks, np.float32), STRIDE, size)
    shares *= (weights / weights.max())[:, None, None]
    return (shares / np.maximum(1, shares.sum(0)))[..., None].astype(np.float32)


def _array(x):
    return ops.convert_to_numpy(x).astype(np.float32)
