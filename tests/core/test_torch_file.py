"""core.torch_file against real PyTorch files (tests/golden/torch_files.md) and damaged ones."""

import copy
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from torch_pickles import (
    HEADER,
    PAIRS,
    SIX,
    metadata,
    number,
    numbers,
    ordered,
    storage,
    stream,
    tensor,
    text,
)

from core.errors import InputError
from core.torch_file import read_state_dict

GOLDEN = Path(__file__).parents[1] / "golden"
ZIP, LEGACY = GOLDEN / "torch_zip.pth", GOLDEN / "torch_legacy.pth"
BOTH = pytest.mark.parametrize("golden", [ZIP, LEGACY], ids=["zip", "legacy"])

EXPECTED = {
    "conv.weight": np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3) / 8,
    "conv.bias": np.array([0.5, -1.5], np.float32),
    "norm.num_batches_tracked": np.array(123456789012, np.int64),
    "transposed": np.array([[0, 3], [1, 4], [2, 5]], np.float64),
    "shared.head": np.array([0, 1, 2, 3], np.float32),
    "shared.columns": np.array([[5, 6], [9, 10]], np.float32),
    "half": np.array([1.0, 0.1, 65504.0], np.float16),
    "brain": np.array([1.0, -2.5, 3.140625], np.float32),
    "mask": np.array([True, False, True]),
    "bytes": np.array([0, 255], np.uint8),
    "parameter": np.array([[7]], np.float32),
    "empty": np.zeros((0, 3), np.float32),
}


def assert_same(values, expected):
    assert list(values) == list(expected)
    for name, array in expected.items():
        assert values[name].dtype == array.dtype, name
        assert values[name].shape == array.shape, name
        np.testing.assert_array_equal(values[name], array, err_msg=name)


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_state_dict(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def write(tmp_path, content):
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    return path


def rezip(tmp_path, changes, compression=zipfile.ZIP_STORED):
    """torch_zip.pth with some entries replaced; None removes one."""
    path = tmp_path / "file.pth"
    with zipfile.ZipFile(ZIP) as old, zipfile.ZipFile(path, "w", compression) as new:
        entries = {name: old.read(name) for name in old.namelist()}
        for name, content in {**entries, **changes}.items():
            if content is not None:
                new.writestr(name, content)
    return path


# --- what is read


@BOTH
def test_reads_every_dtype_and_layout(golden):
    values = read_state_dict(golden)
    assert_same(values, EXPECTED)
    assert all(value.flags.writeable and value.flags.c_contiguous for value in values.values())


def test_tensors_of_one_storage_are_separate_copies():
    values = read_state_dict(str(LEGACY))
    values["shared.head"][:] = -1
    np.testing.assert_array_equal(values["shared.columns"], EXPECTED["shared.columns"])


@pytest.mark.parametrize("name", ["torch_parallel.pth", "torch_wrapped.pth"])
def test_unwraps_checkpoints_and_dataparallel(name):
    weight, bias = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([8, 9], np.float32)
    assert_same(read_state_dict(GOLDEN / name), {"weight": weight, "bias": bias})


@pytest.mark.parametrize("key", ["state_dict", "model", "params", "model_state_dict"])
def test_unwraps_each_known_key(tmp_path, key):
    path = write(tmp_path, stream(b"}" + text(key) + ordered(w=tensor()) + b"s"))
    assert list(read_state_dict(path)) == ["w"]


def test_prefix_of_some_names_is_kept(tmp_path):
    path = write(tmp_path, stream(ordered(**{"module.w": tensor(), "b": tensor()})))
    assert list(read_state_dict(path)) == ["module.w", "b"]


@pytest.mark.parametrize("kind", [b"torch\nFloatStorage", b"torch.cuda\nFloatStorage"])
def test_reads_a_python_2_file_of_old_torch_with_metadata(tmp_path, kind):
    path = write(tmp_path, stream(metadata(ordered(w=tensor(kind=kind)))))
    assert_same(read_state_dict(path), {"w": np.arange(6, dtype=np.float32).reshape(2, 3)})


def test_reads_big_endian_zip_files(tmp_path):
    with zipfile.ZipFile(ZIP) as archive:
        raw = np.frombuffer(archive.read("torch_zip/data/0"), "<f4")
    path = rezip(tmp_path, {"torch_zip/byteorder": b"big"})
    assert read_state_dict(path)["conv.weight"][0, 0, 0, 1] != 0.125
    changes = {"torch_zip/byteorder": b"big", "torch_zip/data/0": raw.astype(">f4").tobytes()}
    values = read_state_dict(rezip(tmp_path, changes))
    np.testing.assert_array_equal(values["conv.weight"], EXPECTED["conv.weight"])
    assert values["conv.weight"].dtype.isnative


def test_zip_without_byteorder_is_little_endian(tmp_path):
    assert_same(read_state_dict(rezip(tmp_path, {"torch_zip/byteorder": None})), EXPECTED)


# --- what is refused, and how


def test_refuses_whole_models():
    message = refusal(GOLDEN / "torch_module.pth")
    assert "torch.nn.modules.linear.Linear" in message
    assert "torch.save(model.state_dict(), path)" in message
    assert "TorchScript" in refusal(GOLDEN / "torch_script.pth")


class Attack:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("place", ["zip", "first", "object", "keys"])
def test_never_executes_the_file(tmp_path, place, protocol):
    attack = pickle.dumps(Attack(f"touch {tmp_path}/executed"), protocol)
    places = {"first": attack, "object": HEADER + attack, "keys": HEADER + b"\x80\x02}." + attack}
    if place == "zip":
        path = rezip(tmp_path, {"torch_zip/data.pkl": attack})
    else:
        path = write(tmp_path, places[place])
    message = refusal(path)
    assert f"{os.system.__module__}.system" in message
    assert "Nothing in it was executed" in message
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "saved",
    [
        b"cbuiltins\neval\n(" + text("1") + b"tR",
        b"c__builtin__\ngetattr\n.",
        b"ctorch.utils.data\nDataset\n",
        b"ccollections\nOrderedDict.fromkeys\n",
    ],
)
def test_refuses_other_globals_by_name(tmp_path, saved):
    module, name = saved[1:].split(b"\n")[:2]
    assert f"{module.decode()}.{name.decode()}" in refusal(write(tmp_path, stream(saved)))


@pytest.mark.parametrize(
    "saved",
    [
        b"ctorch._utils\n_rebuild_tensor\nN}" + text("__defaults__") + b"Ns\x86b",
        b"ctorch._utils\n_rebuild_tensor\n}" + text("function") + b"Nsb",
        b"ccollections\nOrderedDict\nN}" + text("function") + b"Ns\x86b",
    ],
)
def test_attributes_of_the_stand_ins_cannot_be_set(tmp_path, saved):
    refusal(write(tmp_path, stream(saved)))
    assert_same(read_state_dict(LEGACY), EXPECTED)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "web page"),
        (b"\xef\xbb\xbf<html></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (struct.pack("<Q", 2) + b"{}", "safetensors"),
        (b"\x89HDF\r\n\x1a\n", "not a PyTorch file"),
        (pickle.dumps({"w": [1.0]}, 2), "none that torch.save writes"),
        (HEADER, "truncated"),
        (b"PK\x03\x04", "truncated"),
    ],
)
def test_names_files_of_another_kind(tmp_path, content, words):
    assert words in refusal(write(tmp_path, content))


def test_refuses_missing_files_and_directories(tmp_path):
    assert "No such file" in refusal(tmp_path / "none.pth")
    assert "directory" in refusal(tmp_path).lower()


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        (b"]" + tensor() + b"a", "holds a list"),
        (b"}", "holds a dict (keys [])"),
        (tensor(), "holds a tensor"),
        (b"}" + text("epoch") + number(3) + b"s", "['epoch']"),
        (b"}" + number(0) + tensor() + b"s", "holds a dict (keys ['0'])"),
        (ordered(w=tensor(), n=number(3)), "holds a dict (keys ['w', 'n'])"),
    ],
)
def test_refuses_other_objects(tmp_path, saved, words):
    message = refusal(write(tmp_path, stream(saved)))
    assert words in message
    assert "torch.save(model.state_dict(), path)" in message


@pytest.mark.parametrize(
    "options",
    [
        {"offset": 1},
        {"offset": -1},
        {"size": (3, 3)},
        {"size": (-1, 3)},
        {"stride": (-1, 1)},
        {"stride": (1,)},
        {"stride": (2**62, 1)},
        {"size": (5, 2), "stride": (2**62, 1)},
        {"size": (2**62,), "stride": (0,)},
        {"size": (0, 2**62, 2**62), "stride": (1, 1, 1)},
        {"size": (1,) * 70, "stride": (1,) * 70},
        {"kind": b"torch\nQInt8Storage"},
        {"kind": b"torch\nSize"},
        {"view": b"(" + text("2") + number(0) + number(3) + b"t"},
        {"count": 5},
        {"count": -6},
        {"count": 2**62},
        {"key": "2"},
    ],
)
def test_refuses_impossible_tensors(tmp_path, options):
    refusal(write(tmp_path, stream(ordered(w=tensor(**options)))))


@pytest.mark.parametrize("count", [5, 7, 2**62, -1])
def test_refuses_impossible_counts_of_elements(tmp_path, count):
    raw = struct.pack("<q", count) + SIX[8:]
    assert "storage 1" in refusal(write(tmp_path, stream(ordered(w=tensor()), raw=raw)))


def test_storage_of_two_types_is_refused(tmp_path):
    saved = ordered(a=tensor(), b=tensor(kind=b"torch\nIntStorage"))
    assert "unsupported kind" in refusal(write(tmp_path, stream(saved)))


@pytest.mark.parametrize(
    "saved",
    [
        b"Nr\xff\xff\xff\xff",  # memo index
        b"\x96" + struct.pack("<Q", 2**40),  # bytearray
        b"\x8e" + struct.pack("<Q", 2**62),  # bytes
        b"\x95" + struct.pack("<Q", 2**62),  # frame
        b"Np99999999999\n",  # memo index in text
    ],
)
def test_pickle_announcing_more_than_it_has_is_refused(tmp_path, saved):
    refusal(write(tmp_path, stream(saved)))


@pytest.mark.parametrize(
    "changes",
    [
        {"torch_zip/data.pkl": None},
        {"other/data.pkl": b""},
        {"torch_zip/data/0": None},
        {"torch_zip/data/0": b"\0" * 215},
        {"torch_zip/byteorder": b"middle"},
    ],
)
def test_refuses_incomplete_archives(tmp_path, changes):
    refusal(rezip(tmp_path, changes))


def test_refuses_compressed_archives(tmp_path):
    assert "compressed" in refusal(rezip(tmp_path, {}, zipfile.ZIP_DEFLATED))


# --- damage


@BOTH
def test_truncated_files_are_refused(tmp_path, golden):
    content = golden.read_bytes()
    for size in [*range(0, len(content), 5), len(content) - 1]:
        refusal(write(tmp_path, content[:size]))


def read_or_refuse(path):
    """The arrays of a file, none of them larger than it could hold, or None if it was refused."""
    try:
        arrays = read_state_dict(path)
    except InputError:
        return None
    # bfloat16 becomes twice as large
    assert all(array.nbytes <= 2 * path.stat().st_size for array in arrays.values())
    return arrays


@BOTH
def test_flipped_bytes_are_read_or_refused(tmp_path, golden):
    """A zip has checksums: what can still be read is what was written."""
    content, original = golden.read_bytes(), read_state_dict(golden)
    draw = np.random.default_rng(0)
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= int(draw.integers(1, 256))
        arrays = read_or_refuse(write(tmp_path, bytes(damaged)))
        if arrays is not None and golden == ZIP:
            assert list(arrays) == list(original), place
            for name, array in arrays.items():
                np.testing.assert_array_equal(array, original[name], err_msg=f"{name}, {place}")


def test_flipped_bytes_of_the_pickle_are_read_or_refused(tmp_path):
    with zipfile.ZipFile(ZIP) as archive:
        content = archive.read("torch_zip/data.pkl")
    draw = np.random.default_rng(1)
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] = int(draw.integers(256))
        read_or_refuse(rezip(tmp_path, {"torch_zip/data.pkl": bytes(damaged)}))


def test_deleted_and_repeated_runs_are_read_or_refused(tmp_path):
    content = LEGACY.read_bytes()
    draw = np.random.default_rng(2)
    for _ in range(500):
        a, b, c = sorted(draw.integers(0, len(content), 3))
        pieces = [content[:a] + content[b:], content[:b] + content[a:], content[:a] + content[b:c]]
        for piece in pieces:
            read_or_refuse(write(tmp_path, piece))


# --- what would take more time or memory than the file has


def test_one_storage_under_many_names_is_refused(tmp_path):
    large = {"size": (1 << 16,), "stride": (1,), "count": 1 << 16}
    raw = struct.pack("<q", 1 << 16) + bytes(4 << 16)
    path = write(tmp_path, stream(ordered(a=tensor(**large), b=tensor(**large)), raw))
    assert list(read_state_dict(path)) == ["a", "b"]  # tied weights
    saved = ordered(**{f"a{i}": tensor(**large) for i in range(100)})
    assert "repeats its tensors" in refusal(write(tmp_path, stream(saved, raw)))


def test_entries_that_share_their_bytes_are_refused(tmp_path):
    """Many names in the directory of a zip for the same bytes."""
    path = rezip(tmp_path, {"torch_zip/data/x": bytes(1 << 16)})
    with zipfile.ZipFile(path, "a") as archive:
        for i in range(5):
            alias = copy.copy(archive.getinfo("torch_zip/data/x"))
            alias.filename = f"torch_zip/data/x{i}"
            archive.filelist.append(alias)
        archive._didModify = True
    assert "larger than itself" in refusal(path)


@pytest.mark.parametrize("changed", [1, 2, 4])
def test_storages_are_named_by_texts_and_numbers(tmp_path, changed):
    pid = [text("storage"), b"ctorch\nFloatStorage\n", text("1"), text("cpu"), number(6)]
    pid[changed] = PAIRS
    call = b"ctorch._utils\n_rebuild_tensor\n((" + b"".join(pid) + b"tQ" + number(0)
    saved = ordered(w=call + numbers((6,)) + numbers((1,)) + b"tR")
    message = refusal(write(tmp_path, stream(saved)))
    assert "unsupported kind" in message and len(message) < 400


def test_sizes_are_whole_numbers(tmp_path):
    call = b"ctorch._utils\n_rebuild_tensor\n(" + storage() + number(0)
    for size in (PAIRS, b"]", numbers((6,))[:-1] + b"Nt", number(6)):
        saved = ordered(w=call + size + numbers((1,)) + b"tR")
        assert "damaged tensor" in refusal(write(tmp_path, stream(saved)))
