"""Frames that belong together: optical flow, where it holds, steadying and flicker. NumPy only.

Positions are (row, column). A flow `[2, H, W]` says, in pixels, where each position of a frame was
in the frame before.
"""

import numpy as np
from scipy.ndimage import map_coordinates, minimum_filter
from skimage.color import rgb2gray
from skimage.registration import optical_flow_tvl1
from skimage.transform import resize

FLOW_SIZE = 256  # longer side of the pictures that flow is estimated on, pixels
MARGIN = 4  # pixels around what does not hold that are not steadied, either
VISIBILITY = 50  # how fast results of content that changed are forgotten, see `visibility`
# below this share of positions that hold, it is another scene. 30 pairs of unrelated photographs
# have 0.01 in the median and 0.10 at most, a panned photograph with a moving thing has 0.96
CUT = 0.25


def optical_flow(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where each position of a frame is in another one.

    TV-L1 (Zach et al. 2007, https://doi.org/10.1007/978-3-540-74936-3_22) of scikit-image,
    estimated at `FLOW_SIZE` and scaled up: 0.3 seconds on two CPU cores, 0.5 at 1024 pixels.

    Args:
        frame, other: RGB in [0, 1], `[H, W, 3]`.

    Returns:
        float32 `[2, H, W]`: `frame[y, x]` is like `other[y + flow[0, y, x], x + flow[1, y, x]]`.
    """
    shape = frame.shape[:2]
    scale = min(1, FLOW_SIZE / max(shape))
    small = tuple(max(2, round(n * scale)) for n in shape)
    one, two = (resize(rgb2gray(x), small, anti_aliasing=scale < 1) for x in (frame, other))
    flow = optical_flow_tvl1(one, two)
    return np.stack([resize(part, shape, order=1) * (n / m)
                     for part, n, m in zip(flow, shape, small, strict=True)])  # fmt: skip


def warp(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The frame before, moved to where it is in this one: bilinear, float32.

    Args:
        picture: float `[H, W, C]`.
        flow: `[2, H, W]`. Positions from outside of the picture have the nearest one's value.
    """
    places = np.indices(flow.shape[1:]) + flow
    channels = [map_coordinates(part, places, order=1, mode="nearest")
                for part in np.moveaxis(picture, -1, 0)]  # fmt: skip
    return np.stack(channels, -1).astype(np.float32)


def consistent(backward: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """Where the flow to the frame before holds: bool `[H, W]`.

    With the backward flow `b`, the forward flow `f` and `f'` = `f` warped by `b`, it does not where

    - the way back leads elsewhere, `|f' + b|² > 0.01 (|f'|² + |b|²) + 0.5`: disocclusions;
    - `|∇b₀|² + |∇b₁|² > 0.01 |b|² + 0.002`: motion boundaries, where flow is not exact;
    - it leads out of the frame.

    The first two are Sundaram et al. 2010 (https://doi.org/10.1007/978-3-642-15549-9_32) as used by
    Ruder et al. 2016 (https://arxiv.org/abs/1604.08610).

    Args:
        backward: `[2, H, W]`, pixels, from this frame to the one before.
        forward: `[2, H, W]`, pixels, from the frame before to this one.
    """
    limits = np.array(backward.shape[1:])[:, None, None] - 1
    places = np.indices(backward.shape[1:]) + backward
    inside = ((places >= 0) & (places <= limits)).all(0)
    back_again = np.moveaxis(warp(np.moveaxis(forward, 0, -1), backward), -1, 0)
    length = _squared(backward)
    disoccluded = _squared(back_again + backward) > 0.01 * (_squared(back_again) + length) + 0.5
    slope = sum(_squared(np.stack(np.gradient(part))) for part in backward)
    return inside & ~disoccluded & (slope <= 0.01 * length + 0.002)


def _squared(vectors):
    return np.square(vectors).sum(0)


def motion(previous: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The flow from a frame to the one before, `[2, H, W]`, and where it holds, bool `[H, W]`:
    nowhere after a cut. Two estimates of flow, about 0.6 seconds.

    Args:
        previous, frame: RGB in [0, 1], `[H, W, 3]`; a row or a column alone has no flow that holds.
    """
    shape = frame.shape[:2]
    if min(shape) < 2:
        return np.zeros((2, *shape), np.float32), np.zeros(shape, bool)
    backward = optical_flow(frame, previous)
    holds = consistent(backward, optical_flow(previous, frame))
    return backward, holds & (holds.mean() >= CUT)


def warping_error(frame: np.ndarray, carried: np.ndarray, holds: np.ndarray) -> float:
    """How much a frame differs from the one before, warped: the mean square over the positions
    that hold and the channels.

    Lai et al. 2018 (https://arxiv.org/abs/1808.00449), with the mean over channels of their code
    (phoenix104104/fast_blind_video_consistency @ 8154b60, evaluate_WarpError.py). They warp the
    later frame to the earlier one.

    Args:
        frame, carried: `[H, W, C]`, in [0, 1].
        holds: bool `[H, W]`, somewhere true.
    """
    return float(np.mean(np.square(frame[holds] - carried[holds], dtype=np.float64)))


def visibility(frame: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """How much of the frame before is still to be seen: `exp(-50 |difference|²)` of RGB in [0, 1],
    `[H, W, 3]` -> `[H, W]` in [0, 1].

    Lai et al. 2018, in their temporal losses. It sees what flow does not: a plain picture that
    turns into another, fades.
    """
    return np.exp(-VISIBILITY * np.square(frame - carried).sum(-1))


class Steadier:
    """Steadies a stylised clip, frame by frame, and measures how much it flickers.

    Where the content's flow holds, and as far as the content is as it was (`visibility`), a result
    is mixed with the steadied one before, warped by that flow. Ruder et al. 2016 ask the same of an
    optimised picture by a loss; a network that is already trained has none, so its results are
    mixed. Strokes reach over the edges of moving things, where the ground's flow would drag them
    along: `MARGIN` keeps those trails away. Holds one frame, whatever the clip's length.
    """

    def __init__(self, steady: float = 0.0):
        """Args:
            steady: the share of the result before, from 0 (only measures) to below 1.

        Raises:
            ValueError: out of range.
        """  # fmt: skip
        if not 0 <= steady < 1:
            raise ValueError(f"steady={steady:g}: expected a number from 0 (off) to below 1")
        self.steady = steady
        self._last, self._errors = None, []

    def __call__(self, content: np.ndarray, result: np.ndarray) -> np.ndarray:
        """The next frame, steadied; costs what `motion` does.

        Args:
            content, result: RGB in [0, 1], `[H, W, 3]`.

        Returns:
            RGB in [0, 1], `[H, W, 3]`.
        """
        frames = {"content": content, "stylized": result}
        if self.steady:
            frames["steadied"] = result
        if self._last is not None:
            flow, holds = motion(self._last["content"], content)
            if holds.any():
                self._compare(frames, flow, holds)
        self._last = frames
        return frames.get("steadied", result)

    def _compare(self, frames, flow, holds):
        """Steadies the last of `frames`, and notes what changed since the frames before."""
        carried = {name: warp(last, flow) for name, last in self._last.items()}
        if self.steady:
            share = self.steady * visibility(frames["content"], carried["content"])
            share = (share * minimum_filter(holds, 2 * MARGIN + 1))[..., None]
            frames["steadied"] = (1 - share) * frames["stylized"] + share * carried["steadied"]
        self._errors.append([warping_error(frames[name], carried[name], holds) for name in frames])

    def flicker(self) -> dict[str, float]:
        """The mean `warping_error` of content, results and, if it steadies, steadied results.

        Over all pairs of frames but cuts (Lai et al. count those as 0); empty where there are none.
        """
        if not self._errors:
            return {}
        return dict(zip(self._last, np.mean(self._errors, 0).tolist(), strict=True))
