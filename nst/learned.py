"""Stylising with a network that has learned its styles: Johnson, Ulyanov, Dumoulin."""

from collections.abc import Callable, Sequence
from typing import Protocol

import keras
import numpy as np

from core import engine
from core.tensors import to_numpy
from nst.controls import Masks
from nst.stylizer import Stylizer, mix

COLOURS = ("style", "luminance")  # the others change a style before it is learned

Network = Callable[[np.ndarray], np.ndarray]  # from pictures `[1, H, W, 3]` to the same


class Tiled(Protocol):
    """A function that puts a picture of any size through a network, at its size.

    Args of a call:
        network: takes and returns float32 `[1, h, w, 3]`.
        picture: float32 `[H, W, 3]`.
        multiple: heights and widths that the network takes are multiples of it,
        smallest: from this one up, pixels.
    """

    def __call__(
        self, network: Network, picture: np.ndarray, *, multiple: int, smallest: int
    ) -> np.ndarray: ...


class LearnedStylizer(Stylizer[int]):
    """A stylizer whose styles are numbers, from 0, of those that the network has learned.

    At a strength below 1 the stylised picture's colours are mixed with the content's. Several
    styles without masks mix their scales and offsets in the network (Dumoulin et al. 2017,
    https://arxiv.org/abs/1610.07629, section 3.4); under masks, a picture is made in each style and
    these are put together. Contents of any size are accepted.

    Attributes:
        count: how many styles there are.
    """

    colours = COLOURS

    def __init__(
        self,
        stylise: Callable,
        variables: Sequence[keras.Variable],
        count: int,
        *,
        multiple: int,
        smallest: int,
        tiled: Tiled | None = None,
    ):
        """Args:
        stylise: `(contents [N, H, W, 3], style_weights [N, count]) -> [N, H, W, 3]`, RGB about
            [0, 1], in operations of Keras, such as `nst.perceptual.PerceptualTraining.stylise`.
        variables: all that `stylise` reads.
        count: how many styles there are.
        multiple: heights and widths that `stylise` takes are multiples of it,
        smallest: from this one up, pixels.
        tiled: puts pictures of any size through the network, for example in tiles where they do not
            fit into memory. None: each picture in one piece, see `in_one_piece`.
        """
        self.count, self._sizes = count, {"multiple": multiple, "smallest": smallest}
        self._tiled = in_one_piece if tiled is None else tiled
        self._stylise = engine.compile_by_shape(stylise, variables)

    def prepare(self, content: np.ndarray, styles: Sequence[int], colours: str) -> list[int]:
        """The numbers of the styles.

        Raises:
            ValueError: a number that is none of a style, or `colours` that would change the style.
        """
        if colours not in self.colours:
            raise ValueError(
                f"colours={colours}: the style is in the network, its colours cannot be changed "
                f"beforehand; expected {' or '.join(self.colours)}"
            )
        for style in styles:
            if not 0 <= style < self.count:
                raise ValueError(
                    f"style {style}: this network has learned {self.count}; expected a number from "
                    f"0 to {self.count - 1}"
                )
        return list(styles)

    def render(
        self,
        content: np.ndarray,
        styles: Sequence[int],
        shares: np.ndarray,
        alpha: float,
        masks: Masks | None,
    ) -> np.ndarray:
        """See `Stylizer.render`."""
        content = content.astype(np.float32)
        rows = np.eye(self.count, dtype=np.float32)[list(styles)]
        if masks is None:
            made = self.stylise(content, shares.astype(np.float32) @ rows)
        else:
            transfers = [lambda _, row=row: self.stylise(content, row)[None] for row in rows]
            made = mix(content[None], transfers, shares, masks)[0]
        return made if alpha == 1 else alpha * made + (1 - alpha) * content  # content may be large

    def stylise(self, content: np.ndarray, style_weights: np.ndarray) -> np.ndarray:
        """The network's picture of a content, float32 `[H, W, 3]`, clipped to [0, 1].

        Args:
            content: RGB in [0, 1], `[H, W, 3]` float32.
            style_weights: one number for each style that the network has, `[count]` float32.
        """
        row = style_weights[None]

        def network(pictures: np.ndarray) -> np.ndarray:
            return to_numpy(self._stylise(pictures, row))

        return np.clip(self._tiled(network, content, **self._sizes), 0, 1)


def in_one_piece(
    network: Network, picture: np.ndarray, *, multiple: int, smallest: int
) -> np.ndarray:
    """A network's picture of a picture of any size, in one piece: `[H, W, 3]`.

    The picture is mirrored below and to the right, up to a size that the network takes, and what
    was added is cut off again. See `Tiled` for the arguments.
    """
    height, width = picture.shape[:2]
    pads = [(0, max(smallest - n, -n % multiple)) for n in (height, width)]
    # a mirror of a picture of one pixel is that pixel
    padded = np.pad(picture, [*pads, (0, 0)], mode="symmetric")
    return network(padded[None])[0, :height, :width]
