"""A metric ends between two batches when it is no longer wanted."""

import numpy as np
import pytest

from experiments.metrics.checks import blocks
from experiments.metrics.features import progress
from experiments.metrics.polling import poll, polling
from experiments.metrics.statistics import precision_recall


class Enough(Exception):
    pass


def after(count):
    """A check that stops at the call after the first `count`."""
    calls = []

    def check():
        calls.append(None)
        if len(calls) > count:
            raise Enough

    return check


def test_nobody_is_asked_outside_of_the_block():
    with polling(after(0)):
        with polling(after(1)):
            poll()
        with pytest.raises(Enough):
            poll()
    poll()


def test_batches_end_at_the_next_one():
    seen = []
    with polling(after(3)), pytest.raises(Enough):
        for batch in progress(([i] for i in range(9)), "title", None):
            seen.append(batch)
    assert seen == [[0], [1], [2]]


def test_statistics_end_at_the_next_block():
    seen = []
    with polling(after(2)), pytest.raises(Enough):
        seen.extend(map(len, blocks(np.zeros((50, 4)), 10)))
    assert seen == [10, 10]
    features = np.random.default_rng(0).normal(size=(50, 4))
    with polling(after(2)), pytest.raises(Enough):
        precision_recall(features, features + 0.1)
