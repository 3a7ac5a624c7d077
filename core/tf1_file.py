"""Reads the networks of NVIDIA's TensorFlow 1 `.pkl` files without TensorFlow 1, executing nothing.

Such a file is a pickle of `(G, D, Gs)`, Gs the moving average of G, each an object of class
`Network` whose state has a list `variables` of (name, array) and perhaps `components`, networks by
name. It also carries the source code that built the network, which is ignored.

Sources: what pickles of tkarras/progressive_growing_of_gans @ 2504c3f (tfutil.py `Network`) and
NVlabs/stylegan @ 1e0d5c7 (dnnlib/tflib/network.py) hold.
"""

from pathlib import Path
from typing import Any

from core import numpy_records, safe_pickle
from core.errors import InputError
from core.files import open_regular
from core.named_state import NamedState
from core.names import reason
from core.safe_pickle import Call, Record

_ADVICE = "Give a .pkl of ProGAN, StyleGAN or StyleGAN2 for TensorFlow 1"
_NAMES = ("G", "D", "Gs")
_SLACK = 1 << 20  # bytes of arrays that a file of any size may share


class _Network(Record):
    """Stands for `Network`."""


_GLOBALS = {
    ("collections", "OrderedDict"): Call(safe_pickle.dictionary),
    ("dnnlib.util", "EasyDict"): Call(safe_pickle.dictionary),
    ("dnnlib", "EasyDict"): Call(safe_pickle.dictionary),
    ("tfutil", "Network"): Call(_Network),
    ("dnnlib.tflib.network", "Network"): Call(_Network),
    **numpy_records.GLOBALS,
}


def read_networks(path: str | Path) -> dict[str, NamedState]:
    """The variables of the networks `G`, `D` and `Gs`, by name and in TensorFlow's layout.

    Those of a component are under its name: `G_mapping/Dense0/weight`. `lod`, a counter of the
    training, is left out. `settings` are the network's `static_kwargs` (`resolution`, `fmap_base`,
    ...) and, where the file has them, its `version`, from 4 on of StyleGAN2, and the name of the
    function that built it, `build_func_name`.

    Raises:
        InputError: no such file, damaged, or something other than these networks.
    """
    try:
        with open_regular(path) as file:
            saved = safe_pickle.load(file, _GLOBALS, _ADVICE)
        if not isinstance(saved, tuple) or not all(isinstance(n, _Network) for n in saved):
            raise InputError(f"holds a {type(saved).__name__}, expected (G, D, Gs). {_ADVICE}")
        most = 4 * Path(path).stat().st_size + _SLACK
        return {name: _named_state(n, most) for name, n in zip(_NAMES, saved, strict=True)}
    except InputError as error:
        raise InputError(f"{path} {error}.") from error
    except Exception as error:  # no such file, or whatever damage makes pickle raise
        raise InputError(
            f"{path} cannot be read ({reason(error)}), expected a "
            "network .pkl of NVIDIA's: check the path, or copy a truncated or damaged file again."
        ) from error


def _named_state(network: _Network, most: int) -> NamedState:
    records, total = _variables(network), 0
    arrays = {}
    for name, record in records.items():
        arrays[name] = numpy_records.array(record)
        total += arrays[name].nbytes
        if total > most:
            raise InputError(f"repeats its arrays: they are larger than the file. {_ADVICE}")
    settings = safe_pickle.plain(network.state.get("static_kwargs") or {})
    known = {key: network.state.get(key) for key in ("version", "build_func_name")}
    return NamedState(arrays, settings | {k: v for k, v in known.items() if type(v) in (int, str)})


def _variables(network: Any, prefix: str = "") -> dict[str, numpy_records.Array]:
    """The records of the arrays of a network and of its components, by name."""
    state = network.state
    records = {}
    for name, value in state["variables"]:
        if name == "lod":
            continue
        if type(name) is not str or not isinstance(value, numpy_records.Array):
            raise InputError(f"has a variable without a name or array, expected both. {_ADVICE}")
        records[prefix + name] = value
    for component in dict(state.get("components") or {}).values():
        name = component.state["name"]
        if type(name) is not str:
            raise InputError(f"has a component without a name. {_ADVICE}")
        records |= _variables(component, f"{prefix}{name}/")
    return records
