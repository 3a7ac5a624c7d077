"""What stands for NumPy's arrays, dtypes and scalars in a pickle that `core.safe_pickle` reads.

Sources: numpy, `ndarray.__reduce__`, `dtype.__reduce__` and `generic.__reduce__`.
"""

import math
from typing import Any

import numpy as np

from core.errors import InputError
from core.names import short
from core.safe_pickle import Call, Record

_KINDS = {f"{kind}{size}" for kind in "iuf" for size in (1, 2, 4, 8)} - {"f1"} | {"b1"}


class _Dtype(Record):
    """`args` are (code, ...), the state (version, byte order, ...)."""


class Array(Record):
    """The state is (version, shape, dtype, column order, bytes)."""


def _encode(text: Any, _encoding: Any) -> bytes:
    return _checked(text, str).encode("latin1")


def _scalar(dtype: Any, raw: Any) -> bool | int | float:
    kind = _dtype(dtype)
    if type(raw) is not bytes or len(raw) != kind.itemsize:
        raise InputError(f"has a damaged number of type {kind}, expected {kind.itemsize} bytes")
    return np.frombuffer(raw, kind)[0].item()


_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
GLOBALS = {
    ("numpy", "ndarray"): Call(Array),  # only an argument of _reconstruct
    ("numpy", "dtype"): Call(_Dtype),
    **{(module, "_reconstruct"): Call(lambda *_: Array()) for module in _MODULES},
    **{(module, "scalar"): Call(_scalar) for module in _MODULES},
    ("_codecs", "encode"): Call(_encode),
}


def array(record: Array) -> np.ndarray:
    """The array of a record, the caller's own and in the machine's byte order.

    Raises:
        InputError: an array of something other than numbers, or of another size than its shape.
    """
    _, shape, dtype, columns_first, raw = _checked(record.state, tuple)
    kind = _dtype(dtype)
    sizes = [_checked(n, int) for n in _checked(shape, tuple)]
    if type(raw) is not bytes or len(sizes) > 32 or len(raw) != kind.itemsize * math.prod(sizes):
        raise InputError(f"has an array whose bytes do not fit its shape {short(sizes)} of {kind}")
    flat = np.frombuffer(raw, kind).astype(kind.newbyteorder("="))
    return flat.reshape(sizes, order="F" if columns_first else "C")


def _dtype(record: Any) -> np.dtype:
    code = record.args[0] if isinstance(record, _Dtype) and record.args else None
    if type(code) is not str or code not in _KINDS:
        name = short(code, 20) if type(code) is str else "unknown"
        raise InputError(f"has an array of type {name}, expected numbers")
    order = _checked(record.state, tuple)[1]
    return np.dtype(code).newbyteorder("=" if order == "|" else _checked(order, str))


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise InputError(f"has a damaged array: {type(value).__name__} in place of {kind.__name__}")
    return value
