"""Reads a pickle without executing anything in it.

A pickle is a program: only the globals that the caller names (and stands in for) and the opcodes of
`OPCODES` are accepted.
"""

import io
import pickle
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

from core.errors import InputError

# Left out: what allocates as much as it announces (BYTEARRAY8), reaches other registries (EXT1)...
OPCODES = frozenset(
    [
        "PROTO",
        "FRAME",
        "STOP",
        "MARK",
        "NONE",
        "NEWTRUE",
        "NEWFALSE",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "BINFLOAT",
        "BINSTRING",
        "SHORT_BINSTRING",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINBYTES",
        "SHORT_BINBYTES",
        "EMPTY_TUPLE",
        "TUPLE",
        "TUPLE1",
        "TUPLE2",
        "TUPLE3",
        "EMPTY_LIST",
        "APPEND",
        "APPENDS",
        "EMPTY_DICT",
        "SETITEM",
        "SETITEMS",
        "BINPUT",
        "LONG_BINPUT",
        "MEMOIZE",
        "BINGET",
        "LONG_BINGET",
        "GLOBAL",
        "STACK_GLOBAL",
        "REDUCE",
        "NEWOBJ",
        "BUILD",
        "BINPERSID",
    ]
)


class Call(NamedTuple):
    """Stands for a global that the pickle calls; immutable, so that BUILD cannot change it."""

    function: Callable

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


class _Unpickler(pickle.Unpickler):
    def __init__(self, pickled: bytes, known, persistent_load, advice):
        super().__init__(io.BytesIO(pickled))
        self.known, self.advice = known, advice
        self.load_persistent = persistent_load

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.known:
            raise InputError(
                f"refers to {module}.{name}, expected only dense tensors: a whole pickled model, "
                f"or a file not to be trusted. Nothing in it was executed. {self.advice}"
            )
        return self.known[module, name]

    def persistent_load(self, pid: tuple) -> Any:
        return self.load_persistent(pid)


def load(
    stream: BinaryIO,
    known: Mapping[tuple[str, str], Any],
    advice: str,
    persistent_load: Callable[[tuple], Any] | None = None,
) -> Any:
    """The object of the pickle at the stream's position; the stream moves behind the pickle.

    Args:
        stream: a binary file that can seek.
        known: what stands for each global, by module and name; others are refused.
        advice: what to do, the end of every message.
        persistent_load: what gives the object of a persistent id.

    Raises:
        InputError: an unknown global or opcode. The caller puts the file's name before its message.
        Exception: nearly any, for a damaged pickle.
    """
    start = stream.tell()
    opcodes = [(opcode.name, argument) for opcode, argument, _ in pickletools.genops(stream)]
    size = stream.tell() - start
    stream.seek(start)
    unpickler = _Unpickler(stream.read(size), known, persistent_load, advice)
    for name, argument in opcodes:
        if name == "GLOBAL":
            unpickler.find_class(*str(argument).split(" ", 1))
        # the unpickler's memo is allocated up to the index that LONG_BINPUT announces
        if name not in OPCODES or (name == "LONG_BINPUT" and int(argument or 0) > size):
            raise InputError(f"has the pickle opcode {name}, expected tensors. {advice}")
    return unpickler.load()
