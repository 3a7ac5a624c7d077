"""Flow, consistency, steadying and flicker on frames whose motion is known."""

import importlib.util
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from core.errors import InputError
from nst import video

SHAPE = (72, 80)
OPENCV = pytest.mark.skipif(not importlib.util.find_spec("cv2"), reason="OpenCV is not installed")


def texture(seed, shape=(110, 120)):
    """Smooth noise, RGB in [0, 1]."""
    values = np.random.default_rng(seed).normal(size=(*shape, 3))
    values = gaussian_filter(values, (2, 2, 0))
    return np.float32((values - values.min()) / np.ptp(values))


def window(picture, row, column, shape=SHAPE):
    return picture[row : row + shape[0], column : column + shape[1]]


def constant(row, column):
    return np.broadcast_to(np.float32([[[row]], [[column]]]), (2, *SHAPE))


# --- flow


def test_warp_by_whole_pixels():
    picture = texture(0)
    before, now = window(picture, 10, 10), window(picture, 13, 8)
    warped = video.warp(before, constant(3, -2))  # what is here was three rows below before
    np.testing.assert_allclose(warped[:-3, 2:], now[:-3, 2:], atol=1e-6)
    assert np.array_equal(warped[-1, 2:], before[-1, :-2])  # from outside: the nearest


def test_warp_between_pixels_is_bilinear():
    ramp = np.broadcast_to(np.arange(80.0)[None, :, None], (*SHAPE, 1))
    warped = video.warp(ramp, constant(0, 0.25))
    np.testing.assert_allclose(warped[:, :-1, 0], ramp[:, :-1, 0] + 0.25, atol=1e-5)


def shifted(shape, shift):
    """Two frames of a texture, the later one of which has moved."""
    picture = texture(0, (shape[0] + 20, shape[1] + 20))
    if shape != SHAPE:
        picture = gaussian_filter(picture, (3, 3, 0)) * 4 - 1.5
    before = window(picture, 10, 10, shape)
    return before, window(picture, 10 + shift[0], 10 + shift[1], shape)


def without_opencv(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)


@pytest.mark.parametrize("method", ["tvl1", pytest.param("dis", marks=OPENCV)])
@pytest.mark.parametrize(("shape", "shift"), [(SHAPE, (3, -2)), ((300, 400), (6, -4))])
def test_flow_finds_a_shift_in_pixels_of_the_frame(shape, shift, method):
    """The second is estimated at a smaller size, at least by TV-L1."""
    before, now = shifted(shape, shift)
    flow = video.optical_flow(now, before, method)
    assert flow.shape == (2, *shape) and flow.dtype == np.float32
    inside = flow[:, 15:-15, 15:-15]
    np.testing.assert_allclose(np.median(inside, (1, 2)), shift, atol=0.2)
    assert np.abs(inside - np.array(shift)[:, None, None]).mean() < 0.4


@OPENCV
def test_dis_at_a_smaller_size_is_in_pixels_of_the_frame(monkeypatch):
    before, now = shifted((300, 400), (6, -4))
    monkeypatch.setitem(video.METHODS, "dis", (video.METHODS["dis"][0], 200))
    flow = video.optical_flow(now, before, "dis")[:, 15:-15, 15:-15]
    np.testing.assert_allclose(np.median(flow, (1, 2)), (6, -4), atol=0.2)


@OPENCV
@pytest.mark.parametrize("shape", [(2, 2), (5, 40), (16, 17)])
def test_dis_of_small_frames(shape):
    frame = window(texture(0), 0, 0, shape)
    flow = video.optical_flow(frame, frame, "dis")
    assert flow.shape == (2, *shape) and np.abs(flow).max() < 0.1


@OPENCV
def test_dis_steadies_as_well():
    """A panned clip: the flow holds, and the steadied results flicker less."""
    picture = texture(0, (110, 130))
    contents = [window(picture, 2 * t, 3 * t) for t in range(4)]
    steadier = video.Steadier(0.8, flow="dis")
    for t, content in enumerate(contents):
        steadier(content, noisy(content, t))
    found = steadier.flicker()
    assert found["content"] < 0.1 * found["stylized"]
    assert found["steadied"] < 0.4 * found["stylized"]
    assert not video.motion(contents[0], window(texture(1), 0, 0), "dis")[1].any()  # a cut


def test_dis_without_opencv_says_how_to_install_it(monkeypatch):
    without_opencv(monkeypatch)
    with pytest.raises(InputError, match="pip install opencv-python-headless.*flow='tvl1'"):
        video.Steadier(0.5, flow="dis")
    frame = window(texture(0), 0, 0)
    assert np.array_equal(video.Steadier(0.5)(frame, frame), frame)  # nothing else needs it


def test_unknown_flow():
    with pytest.raises(ValueError, match="flow='farneback': expected one of tvl1, dis"):
        video.Steadier(0.5, flow="farneback")


# --- where it holds


def test_opposite_flows_hold_but_for_what_comes_from_outside():
    holds = video.consistent(constant(3, -2), constant(-3, 2))
    assert holds[:-3, 2:].all() and not holds[-3:].any() and not holds[:, :2].any()


@pytest.mark.parametrize(
    ("forward", "expected"),
    [((0.7, 0), True), ((0.72, 0), False), ((0.5, 0.5), True), ((0.52, 0.5), False)],
)
def test_the_published_tolerance_at_rest(forward, expected):
    """0.99 times the square of the difference is at most 0.5."""
    assert (video.consistent(constant(0, 0), constant(*forward)) == expected).all()


def test_the_tolerance_grows_with_motion():
    holds = [video.consistent(constant(0, 30), constant(0, -30 - d))[:, :40] for d in (4.2, 4.9)]
    assert holds[0].all() and not holds[1].any()  # 4.25² = 0.01 (30² + 34.25²) + 0.5, about


@pytest.mark.parametrize(("slope", "expected"), [(0.04, True), (0.06, False)])
def test_motion_boundaries_do_not_hold(slope, expected):
    backward = np.zeros((2, *SHAPE))
    backward[1] = slope * (np.arange(80) - 40)  # near column 40 the flow itself is about 0
    forward = np.zeros((2, *SHAPE))
    forward[1] = -slope / (1 + slope) * (np.arange(80) - 40)
    assert (video.consistent(backward, forward)[:, 38:43] == expected).all()


def test_what_a_moving_thing_uncovers_does_not_hold():
    backward, forward = np.zeros((2, *SHAPE)), np.zeros((2, *SHAPE))
    forward[1, 20:40, 20:40] = 8  # the thing before
    backward[1, 20:40, 28:48] = -8  # and now
    holds = video.consistent(backward, forward)
    assert not holds[20:40, 20:28].any()  # ground that it covered
    assert holds[22:38, 31:46].all() and holds[:, 60:].all() and holds[50:].all()


def test_nothing_holds_after_a_cut():
    one, two = window(texture(0), 0, 0), window(texture(1), 0, 0)
    assert not video.motion(one, two)[1].any()
    assert video.motion(one, one)[1].all()


def test_frames_without_any_texture():
    flow, holds = video.motion(np.zeros((*SHAPE, 3), "f"), np.ones((*SHAPE, 3), "f"))
    assert np.isfinite(flow).all() and holds.dtype == bool


def test_the_warping_error_is_the_mean_square_where_the_flow_holds():
    frame, carried = np.zeros((2, 2, 3)), np.full((2, 2, 3), 0.5)
    frame[0, 0], holds = 9, np.array([[False, True], [True, False]])
    carried[1, 0] = 0.1
    assert video.warping_error(frame, carried, holds) == pytest.approx((0.25 + 0.01) / 2)


# --- steadying


def noisy(content, seed):
    """A styliser that does something else with every frame."""
    noise = np.random.default_rng(seed).normal(0, 0.1, content.shape)
    return np.float32(1 - content + noise)


def test_a_clip_that_stands_still_does_not_flicker():
    steadier, content = video.Steadier(0.5), window(texture(0), 0, 0)
    for _ in range(3):
        assert np.array_equal(steadier(content, 1 - content), 1 - content)
    assert steadier.flicker() == {"content": 0, "stylized": 0, "steadied": 0}


def test_results_are_mixed_with_the_steadied_one_before():
    steadier, content = video.Steadier(0.5), window(texture(0), 0, 0)
    results = [noisy(content, seed) for seed in range(3)]
    steadied = [steadier(content, result) for result in results]
    assert np.array_equal(steadied[0], results[0])
    np.testing.assert_allclose(steadied[1], (results[0] + results[1]) / 2, atol=1e-6)
    np.testing.assert_allclose(steadied[2], (steadied[1] + results[2]) / 2, atol=1e-6)
    found = steadier.flicker()
    assert found["stylized"] == pytest.approx(2 * 0.1**2, rel=0.05)
    changes = [np.square(b - a).mean() for a, b in zip(steadied, steadied[1:], strict=False)]
    assert found["steadied"] == pytest.approx(np.mean(changes), rel=1e-5)


def test_a_moving_clip_flickers_less_the_more_it_is_steadied(monkeypatch):
    picture, found = texture(0, (110, 130)), []
    contents = [window(picture, 2 * t, 3 * t) for t in range(5)]
    motions = [video.motion(*pair) for pair in zip(contents, contents[1:], strict=False)]
    frames = [id(content) for content in contents]
    monkeypatch.setattr(video, "motion", lambda _, now, *a: motions[frames.index(id(now)) - 1])
    for steady in (0.0, 0.4, 0.8):
        steadier = video.Steadier(steady)
        results = [steadier(content, noisy(content, t)) for t, content in enumerate(contents)]
        assert all(np.array_equal(r, noisy(c, t)) == (steady == 0 or t == 0)
                   for t, (c, r) in enumerate(zip(contents, results, strict=True)))  # fmt: skip
        found.append(steadier.flicker())
    assert found[0].keys() == {"content", "stylized"}
    assert found[0]["content"] < 0.1 * found[0]["stylized"]
    assert found[2]["steadied"] < 0.5 * found[1]["steadied"] < 0.5 * found[0]["stylized"]
    assert found[1]["stylized"] == found[2]["stylized"] == found[0]["stylized"]


def test_a_cut_is_neither_steadied_nor_counted():
    steadier, (one, two) = video.Steadier(0.9), (window(texture(i), 0, 0) for i in (0, 1))
    steadier(one, one)
    assert np.array_equal(steadier(two, 1 - two), 1 - two)
    assert steadier.flicker() == {}


def test_plain_pictures_of_two_colours_do_not_mix():
    """Flow holds there."""
    steadier, black = video.Steadier(0.9), np.zeros((*SHAPE, 3), "f")
    steadier(black, black)
    np.testing.assert_allclose(steadier(black + 1, black + 0.5), 0.5, atol=1e-6)


def test_a_margin_around_what_does_not_hold_is_not_steadied(monkeypatch):
    holds = np.ones(SHAPE, bool)
    holds[:, 40] = False
    monkeypatch.setattr(video, "motion", lambda *_: (constant(0, 0), holds))
    steadier, content = video.Steadier(0.5), np.zeros((*SHAPE, 3), "f")
    steadier(content, content)
    found = steadier(content, content + 1)[..., 0]
    fresh = np.abs(np.arange(80) - 40) <= video.MARGIN
    assert (found[:, fresh] == 1).all() and np.allclose(found[:, ~fresh], 0.5)


@pytest.mark.parametrize("steady", [-0.1, 1, 1.5, float("nan")])
def test_steady_out_of_range(steady):
    with pytest.raises(ValueError, match=f"steady={steady:g}: expected a number from 0"):
        video.Steadier(steady)
