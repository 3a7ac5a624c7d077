"""Files of arrays that ask for more than they have, or for what is in other files."""

import io
import os
import warnings
import zipfile

import h5py
import numpy as np
import pytest

from core.errors import InputError
from core.stored import open_hdf5, open_npz

VALUES = np.arange(6, dtype="f4").reshape(2, 3)
BIG = 64 << 20  # bytes


def read(open_file, path, name="a"):
    with open_file(path) as stored:
        return stored[name].read()


def refusal(open_file, path, name="a"):
    with pytest.raises(InputError) as caught:
        read(open_file, path, name)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    return str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_shapes_come_before_values(save, tmp_path):
    save(tmp_path / "a.npz", a=VALUES, b=np.array("text"), c=np.asfortranarray(VALUES))
    with open_npz(tmp_path / "a.npz") as stored:
        assert list(stored) == ["a", "b", "c"] and "d" not in stored
        assert (stored["a"].shape, stored["a"].dtype) == ((2, 3), np.float32)
        assert str(stored["b"].read()) == "text"
        for name in "ac":
            np.testing.assert_array_equal(stored[name].read(), VALUES, strict=True)


def test_a_small_file_does_not_fill_the_memory(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.zeros(BIG, "u1"), b=VALUES)
    assert path.stat().st_size < BIG / 100
    assert "unpacks to more than four times its size at a" in refusal(open_npz, path)
    np.testing.assert_array_equal(read(open_npz, path, "b"), VALUES)  # the other one is not read
    np.savez_compressed(path, **{f"a{i}": np.zeros(1 << 19, "u1") for i in range(9)})
    with open_npz(path) as stored, pytest.raises(InputError, match="unpacks to more"):
        [item.read() for item in stored.values()]


def with_header(path, header, content=b""):
    text = header.encode() + b" " * 40 + b"\n"
    magic = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", magic + text + content)
    return path


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 'x'}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2,)}",
        "[" * 5000,
        "{'descr': [('a', '<f4')] * 10**9}",
        "",
    ],
)
def test_headers_that_lie(header, tmp_path):
    refusal(open_npz, with_header(tmp_path / "a.npz", header, b"x" * 8))


def test_objects_and_two_of_one_name_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    assert "Object arrays" in refusal(open_npz, tmp_path / "a.npz")
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        warnings.simplefilter("ignore")
        for value in (VALUES, VALUES + 1):
            content = io.BytesIO()
            np.save(content, value)
            archive.writestr("a.npy", content.getvalue())
    assert "two arrays of one name" in refusal(open_npz, tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", VALUES)
    assert "holds one array" in refusal(open_npz, tmp_path / "c.npy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_pipes_and_folders_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        for open_file in (open_npz, open_hdf5):
            with pytest.raises(
                (InputError, OSError), match="expected a regular file|directory|denied"
            ):
                read(open_file, path)


# --- HDF5


def hdf5(path, fill):
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def test_hdf5(tmp_path):
    def fill(file):
        file["group/a"] = VALUES
        file["group/again"] = file["group"]  # a loop of hard links
        file["soft"] = h5py.SoftLink("/group/a")
        file.create_dataset("empty", shape=(0, 3))

    with open_hdf5(hdf5(tmp_path / "a.h5", fill)) as stored:
        assert set(stored) == {"group/a", "empty"}
        assert stored["group/a"].shape == (2, 3)
        np.testing.assert_array_equal(stored["group/a"].read(), VALUES, strict=True)
        assert stored["empty"].read().shape == (0, 3)


def test_hdf5_keeps_out_of_other_files(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(VALUES.tobytes()))
    other = hdf5(tmp_path / "other.h5", lambda file: file.create_dataset("a", data=VALUES))

    def external(file):
        file.create_dataset("a", (2, 3), "f4", external=[(str(secret), 0, 24)])

    def virtual(file):
        layout = h5py.VirtualLayout((2, 3), "f4")
        layout[:] = h5py.VirtualSource(str(other), "a", (2, 3))
        file.create_virtual_dataset("a", layout)

    def linked(file):
        file["a"] = h5py.ExternalLink(str(other), "a")

    def deep(file):
        file["b/c"] = VALUES
        file["b/a"] = h5py.ExternalLink(str(other), "a")

    for fill in (external, virtual, linked, deep):
        path = hdf5(tmp_path / f"{fill.__name__}.h5", fill)
        assert "a in another file, expected all in this one" in refusal(open_hdf5, path)


def test_hdf5_values_that_are_not_there(tmp_path):
    def nothing(file):
        file.create_dataset("a", (1000, 1000), "f4", fillvalue=1.0)

    def part(file):
        file.create_dataset("a", (BIG,), "u1", chunks=(1000,), fillvalue=1)[:1000] = 2

    def packed(file):
        file.create_dataset("a", data=np.zeros(BIG, "u1"), chunks=(1 << 20,), compression=9)

    def text(file):
        file["a"] = ["variable", "length"]

    messages = {nothing: "unpacks to more", part: "unpacks to more", packed: "unpacks to more",
                text: "of another kind"}  # fmt: skip
    for fill, message in messages.items():
        assert message in refusal(open_hdf5, hdf5(tmp_path / f"{fill.__name__}.h5", fill))
    path = hdf5(tmp_path / "few.h5", lambda file: file.create_dataset("a", (10,), "f4"))
    assert "has no values of a" in refusal(open_hdf5, path)
