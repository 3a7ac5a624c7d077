"""Stylising through a code: encode, change the code, decode. Any size, tile by tile."""

import hashlib
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from core import engine
from nst.controls import check_controls, colour_result, colour_style, mask_shares, style_shares
from nst.features import check_size, field
from nst.tiling import Grid, shrink

WHOLE = 2**20  # pixels of the pictures that go through in one piece
TILE = 512  # pixels
STYLES = 16  # whose codes are kept


class Stylizer:
    """Encoder and decoder with strength, several styles, masks and colours. What becomes of the
    code is `transfer` of a subclass."""

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        network: str,
        *,
        tap: str,
        margin: int | None,
    ):
        """Args:
        encoder: from `[N, H, W, 3]`, RGB in [0, 1], to `{tap: code}`; odd rows are pooled, too.
        decoder: back, from `[N, h, w, C]` to pictures enlarged by the stride of the code.
        network: whose encoder it is, "vgg16" or "vgg19".
        tap: the layer of the code.
        margin: positions of the code that the decoder sees to each side; None where it sees the
            whole picture, which it then decodes in one piece.
        """
        self.network, self.tap, self.margin = network, tap, margin
        self.field, self._codes = field(network, tap), {}
        self._encode = engine.compile_by_shape(
            lambda x: encoder(x, training=False)[tap], encoder.variables
        )
        self._decode = engine.compile_by_shape(
            lambda x: decoder(x, training=False), decoder.variables
        )

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
                the content's features take the rest.
            colours: of `nst.controls.COLOURS`.

        Returns:
            RGB in [0, 1], `[H, W, 3]`, of the content's size.

        Raises:
            ValueError: numbers or options out of range, or that do not match in number.
            InputError: a picture smaller than the encoder's field.
        """
        check_controls(content, len(styles), alpha, masks, colours)
        weights = style_shares(len(styles), weights)
        for name, picture in (("content", content), *(("style", style) for style in styles)):
            check_size(self.network, [self.tap], *picture.shape[:2], name)
        styles = [colour_style(style, content, colours) for style in styles]
        code = self.encode(content)
        transfers = [
            lambda share, style=style: array(self.transfer(code, self.style_code(style), share))
            for style in styles
        ]
        mixed = mix(code, transfers, weights, masks, self.field.stride)
        result = self.decode(alpha * mixed + (1 - alpha) * code)
        result = np.clip(result[: content.shape[0], : content.shape[1]], 0, 1)
        return colour_result(result, content, colours)

    def transfer(self, code: np.ndarray, style: np.ndarray, share: np.ndarray | None = None):
        """The content's code in one style; both `[1, h, w, C]`, of sizes of their own.

        Args:
            code, style: of the content and of the style.
            share: the style's share of every position, `[1, h, w, 1]`; None: all of each.
        """
        raise NotImplementedError

    def style_code(self, style: np.ndarray) -> np.ndarray:
        """`encode`, once for a style that comes again with every frame, or every content."""
        key = hashlib.sha256(np.ascontiguousarray(style)).digest()
        if key not in self._codes:
            if len(self._codes) == STYLES:
                self._codes.pop(next(iter(self._codes)))
            self._codes[key] = self.encode(style)
        return self._codes[key]

    def encode(self, picture: np.ndarray) -> np.ndarray:
        """The code of a picture: `[H, W, 3]` -> `[1, ⌈H/stride⌉, ⌈W/stride⌉, C]`."""
        shape, stride = picture.shape[:2], self.field.stride
        edge = TILE if np.prod(shape) > WHOLE else -(-max(shape) // stride) * stride
        grid, code = Grid(shape, edge, self.field.size // 2, stride, ceil=True), None
        for tile in grid.tiles:
            window = picture[None][grid.window(tile)].astype(np.float32)
            part = array(self._encode(window))
            if code is None:
                code = np.zeros((1, *grid.positions(stride), part.shape[-1]), np.float32)
            grid.paste(code, part, tile, stride)
        return code

    def decode(self, code: np.ndarray) -> np.ndarray:
        """The picture of a code: `[1, h, w, C]` -> `[stride h, stride w, 3]`, not clipped."""
        shape, stride = code.shape[1:3], self.field.stride
        whole = self.margin is None or np.prod(shape) * stride**2 <= WHOLE
        grid = Grid(shape, max(shape) if whole else TILE // stride, self.margin or 0)
        picture = np.zeros((shape[0] * stride, shape[1] * stride, 3), np.float32)
        for tile in grid.tiles:
            part = array(self._decode(code[grid.window(tile)].astype(np.float32)))[0]
            inside, place = (
                tuple(slice(stride * s.start, stride * s.stop) for s in index[1:])
                for index in grid.core(tile)
            )
            picture[place] = part[inside]
        return picture


def mix(
    code: np.ndarray,
    transfers: Sequence[Callable],
    weights: np.ndarray,
    masks: np.ndarray | None,
    stride: int,
) -> np.ndarray:
    """The code in all styles, `[1, h, w, C]`.

    Args:
        code: of the content, which takes what masks leave.
        transfers: one a style: `share -> [1, h, w, C]`, the code in that style, where share is
            `[1, h, w, 1]` under masks, else None.
        weights: one a style, sum 1.
        masks: `[styles, H, W]` in [0, 1], or None: everywhere.
        stride: of the code.
    """
    if masks is None:
        pairs = zip(weights.tolist(), transfers, strict=True)
        return sum(weight * transfer(None) for weight, transfer in pairs)
    shares = mask_shares(shrink(np.asarray(masks, np.float32), stride, code.shape[1:3]), weights)
    mixed = (1 - shares.sum(0, keepdims=True)) * code
    for share, transfer in zip(shares[:, None], transfers, strict=True):
        if share.any():
            mixed += share * transfer(share)
    return mixed


def array(x) -> np.ndarray:
    """Float32 on the host."""
    return ops.convert_to_numpy(x).astype(np.float32)
