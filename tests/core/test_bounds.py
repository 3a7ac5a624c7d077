"""How large settings may be, and networks that do not fit into memory."""

from dataclasses import dataclass
from typing import Any

import keras
import pytest

from core import memory
from core.bounds import Channels, Layers, PictureSize, Sides, check_bounds
from core.errors import InputError
from core.given_numbers import as_number, as_whole, whole_number
from core.weight_limit import weights_within_memory
from gan.pool import ImagePool


@dataclass(frozen=True)
class Inner:
    width: Channels = 4
    free: int = 10**9
    sides: Sides = (4, 4)


@dataclass(frozen=True)
class Outer:
    inner: Any = Inner()
    depth: Layers = 256
    size: PictureSize = (8, 8)


def test_settings_within_their_bounds():
    check_bounds(Outer())
    check_bounds(Outer(size=2**15))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Outer(depth=257), "depth=257: expected 256 or less"),
        (Outer(Inner(width=999_999)), "inner.width=999999: expected 4,096 or less"),
        (Outer(Inner(sides=(4, 10**21))), "inner.sides=(4, 1000000000000000000000): expected"),
        (Outer(size=(8, 10**9)), "size=(8, 1000000000): expected 32,768 or less"),
    ],
)
def test_settings_beyond_them(config, message):
    with pytest.raises(ValueError) as raised:
        check_bounds(config)
    assert message in str(raised.value)


def test_weights_are_counted_before_they_are_made(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 4 * 1000)
    made = keras.layers.Layer.add_weight
    with weights_within_memory(trains=False):
        keras.layers.Dense(9).build((None, 99))  # 900 numbers
    needs = "networks of these settings: 0.0 GiB or more of memory"
    with pytest.raises(InputError, match=needs), weights_within_memory(trains=True):
        keras.layers.Dense(9).build((None, 99))  # training takes the fourfold
    monkeypatch.undo()
    with pytest.raises(InputError, match="Lower the largest"), weights_within_memory(trains=False):
        keras.layers.Dense(10**7).build((None, 10**7))
    assert keras.layers.Layer.add_weight is made


def test_a_pool_that_does_not_fit():
    with pytest.raises(InputError, match="pool_size=3000000000: 2,197,265.6 GiB or more"):
        ImagePool(3_000_000_000, (256, 256, 3), 0)


def test_memory_of_the_machine():
    assert memory.free_memory() <= memory.machine_memory() < 2**50
    memory.check_fits(2**20, "a", "b")
    with pytest.raises(InputError, match="a: 1,073,741,824.0 GiB or more of memory, .* Do b."):
        memory.check_fits(2**60, "a", "Do b.")


def test_numbers_as_text():
    assert [whole_number(text) for text in ("0", "007", "9" * 18)] == [0, 7, 10**18 - 1]
    for text in ("", "-1", "1.0", "²", "9" * 5000, "a"):
        assert whole_number(text) is None


def test_numbers_of_any_type():
    import numpy as np

    assert as_whole("n", np.int64(3)) == as_whole("n", 3) == 3
    assert as_number("n", np.float32(0.5)) == 0.5 and as_number("n", 1) == 1.0
    for bad in (1.0, True, "1", None, [1]):
        with pytest.raises(InputError, match="n=.*: expected a whole number"):
            as_whole("n", bad)
    for bad in (float("nan"), float("inf"), True, "1", None):
        with pytest.raises(InputError, match="n=.*: expected a number"):
            as_number("n", bad)
