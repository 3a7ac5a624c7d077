"""Mutations of files: always the same ones for the same seed."""

import numpy as np

_NUMBERS = (b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00" * 8, b"\xff" * 8)


def mutations(content: bytes, count: int, seed: int = 0):
    """Yields `count` damaged copies of a file's bytes, one to four changes in each."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        data = bytearray(content)
        for _ in range(random.integers(1, 5)):
            _CHANGES[random.integers(len(_CHANGES))](data, random)
        yield bytes(data)


def _place(data, random):
    return int(random.integers(len(data) + 1))


def _flip(data, random):
    if data:
        data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))


def _overwrite(data, random):
    place, number = _place(data, random), _NUMBERS[random.integers(len(_NUMBERS))]
    data[place : place + len(number)] = number


def _cut(data, random):
    del data[_place(data, random) :]


def _remove(data, random):
    place = _place(data, random)
    del data[place : place + int(random.integers(1, 50))]


def _repeat(data, random):
    place = _place(data, random)
    data[place:place] = data[place : place + int(random.integers(1, 200))] * 3


def _insert(data, random):
    place = _place(data, random)
    data[place:place] = random.bytes(int(random.integers(1, 30)))


# damage to a byte is likelier, as most else is noticed at once
_CHANGES = (_flip, _flip, _flip, _overwrite, _overwrite, _cut, _remove, _repeat, _insert)
