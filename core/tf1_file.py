"""Reads the networks of NVIDIA's TensorFlow 1 `.pkl` files without TensorFlow 1, executing nothing.

Such a file is a pickle of `(G, D, Gs)`, Gs the moving average of G, each an object of class
`Network` whose state has a list `variables` of (name, array) and perhaps `components`, networks by
name. It also carries the source code that built the network, which is ignored.

Sources: what pickles of tkarras/progressive_growing_of_gans @ 2504c3f (tfutil.py `Network`) and
NVlabs/stylegan @ 1e0d5c7 (dnnlib/tflib/network.py) hold.
"""

import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from core import safe_pickle
from core.errors import InputError
from core.safe_pickle import Call

_ADVICE = "Give a .pkl of ProGAN or StyleGAN for TensorFlow 1"
_NAMES = ("G", "D", "Gs")


class _Object:
    """Stands for an object that the pickle builds: keeps its state."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Dict(OrderedDict):
    def __setstate__(self, state: Any) -> None:
        """Ignores attributes, which BUILD would set."""


class _Dtype(_Object):
    def __init__(self, code: str, *_):
        self.code = code


_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_GLOBALS = {
    ("collections", "OrderedDict"): Call(_Dict),
    ("dnnlib.util", "EasyDict"): _Dict,  # pickles make it without a call, which takes a class
    ("dnnlib", "EasyDict"): _Dict,
    ("numpy", "ndarray"): Call(_Object),  # only an argument of _reconstruct
    ("numpy", "dtype"): Call(_Dtype),
    **{(module, "_reconstruct"): Call(lambda *_: _Object()) for module in _MULTIARRAY},
    **{(module, "scalar"): Call(lambda *_: None) for module in _MULTIARRAY},
    ("_codecs", "encode"): Call(lambda text, _: text.encode("latin1")),
}
_NETWORKS = [("tfutil", "Network"), ("dnnlib.tflib.network", "Network")]


class _Network(_Object):
    """Stands for `Network`."""


def read_networks(path: str | Path) -> dict[str, dict[str, np.ndarray]]:
    """The variables of the networks `G`, `D` and `Gs`, by name and in TensorFlow's layout.

    Those of a component are under its name: `G_mapping/Dense0/weight`. `lod`, a counter of the
    training, is left out.

    Raises:
        InputError: no such file, damaged, or something other than these networks.
    """
    known = _GLOBALS | dict.fromkeys(_NETWORKS, _Network)
    try:
        with open(path, "rb") as file:
            saved = safe_pickle.load(file, known, _ADVICE)
        if not isinstance(saved, tuple) or not all(isinstance(n, _Network) for n in saved):
            raise InputError(f"holds a {type(saved).__name__}, expected (G, D, Gs). {_ADVICE}")
        return {name: _variables(n) for name, n in zip(_NAMES, saved, strict=True)}
    except InputError as error:
        raise InputError(f"{path} {error}.") from error
    except Exception as error:  # no such file, or whatever damage makes pickle raise
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}: {str(error)[:200]}), expected a "
            "TensorFlow 1 .pkl: check the path, or copy a truncated or damaged file again."
        ) from error


def _variables(network) -> dict[str, np.ndarray]:
    state = network.state
    arrays = {str(name): _array(value) for name, value in state["variables"] if name != "lod"}
    for component in dict(state.get("components") or {}).values():
        prefix = component.state["name"]
        arrays |= {f"{prefix}/{name}": value for name, value in _variables(component).items()}
    return arrays


def _array(stub) -> np.ndarray:
    """The array of a stub whose state is (version, shape, type, column order, bytes)."""
    _, shape, dtype, columns_first, raw = stub.state
    order = dtype.state[1].replace("|", "=")
    kind = np.dtype(dtype.code).newbyteorder(order)
    if kind.kind not in "fiub" or len(raw) != kind.itemsize * math.prod(shape):
        raise InputError(
            f"has an array of type {dtype.code} and {len(raw)} bytes, expected numbers of shape "
            f"{shape}. {_ADVICE}"
        )
    flat = np.frombuffer(raw, kind).astype(kind.newbyteorder("="))
    return flat.reshape(shape, order="F" if columns_first else "C")
