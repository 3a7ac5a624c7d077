"""Torch files in the stream format, their pickles of protocol 2 as Python 2 wrote them, by hand."""

import pickle
import struct


def text(value):
    return b"U" + bytes([len(value)]) + value.encode()


def number(value):
    return (
        b"J" + struct.pack("<i", value)
        if abs(value) < 2**31
        else b"\x8a\x09" + value.to_bytes(9, "little", signed=True)
    )


def numbers(values):
    return b"(" + b"".join(number(value) for value in values) + b"t"


def storage(key="1", count=6, kind=b"torch\nFloatStorage", view=b"N"):
    return (
        b"(" + text("storage") + b"c" + kind + b"\n" + text(key) + text("cuda:0") + number(count)
        + view + b"tQ"
    )  # fmt: skip


def tensor(size=(2, 3), stride=(3, 1), offset=0, **options):
    call = b"ctorch._utils\n_rebuild_tensor\n("
    return call + storage(**options) + number(offset) + numbers(size) + numbers(stride) + b"tR"


def ordered(**items):
    pairs = b"".join(b"](" + text(name) + item + b"e" for name, item in items.items())
    return b"ccollections\nOrderedDict\n](" + pairs + b"e\x85R"


def metadata(kept):
    return kept + b"}" + text("_metadata") + ordered() + b"sb"


HEADER = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + b"\x80\x02}."
SIX = struct.pack("<q6f", 6, 0, 1, 2, 3, 4, 5)


def stream(saved, raw=SIX):
    keys = b"](" + text("1") + b"e" if b"tQ" in saved else b"]"
    return HEADER + b"\x80\x02" + saved + b"." + b"\x80\x02" + keys + b"." + raw


# tuples of tuples, shared
PAIRS = b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(9))
