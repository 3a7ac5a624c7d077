"""Torch files written here are read back; PyTorch itself is not needed for either."""

import zipfile

import numpy as np

from core.torch_file import read_state_dict
from core.torch_writer import write_state_dict


def test_what_is_written_is_read_back(tmp_path):
    rng = np.random.default_rng(0)
    state = {
        "scalar": np.float32(3.5),
        "b4.weight": rng.normal(size=(300, 2, 3, 3)).astype("float32"),
        "turned": np.arange(6, dtype="float32").reshape(2, 3).T[::-1],
        "이름": np.arange(70_000, dtype="float64"),
        "empty": np.zeros((0, 3), "float32"),
    }
    write_state_dict(tmp_path / "a.pth", state)
    found = read_state_dict(tmp_path / "a.pth")
    assert list(found) == list(state)
    for name, value in state.items():
        assert found[name].dtype == np.float32 and found[name].shape == np.shape(value)
        np.testing.assert_array_equal(found[name], value)


def test_the_file_has_what_pytorch_asks_for(tmp_path):
    """The entries of torch.save; none is compressed."""
    write_state_dict(tmp_path / "a.pth", {"x": np.ones(3, "float32")})
    with zipfile.ZipFile(tmp_path / "a.pth") as archive:
        names = ["archive/data.pkl", "archive/byteorder", "archive/data/0", "archive/version"]
        assert archive.namelist() == names
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
