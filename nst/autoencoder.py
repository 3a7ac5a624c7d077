"""Stylising through a code: encode, change the code, decode. Any size, tile by tile."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from core import engine
from core.tensors import Tensor, to_numpy
from nst.controls import Masks, colour_style
from nst.features import check_size, field
from nst.stylizer import Stylizer, mix, style_key
from nst.tiling import Grid

WHOLE = 2**20  # pixels of the largest picture that goes through in one piece
TILE = 512  # height and width of the tiles of larger ones, pixels
STYLES = 16  # how many styles' codes are kept


class CodeStylizer(Stylizer[np.ndarray]):
    """A stylizer whose styles are pictures, RGB in [0, 1], `[h, w, 3]`.

    An encoder turns content and styles into codes, `transfer` of a subclass puts the content's code
    into a style, and a decoder turns the result into a picture. Strength, weights and masks mix
    codes, not pictures.
    """

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
        encoder: a model from `[N, H, W, 3]`, RGB in [0, 1], to `{tap: code}` that pools odd rows
            and columns, too.
        decoder: a model from `[N, h, w, C]` to pictures, enlarged by the stride of the code.
        network: which VGG the encoder is, "vgg16" or "vgg19".
        tap: the layer whose features are the code.
        margin: how many positions of the code the decoder sees to each side. None: it sees the
            whole picture (instance norm), which is then decoded in one piece.
        """
        self.network, self.tap, self.margin = network, tap, margin
        self.field = field(network, tap)
        self.smallest_size = self.field.size
        self._codes: dict[bytes, Tensor] = {}
        self._encode = engine.compile_by_shape(
            lambda x: encoder(x, training=False)[tap], encoder.variables
        )
        self._decode = engine.compile_by_shape(
            lambda x: decoder(x, training=False), decoder.variables
        )

    def prepare(
        self, content: np.ndarray, styles: Sequence[np.ndarray], colours: str
    ) -> list[np.ndarray]:
        """The style pictures, with the content's colours where that is asked for.

        Raises:
            InputError: a picture smaller than what one position of the code sees.
        """
        for name, picture in (("content", content), *(("style", style) for style in styles)):
            height, width = picture.shape[:2]
            check_size(self.network, [self.tap], height, width, name)
        return [colour_style(style, content, colours) for style in styles]

    def render(
        self,
        content: np.ndarray,
        styles: Sequence[np.ndarray],
        shares: np.ndarray,
        alpha: float,
        masks: Masks | None,
    ) -> np.ndarray:
        """See `Stylizer.render`."""
        code = self._code(content)
        transfers = [
            lambda share, style=style: _beside(
                code, self.transfer(code, self.style_code(style), share)
            )
            for style in styles
        ]
        mixed = mix(code, transfers, shares, masks, self.field.stride)
        result = self.decode(alpha * mixed + (1 - alpha) * code)
        return np.clip(result[: content.shape[0], : content.shape[1]], 0, 1)

    @abstractmethod
    def transfer(self, code: Tensor, style: Tensor, share: np.ndarray | None = None) -> Tensor:
        """The content's code in one style, `[1, h, w, C]`.

        Args:
            code: the code of the content, `[1, h, w, C]`.
            style: the code of the style, `[1, k, l, C]`.
            share: how much of each position goes to this style, `[1, h, w, 1]` in [0, 1]; None: all
                of it.
        """

    def encode_style(self, style: np.ndarray) -> None:
        """Encodes a style, and keeps its code for the pictures that come."""
        self._codes.pop(style_key(style), None)
        self.style_code(style)

    def style_code(self, style: np.ndarray) -> Tensor:
        """The code of a style, `[1, k, l, C]`; those of the last `STYLES` are kept."""
        key = style_key(style)
        if key not in self._codes:
            if len(self._codes) == STYLES:
                self._codes.pop(next(iter(self._codes)))
            self._codes[key] = self._code(style)
        return self._codes[key]

    def encode(self, picture: np.ndarray) -> np.ndarray:
        """The code of a picture `[H, W, 3]`: float32 `[1, ⌈H/stride⌉, ⌈W/stride⌉, C]`."""
        return to_numpy(self._code(picture))

    def _code(self, picture):
        """A code on the device if the picture goes through in one piece; of tiles, an array."""
        shape, stride = picture.shape[:2], self.field.stride
        edge = TILE if np.prod(shape) > WHOLE else -(-max(shape) // stride) * stride
        grid = Grid(shape, edge, self.field.size // 2, stride, ceil=True)
        if grid.whole:
            return keras.ops.cast(self._encode(picture[None].astype(np.float32)), "float32")
        code: Any = None  # until the number of channels is known
        for tile in grid.tiles:
            window = picture[None][grid.window(tile)].astype(np.float32)
            part = to_numpy(self._encode(window))
            if code is None:
                code = np.zeros((1, *grid.positions(stride), part.shape[-1]), np.float32)
            grid.paste(code, part, tile, stride)
        return code

    def decode(self, code: Tensor) -> np.ndarray:
        """The picture of a code `[1, h, w, C]`, not clipped: `[stride * h, stride * w, 3]`."""
        shape, stride = code.shape[1:3], self.field.stride
        whole = self.margin is None or np.prod(shape) * stride**2 <= WHOLE
        grid = Grid(shape, max(shape) if whole else TILE // stride, self.margin or 0)
        if grid.whole:
            return to_numpy(self._decode(keras.ops.cast(code, "float32")))[0]
        code = to_numpy(code)
        picture = np.zeros((shape[0] * stride, shape[1] * stride, 3), np.float32)
        for tile in grid.tiles:
            part = to_numpy(self._decode(code[grid.window(tile)]))[0]
            inside, place = (
                tuple(slice(stride * s.start, stride * s.stop) for s in index[1:])
                for index in grid.core(tile)
            )
            picture[place] = part[inside]
        return picture


def _beside(code, result):
    """A result of the device, where the code is: large codes are kept by the host."""
    return to_numpy(result) if isinstance(code, np.ndarray) else result
