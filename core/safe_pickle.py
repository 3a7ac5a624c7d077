"""Reads a pickle without executing anything in it.

A pickle is a program for a machine with a stack. This one has no other instructions than those of
`_Machine`, calls nothing but what the caller has put in the place of a global, and never takes much
more time or memory than the pickle has bytes. Refused are:

- a dictionary key or member of a set that is neither text nor a number (a tuple's hash can overflow
  the C stack, or take for ever);
- nesting beyond `DEEPEST`, and more objects than bytes, those shared counted wherever they appear;
- what changes after something else has taken it in, as only cycles do;
- more than `MOST_OPCODES`.

Sources: pickletools of Python's standard library, which describes every opcode.
"""

import pickletools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import IO, Any, BinaryIO, NamedTuple, cast

from core.errors import InputError
from core.names import short

DEEPEST = 100  # levels; those of a StyleGAN2 generator are 32
MOST_OPCODES = 1_000_000  # StyleGAN3's pickles have some 30,000
_SMALL = 10_000  # objects that a pickle of any size may have
_LONGEST_NAME = 1000  # characters of a global
_KEYS = (str, int, float, bool, bytes, type(None))


class Call(NamedTuple):
    """Stands for a global that the pickle calls."""

    function: Callable

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


class Record:
    """Stands for an object of a class that is not here: what it was made of, and its state."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None


def dictionary(pairs: Iterable = ()) -> dict:
    """Stands for `OrderedDict` and classes like it: a dict of (key, value) pairs.

    Raises:
        InputError: a key that is neither text nor a number.
    """
    pairs = list(pairs)
    check_keys([key for key, _ in pairs])
    return dict(pairs)


def check_keys(keys: Iterable) -> None:
    """Checks the type of keys before they are hashed.

    Raises:
        InputError: one that is neither text nor a number.
    """
    for key in keys:
        if type(key) not in _KEYS:
            raise InputError(f"has a {type(key).__name__} as a key, expected text or a number")


def plain(value: Any, name: str = "settings") -> Any:
    """A copy of settings in dicts, lists, tuples, texts and numbers.

    Raises:
        InputError: names what is something else.
    """
    if isinstance(value, dict):
        return {
            key: plain(part, f"{short(name, 80)}.{short(key, 40)}") for key, part in value.items()
        }
    if isinstance(value, (list, tuple, set)):
        return type(value)(plain(part, name) for part in value)
    if type(value) in _KEYS:
        return value
    raise InputError(
        f"has a {type(value).__name__.strip('_').lower()} under {name}, expected text or numbers"
    )


def load(
    stream: BinaryIO,
    known: Mapping[tuple[str, str], Any],
    advice: str,
    persistent_load: Callable[[tuple], Any] | None = None,
) -> Any:
    """The object of the pickle at the stream's position; the stream moves behind the pickle.

    Args:
        stream: a binary file that can seek.
        known: what stands for each global, by module and name; others are refused. Only a `Call`
            can be called, and only the state of a `Record` is kept.
        advice: what to do, the end of every message.
        persistent_load: what gives the object of a persistent id.

    Raises:
        InputError: an unknown global or opcode, or one of the excesses above. The caller puts the
            file's name before its message.
        Exception: nearly any, for a damaged pickle.
    """
    rest = _Rest(stream)
    machine = _Machine(known, persistent_load, rest.size)
    try:
        for count, (opcode, argument, _) in enumerate(_opcodes(rest)):
            if count > MOST_OPCODES:
                raise InputError(f"has more than {MOST_OPCODES} opcodes, expected a few thousand")
            machine.do(opcode.name, argument)
    except InputError as error:
        raise InputError(f"{error}. {advice}") from error
    return machine.stack[-1].value


def first_opcode(stream: BinaryIO) -> str:
    """The name of the first opcode that makes something; the stream moves."""
    names = (opcode.name for opcode, _, _ in _opcodes(_Rest(stream)))
    return next(name for name in names if name not in ("PROTO", "FRAME"))


def _opcodes(rest: "_Rest") -> Iterator[tuple[pickletools.OpcodeInfo, Any, Any]]:
    return pickletools.genops(cast(IO[bytes], rest))


class _Rest:
    """A stream that reads no more than it has: a file allocates what `read` asks for at once."""

    def __init__(self, stream: BinaryIO):
        self.stream = stream
        start = stream.tell()
        self.end = stream.seek(0, 2)
        self.size = self.end - start
        stream.seek(start)

    def read(self, count: int) -> bytes:
        return self.stream.read(min(count, self.end - self.stream.tell()))

    def readline(self) -> bytes:
        return self.stream.readline(_LONGEST_NAME)

    def tell(self) -> int:
        return self.stream.tell()


class _Item:
    """A value on the stack.

    Attributes:
        value: the value.
        depth: levels below it.
        count: objects in it, itself included, those shared counted wherever they appear.
        taken: whether something holds it; its depth and count then stand.
    """

    __slots__ = ("value", "depth", "count", "taken")

    def __init__(self, value: Any):
        self.value, self.depth, self.count, self.taken = value, 0, 1, False


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT")
_TEXTS = ("BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE")
_LITERALS = (*_NUMBERS, *_TEXTS, "BINBYTES", "SHORT_BINBYTES")
_GETS, _PUTS = ("BINGET", "LONG_BINGET"), ("BINPUT", "LONG_BINPUT")


class _Machine:
    def __init__(self, known, persistent_load, size: int):
        self.known, self.load_persistent = known, persistent_load
        self.most = max(size, _SMALL)  # objects
        self.copied = 0  # elements, characters and bytes of the arguments of calls
        self.stack: list[_Item] = []
        self.marked: list[list[_Item]] = []  # the stacks below each mark
        self.memo: dict[int, _Item] = {}

    def do(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self.stack.append(_Item(argument))
        elif name in _GETS:
            self.stack.append(self.memo[argument])
        elif name in _PUTS:
            self.memo[argument] = self.stack[-1]
        elif name in _CONSTANTS:
            self.stack.append(_Item(_CONSTANTS[name]))
        elif name in _EMPTY:
            self.stack.append(_Item(_EMPTY[name]()))
        elif name in _TUPLES:
            self.tuple(self.pop(_TUPLES[name]))
        else:
            method = getattr(self, f"do_{name.lower()}", None)
            if method is None:
                raise InputError(f"has the pickle opcode {name}, expected tensors")
            method(argument)

    # --- the parts of instructions

    def pop(self, count: int) -> list[_Item]:
        items = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        if len(items) != count:
            raise IndexError("the pickle's stack is empty")
        return items

    def pop_mark(self) -> list[_Item]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def tuple(self, items: list[_Item]) -> None:
        self.push(tuple([item.value for item in items]), items)

    def push(self, value: Any, parts: list[_Item]) -> None:
        item = _Item(value)
        self.take(item, parts)
        self.stack.append(item)

    def take(self, item: _Item, parts: list[_Item]) -> None:
        """Counts the parts as parts of an item, before they are put into it."""
        for part in parts:
            part.taken = True
        if item.taken:
            raise InputError("changes an object that is in use, expected none that holds itself")
        for part in parts:
            item.depth = max(item.depth, part.depth + 1)
            item.count += part.count
        if item.depth > DEEPEST:
            raise InputError(f"is nested deeper than {DEEPEST} levels, expected few")
        if item.count > self.most:
            raise InputError("repeats its objects more often than it has bytes, expected few")

    def target(self, kind: type) -> Any:
        """The value on top, which has to be of this type exactly."""
        value = self.stack[-1].value
        if type(value) is not kind:
            raise TypeError(f"{type(value).__name__} in place of a {kind.__name__}")
        return value

    def find(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str or (module, name) not in self.known:
            raise InputError(
                f"refers to {_short(module)}.{_short(name)}, expected only dense tensors: a whole "
                "pickled model, or a file not to be trusted. Nothing in it was executed"
            )
        self.stack.append(_Item(self.known[module, name]))

    # --- instructions

    def do_proto(self, _) -> None:
        """Nothing: the opcodes are the same in all versions."""

    def do_frame(self, _) -> None:
        """Nothing: a frame says how far to read ahead."""

    def do_stop(self, _) -> None:
        """Nothing: the object is on top."""

    def do_mark(self, _) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def do_tuple(self, _) -> None:
        self.tuple(self.pop_mark())

    def do_memoize(self, _) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def do_append(self, _) -> None:
        self.append(self.pop(1))

    def do_appends(self, _) -> None:
        self.append(self.pop_mark())

    def append(self, items: list[_Item]) -> None:
        values = self.target(list)
        self.take(self.stack[-1], items)
        values.extend(item.value for item in items)

    def do_additems(self, _) -> None:
        items = self.pop_mark()
        values = self.target(set)
        self.take(self.stack[-1], items)
        check_keys(item.value for item in items)
        values.update(item.value for item in items)

    def do_setitem(self, _) -> None:
        self.set_items(self.pop(2))

    def do_setitems(self, _) -> None:
        self.set_items(self.pop_mark())

    def set_items(self, items: list[_Item]) -> None:
        values = self.target(dict)
        self.take(self.stack[-1], items)
        check_keys(item.value for item in items[::2])
        for key, value in zip(items[::2], items[1::2], strict=True):
            values[key.value] = value.value

    def do_global(self, argument: str) -> None:
        self.find(*argument.split(" ", 1))

    def do_stack_global(self, _) -> None:
        module, name = self.pop(2)
        self.find(module.value, name.value)

    def do_reduce(self, _) -> None:
        """Calls what stands for a global. It may copy what it is given, the same many times."""
        function, args = self.pop(2)
        if type(function.value) is not Call or type(args.value) is not tuple:
            raise TypeError(f"a call of {type(function.value).__name__}")
        self.copied += sum(len(a) for a in args.value if isinstance(a, Collection))
        if self.copied > 2 * self.most:
            raise InputError("calls with more than it has bytes, expected less")
        self.push(function.value(*args.value), [args])

    do_newobj = do_reduce

    def do_build(self, _) -> None:
        """Gives a record its state; attributes of other objects are ignored or refused."""
        (state,) = self.pop(1)
        value = self.stack[-1].value
        if isinstance(value, Record):
            self.take(self.stack[-1], [state])
            value.state = state.value
        elif type(value) is not dict:
            raise TypeError(f"attributes of a {type(value).__name__}")

    def do_binpersid(self, _) -> None:
        (pid,) = self.pop(1)
        if self.load_persistent is None or type(pid.value) is not tuple:
            raise InputError("refers to another file, expected everything in this one")
        self.push(self.load_persistent(pid.value), [pid])


def _short(name: Any) -> str:
    return short(name, 80) if type(name) is str else f"a {type(name).__name__}"
