"""core.safe_pickle against pickles made to exhaust their reader."""

import io
import struct
import subprocess
import sys
import time

import pytest

from core import safe_pickle
from core.errors import InputError
from core.safe_pickle import Call, Record

KNOWN = {
    ("a", "dict"): Call(safe_pickle.dictionary),
    ("a", "encode"): Call(str.encode),
    ("a", "list"): Call(lambda values: list(values)),
    ("a", "Record"): Call(Record),
    ("a", "constant"): "constant",
}


def load(content):
    return safe_pickle.load(io.BytesIO(content), KNOWN, "Advice")


def refusal(content):
    begin = time.perf_counter()
    with pytest.raises(InputError, match="Advice$") as caught:
        load(content)
    assert time.perf_counter() - begin < 60
    assert len(str(caught.value)) < 400
    return str(caught.value)


def doubled(times):
    """t = (t, t), so many times: 2 ** times leaves in a few bytes."""
    pairs = (b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(times))
    return b")" + b"".join(pairs)


@pytest.mark.parametrize("times", [20, 40, 120])
@pytest.mark.parametrize("use", [b"%s.", b"}%sNs.", b"]%sa.", b"ca\ndict\n]](%sNeae\x85R."])
def test_shared_tuples_are_refused(times, use):
    assert "repeats" in refusal(use % doubled(times))


def test_lists_that_grow_after_use_are_refused():
    """Lists put into one another while empty, so that each seems to hold little."""
    assert "in use" in refusal(b"]q\x00]q\x01h\x00ah\x00Na.")
    assert "in use" in refusal(b"]q\x00h\x00a.")  # a list in itself
    assert "in use" in refusal(b"ca\nRecord\n)Rq\x00]h\x00ah\x00}b.")


def test_nesting_is_bounded():
    assert load(b")" + b"\x85" * 90 + b".")
    assert "deeper than" in refusal(b")" + b"\x85" * 200_000 + b".")
    assert "deeper than" in refusal(b"]" * 300 + b"a" * 299 + b".")


def test_deep_keys_do_not_overflow_the_stack():
    """In a process of its own, which a crash would end."""
    code = (
        "import io; from core import safe_pickle; from core.errors import InputError\n"
        "pickled = b'})' + b'\\x85' * 200_000 + b'Ns.'\n"
        "try: safe_pickle.load(io.BytesIO(pickled), {}, '')\n"
        "except InputError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


@pytest.mark.parametrize(
    "use",
    [b"})Ns.", b"}()Nu.", b"\x8f()\x90.", b"}ca\nRecord\n)RNs.", b"ca\ndict\n]]()Nea\x85R."],
)
def test_keys_are_text_or_numbers(use):
    assert "as a key" in refusal(use)


def test_many_opcodes_are_refused(monkeypatch):
    assert safe_pickle.MOST_OPCODES <= 1_000_000  # else a list of 40 MB of None takes 2 GB
    monkeypatch.setattr(safe_pickle, "MOST_OPCODES", 1000)
    assert "opcodes" in refusal(b"](" + b"N" * 1001 + b"e.")


def test_long_names_make_short_messages():
    long = b"X" + struct.pack("<I", 3 << 20) + b"x" * (3 << 20)
    refusal(long + long + b"\x93.")
    refusal(b"ca\n" + b"x" * 900 + b"\n.")
    with pytest.raises(ValueError, match="no newline"):
        load(b"ca\n" + b"x" * 5000 + b"\n.")
    assert "refers to a tuple.a dict" in refusal(b")}\x93.")


@pytest.mark.parametrize(
    ("function", "argument"),
    [(b"encode", b"X" + struct.pack("<I", 10**5) + b"x" * 10**5), (b"list", b"](" + b"N" * 10**4)],
)
def test_calls_do_not_multiply_what_they_are_given(function, argument):
    argument += b"e" * (function == b"list")
    call = b"ca\n" + function + b"\nh\x00\x85R"
    assert "calls with more" in refusal(b"](" + argument + b"q\x00" + call * 1000 + b"e.")


def test_only_calls_are_called():
    for wrong in (b"ca\nconstant\n)R.", b"N)R.", b"ca\nRecord\n]R."):
        with pytest.raises(TypeError):
            load(wrong)


def test_plain_names_what_is_not():
    assert safe_pickle.plain({"a": [1, (2.5, None)], "b": {"c": True}}) == {
        "a": [1, (2.5, None)],
        "b": {"c": True},
    }
    with pytest.raises(InputError, match="a record under settings.b.c"):
        safe_pickle.plain({"b": {"c": [Record()]}})
