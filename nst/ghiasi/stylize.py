"""Ghiasi et al. 2017 at run time: strength, several styles, masks, colours, any size."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from core import engine
from core.errors import InputError
from core.tensors import to_numpy
from nst.controls import Masks, colour_style
from nst.ghiasi.bodies import SMALLEST_STYLE
from nst.learned import Tiled, in_one_piece
from nst.stylizer import Stylizer, mix, style_key
from nst.transformer import MULTIPLE, smallest_size

SIDE = (
    256  # shorter side at which a content is described, pixels; styles were trained at 128 to 300
)
STYLES = 64  # how many styles' codes are kept


class GhiasiStylizer(Stylizer[np.ndarray]):
    """A stylizer whose styles are pictures, RGB in [0, 1], `[h, w, 3]`.

    A style is described by a code of 100 numbers, best when its shorter side has about 256 pixels.
    Several styles are the mean of their codes. Below full strength the code goes towards the one
    of the content itself (section 4.3 of the paper), so that strength 0 shows the content as the
    network sees it. Under masks a picture is made in each style and these are put together.
    """

    def __init__(
        self,
        encoder: keras.Model,
        transformer: keras.Model,
        kind: str,
        *,
        tiled: Tiled | None = None,
    ):
        """Args:
        encoder: made by `nst.ghiasi.networks.style_network`.
        transformer: made by `nst.ghiasi.networks.style_transformer`.
        kind: of the encoder, "inception" or "mobilenet".
        tiled: see `nst.learned.LearnedStylizer`.
        """
        self.kind, self.smallest_style = kind, SMALLEST_STYLE[kind]
        self._tiled = in_one_piece if tiled is None else tiled
        self._codes: dict[bytes, np.ndarray] = {}
        self._encode = engine.compile_by_shape(
            lambda x: encoder(x, training=False), encoder.variables
        )
        self._transform = engine.compile_by_shape(
            lambda x, code: transformer([x, code], training=False), transformer.variables
        )

    def prepare(
        self, content: np.ndarray, styles: Sequence[np.ndarray], colours: str
    ) -> list[np.ndarray]:
        """The style pictures, with the content's colours where that is asked for.

        Raises:
            InputError: a style that is too small to be described.
        """
        for style in styles:
            height, width = style.shape[:2]
            if min(height, width) < self.smallest_style:
                raise InputError(
                    f"the style is {width}x{height} pixels; its network needs "
                    f"{self.smallest_style}x{self.smallest_style} or more: give a larger picture"
                )
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
        codes = [self.code(style) for style in styles]
        # the mask may leave places without a style; they show the content by its own code
        own = self.code(described(content)) if alpha < 1 or masks is not None else codes[0]
        codes = [alpha * code + (1 - alpha) * own for code in codes]
        if masks is None:
            mean = sum(share * code for share, code in zip(shares, codes, strict=True))
            return self.show(content, mean)
        base = self.show(content, own)[None]
        made = [lambda _, code=code: self.show(content, code)[None] for code in codes]
        return mix(base, made, shares, masks)[0]

    def code(self, style: np.ndarray) -> np.ndarray:
        """The code of a style, `[1, 100]` float32; those of the last `STYLES` are kept.

        Args:
            style: RGB in [0, 1], `[h, w, 3]`.
        """
        key = style_key(style)
        if key not in self._codes:
            while len(self._codes) >= STYLES:
                self._codes.pop(next(iter(self._codes)))
            self._codes[key] = to_numpy(self._encode(style[None].astype(np.float32)))
        return self._codes[key]

    def encode_style(self, style: np.ndarray) -> None:
        """Describes a style, and keeps its code for the pictures that come."""
        self.code(style)

    def show(self, content: np.ndarray, code: np.ndarray) -> np.ndarray:
        """The content in the style of a code, float32 `[H, W, 3]` in [0, 1].

        Args:
            content: RGB in [0, 1], `[H, W, 3]`.
            code: `[1, 100]`.
        """
        code = code.astype(np.float32)

        def network(pictures: np.ndarray) -> np.ndarray:
            return to_numpy(self._transform(pictures, code))

        sizes = {"multiple": MULTIPLE, "smallest": smallest_size("reflect")}
        return np.clip(self._tiled(network, content.astype(np.float32), **sizes), 0, 1)


def described(content: np.ndarray) -> np.ndarray:
    """A content at the size at which styles are described: `SIDE` pixels on its shorter side."""
    height, width = content.shape[:2]
    scale = SIDE / min(height, width)
    size = tuple(max(SIDE, round(n * scale)) for n in (height, width))
    small = ops.image.resize(content[None].astype(np.float32), size, antialias=True)
    return np.clip(to_numpy(small)[0], 0, 1)
