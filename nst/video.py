"""Steadying a stylised clip by the optical flow of its content, and measuring how it flickers.

Positions are (row, column). A flow `[2, H, W]` says, in pixels, how far from each position of a
frame its content was in the frame before. No Keras is needed here.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import map_coordinates, minimum_filter
from skimage.color import rgb2gray
from skimage.registration import optical_flow_tvl1
from skimage.transform import resize

from core.errors import InputError

MARGIN = 4  # pixels around positions whose flow does not hold that are not steadied, either
VISIBILITY = 50  # how fast a result is forgotten if its content changes, see `visibility`
# where flow holds for a smaller share of the positions, it is another scene. In 30 pairs of
# unrelated photographs the share is 0.01 in the median and 0.10 at most; in a panned photograph
# with a moving thing it is 0.96
CUT = 0.25


def optical_flow(frame: np.ndarray, other: np.ndarray, method: str = "tvl1") -> np.ndarray:
    """How far from each position of a frame its content is in another frame.

    "tvl1" is the TV-L1 of scikit-image (Zach et al. 2007,
    https://doi.org/10.1007/978-3-540-74936-3_22). "dis" is the DIS of OpenCV (Kroeger et al. 2016,
    https://arxiv.org/abs/1603.03590), which is faster and needs the package
    opencv-python-headless. Each is estimated at a moderate size, see `METHODS`, and scaled up.

    Args:
        frame, other: RGB in [0, 1], `[H, W, 3]`.
        method: a key of `METHODS`.

    Returns:
        float32 `[2, H, W]`: `frame[y, x]` is like `other[y + flow[0, y, x], x + flow[1, y, x]]`.

    Raises:
        ValueError: an unknown method.
        InputError: "dis" without OpenCV.
    """
    check_method(method)
    estimate, size = METHODS[method]
    shape = frame.shape[:2]
    scale = min(1, size / max(shape))
    small = tuple(max(2, round(n * scale)) for n in shape)
    one, two = (resize(rgb2gray(x), small, anti_aliasing=scale < 1) for x in (frame, other))
    axes = zip(estimate(one, two), shape, small, strict=True)
    return np.stack([resize(part, shape, order=1) * (n / m) for part, n, m in axes])


def _dis(frame, other):
    """The flow of OpenCV's DIS, for grey pictures `[H, W]` in [0, 1]: float32 `[2, H, W]`."""
    cv2 = _opencv()
    height, width = frame.shape
    pads = [(0, max(0, DIS_LEAST - n)) for n in frame.shape]
    one, two = (np.pad(np.rint(255 * x).astype(np.uint8), pads, "edge") for x in (frame, other))
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(one, two, None)
    return np.moveaxis(flow[:height, :width, ::-1], -1, 0)  # OpenCV has (column, row)


def _opencv():
    try:
        import cv2  # optional, and slow to import
    except ImportError as error:
        raise InputError(
            "flow='dis' needs OpenCV, which is not installed: run `pip install "
            "opencv-python-headless`, or take flow='tvl1'."
        ) from error
    return cv2


DIS_LEAST = 16  # height and width that DIS needs, pixels; smaller pictures are padded
# each method's estimate for grey pictures, and the longer side in pixels that it is made at
METHODS: dict[str, tuple[Callable, int]] = {"tvl1": (optical_flow_tvl1, 256), "dis": (_dis, 512)}


def check_method(method: str) -> None:
    """Refuses a method of optical flow that cannot be used.

    Raises:
        ValueError: it is not a key of `METHODS`.
        InputError: it is "dis", and OpenCV is not installed.
    """
    if method not in METHODS:
        raise ValueError(f"flow={method!r}: expected one of {', '.join(METHODS)}")
    if method == "dis":
        _opencv()


def warp(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The frame before, moved along the flow to this frame's positions, by bilinear interpolation.

    Args:
        picture: the frame before, float `[H, W, C]`.
        flow: from this frame to the one before, `[2, H, W]`. Where it leads out of the picture, the
            nearest position is taken.

    Returns:
        float32 `[H, W, C]`.
    """
    places = np.indices(flow.shape[1:]) + flow
    parts = np.moveaxis(picture, -1, 0)
    channels = [map_coordinates(part, places, order=1, mode="nearest") for part in parts]
    return np.stack(channels, -1).astype(np.float32)


def consistent(backward: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """Where the flow to the frame before can be relied on ("holds"): bool `[H, W]`.

    Let `b` be the backward flow, `f` the forward flow, and `f'` the forward flow warped by `b`. The
    flow does not hold where

    - the way there and back does not return, `|f' + b|² > 0.01 (|f'|² + |b|²) + 0.5`:
        disocclusions;
    - it changes fast, `|∇b₀|² + |∇b₁|² > 0.01 |b|² + 0.002`: motion boundaries, where flow is not
      exact;
    - it leads out of the frame.

    Source of the first two: Sundaram et al. 2010 (https://doi.org/10.1007/978-3-642-15549-9_32), as
    used by Ruder et al. 2016 (https://arxiv.org/abs/1604.08610).

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


def motion(
    previous: np.ndarray, frame: np.ndarray, method: str = "tvl1"
) -> tuple[np.ndarray, np.ndarray]:
    """`(flow, holds)`: the flow from a frame to the one before, float32 `[2, H, W]`, and where it
    holds, bool `[H, W]`. After a cut, and in frames of one row or column, it holds nowhere.

    Args:
        previous, frame: RGB in [0, 1], `[H, W, 3]`.
        method: see `optical_flow`, which is called twice.
    """
    shape = frame.shape[:2]
    if min(shape) < 2:
        return np.zeros((2, *shape), np.float32), np.zeros(shape, bool)
    backward = optical_flow(frame, previous, method)
    holds = consistent(backward, optical_flow(previous, frame, method))
    return backward, holds & (holds.mean() >= CUT)


def warping_error(frame: np.ndarray, carried: np.ndarray, holds: np.ndarray) -> float:
    """The mean squared difference between a frame and the warped frame before, over all channels
    and the positions whose flow holds.

    Source: Lai et al. 2018 (https://arxiv.org/abs/1808.00449), with the mean over channels of their
    code (phoenix104104/fast_blind_video_consistency @ 8154b60, evaluate_WarpError.py). They warp
    the later frame to the earlier one; here it is the other way round.

    Args:
        frame: `[H, W, C]` in [0, 1].
        carried: the frame before, moved by `warp`, `[H, W, C]`.
        holds: where the flow holds, bool `[H, W]`; it must hold somewhere.
    """
    return float(np.mean(np.square(frame[holds] - carried[holds], dtype=np.float64)))


def visibility(frame: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """How much of the frame before can still be seen at each position, `[H, W]` in [0, 1].

    It is exp(-50 |difference|²), from the temporal losses of Lai et al. 2018. It notices what flow
    cannot: fades, and plain pictures that change their colour.

    Args:
        frame: RGB in [0, 1], `[H, W, 3]`.
        carried: the frame before, moved by `warp`, `[H, W, 3]`.
    """
    return np.exp(-VISIBILITY * np.square(frame - carried).sum(-1))


class Steadier:
    """Steadies a stylised clip, frame by frame, and measures how much it flickers.

    Each result is mixed with the steadied result before, warped along the flow of the content. That
    is done where the flow holds, and less where the content changed its look (`visibility`). Ruder
    et al. 2016 ask for the same by a loss on a picture that is optimised; a trained network has no
    such loss, so its results are mixed.

    Brush strokes reach over the edges of moving things, where the flow of the ground would drag
    them along; `MARGIN` keeps such trails away. Only the last frame is kept, however long the clip.

    Processor time of a frame, measured on two busy cores: with "tvl1" 1.9 s at 256 x 256 pixels and
    3.4 s at 1024 x 1024, with "dis" 0.08 s and 1.2 s.
    """

    def __init__(self, steady: float = 0.0, flow: str = "tvl1"):
        """Args:
        steady: the share of the result before, from 0 (it only measures) to below 1.
        flow: how optical flow is estimated, see `optical_flow`: "tvl1", or "dis" with OpenCV. They
            give slightly different results.

        Raises:
            ValueError: `steady` is out of range, or `flow` is unknown.
            InputError: "dis" without OpenCV.
        """
        if not 0 <= steady < 1:
            raise ValueError(f"steady={steady:g}: expected a number from 0 (off) to below 1")
        check_method(flow)
        self.steady, self.method = steady, flow
        self._last: dict[str, np.ndarray] | None = None
        self._errors: list[list[float]] = []

    def __call__(self, content: np.ndarray, result: np.ndarray) -> np.ndarray:
        """The next frame's result, steadied: RGB in [0, 1], `[H, W, 3]`.

        Args:
            content: the frame, RGB in [0, 1], `[H, W, 3]`.
            result: the stylised frame, RGB in [0, 1], `[H, W, 3]`.
        """
        frames = {"content": content, "stylized": result}
        if self.steady:
            frames["steadied"] = result
        if self._last is not None:
            flow, holds = motion(self._last["content"], content, self.method)
            if holds.any():
                self._compare(self._last, frames, flow, holds)
        self._last = frames
        return frames.get("steadied", result)

    def _compare(self, before, frames, flow, holds):
        """Steadies the result in `frames`, and notes how far they are from the frames before."""
        carried = {name: warp(last, flow) for name, last in before.items()}
        if self.steady:
            share = self.steady * visibility(frames["content"], carried["content"])
            share = (share * minimum_filter(holds, 2 * MARGIN + 1))[..., None]
            frames["steadied"] = (1 - share) * frames["stylized"] + share * carried["steadied"]
        self._errors.append([warping_error(frames[name], carried[name], holds) for name in frames])

    def flicker(self) -> dict[str, float]:
        """The mean `warping_error` of the content ("content"), the results ("stylized") and, if it
        steadies, the steadied results ("steadied").

        The mean is taken over all pairs of successive frames except cuts, which Lai et al. count as
        0. Empty if there are no such pairs.
        """
        if not self._errors or self._last is None:
            return {}
        return dict(zip(self._last, np.mean(self._errors, 0).tolist(), strict=True))
