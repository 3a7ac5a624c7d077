"""L-BFGS one iteration at a time, on functions whose minimum is known."""

import threading

import numpy as np
import pytest

from nst.gatys import lbfgs
from nst.gatys.lbfgs import LBFGS

TARGET = np.array([[0.3, 0.9, -0.5], [1.7, 0.5, 0.0]])
CURVATURE = np.array([[1.0, 30.0, 3.0], [0.2, 100.0, 7.0]])


def quadratic(point):
    assert point.shape == TARGET.shape
    error = point - TARGET
    return (CURVATURE * error**2).sum() / 2, CURVATURE * error


def points(evaluate=quadratic, start=0.6, count=100, memory=10):
    """Until there are none."""
    minimiser, found = LBFGS(np.full(TARGET.shape, start, "float32"), memory=memory), []
    try:
        while len(found) < count:
            point = minimiser.iterate(evaluate)
            if point is None:
                break
            found.append(point)
        return found
    finally:
        minimiser.close()


def test_finds_the_minimum_of_the_box_and_ends():
    found = points()
    assert len(found) < 100
    np.testing.assert_allclose(found[-1], np.clip(TARGET, 0, 1), atol=1e-6)
    values = [quadratic(p)[0] for p in found]
    assert values == sorted(values, reverse=True)


def test_every_point_lies_in_the_box():
    asked = []

    def evaluate(point):
        asked.append(point.copy())
        return quadratic(point)

    found = points(evaluate)
    for point in (*asked, *found):
        assert point.min() >= 0 and point.max() <= 1
    np.testing.assert_array_equal(asked[0], np.full(TARGET.shape, np.float32(0.6)))


def test_an_iteration_ends_where_it_was_evaluated_last():
    minimiser, asked = LBFGS(np.full(TARGET.shape, 0.6), memory=5), []
    for _ in range(4):
        point = minimiser.iterate(lambda p: (asked.append(p.copy()), quadratic(p))[1])
        np.testing.assert_array_equal(point, asked[-1])
    minimiser.close()


def test_the_first_step_is_short_however_large_the_gradient():
    asked = []

    def evaluate(point):
        asked.append(point.copy())
        value, gradient = quadratic(point)
        return 1e9 * value, 1e9 * gradient

    points(evaluate, count=1)
    assert np.abs(asked[1] - asked[0]).max() == pytest.approx(0.1, rel=1e-6)


def test_a_minimum_is_the_end_also_when_asked_again():
    minimiser = LBFGS(np.clip(TARGET, 0, 1), memory=5)
    assert minimiser.iterate(quadratic) is None
    assert minimiser.iterate(quadratic) is None
    minimiser.close()


def test_no_way_down_is_the_end():
    assert points(lambda p: (1.0, np.ones_like(p)), start=0.5) == []


def test_the_same_calls_give_the_same_points():
    one, two = points(count=12), points(count=12)
    assert len(one) > 3
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one[1], points(count=12, start=0.7)[1])


def test_an_error_of_the_function_comes_back_and_leaves_no_thread():
    before = set(threading.enumerate())

    def fail(point):
        raise RuntimeError("out of memory")

    minimiser = LBFGS(np.zeros(3), memory=5)
    (thread,) = set(threading.enumerate()) - before
    with pytest.raises(RuntimeError, match="out of memory"):
        minimiser.iterate(fail)
    minimiser.close()
    assert not thread.is_alive()


def test_an_error_of_scipy_comes_back(monkeypatch):
    def minimize(*arguments, **options):
        raise ValueError("of SciPy")

    monkeypatch.setattr(lbfgs, "minimize", minimize)
    with pytest.raises(ValueError, match="of SciPy"):
        points()


@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_closing_in_the_middle_leaves_no_thread(iterations):
    before = set(threading.enumerate())
    minimiser = LBFGS(np.full(TARGET.shape, 0.6), memory=5)
    assert len(set(threading.enumerate()) - before) == 1
    for _ in range(iterations):
        minimiser.iterate(quadratic)
    minimiser.close()
    assert set(threading.enumerate()) <= before
