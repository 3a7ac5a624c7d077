"""Several items at once: the order stays, few are taken ahead, an error ends the work."""

import threading

import pytest

from experiments.tasks.side_by_side import side_by_side


def test_results_come_in_the_order_of_the_items():
    later = threading.Event()

    def work(i):
        if i == 0:
            assert later.wait(10)  # the first ends after the second
        else:
            later.set()
        return -i

    assert list(side_by_side(work, range(5), threads=2)) == [0, -1, -2, -3, -4]


def test_few_items_are_taken_ahead():
    taken = []
    results = side_by_side(lambda i: i, (taken.append(i) or i for i in range(100)), threads=3)
    for i in range(10):
        assert next(results) == i and len(taken) <= i + 4
    results.close()
    assert len(taken) < 20


@pytest.mark.parametrize("place", ["work", "items"])
def test_an_error_ends_the_work(place):
    def items():
        for i in range(50):
            if place == "items" and i == 3:
                raise ValueError("3")
            yield i

    def work(i):
        if place == "work" and i == 3:
            raise ValueError("3")
        done.append(i)

    done = []
    with pytest.raises(ValueError, match="3"):
        list(side_by_side(work, items(), threads=2))
    assert len(done) < 10
