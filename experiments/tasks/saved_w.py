"""Writes and reads files of w, in the layout of the official projector: an array `w` in an NPZ."""

from pathlib import Path

import numpy as np

from core.errors import InputError
from core.files import write_whole
from core.names import reason
from core.paths import user_path
from core.stored import Stored, open_npz


def write_w(path: Path, ws: np.ndarray) -> None:
    """Writes styles `[N, layers, w_dim]` as float32 under the key `w`."""
    write_whole(path, lambda file: np.savez(file, w=ws.astype(np.float32)), durable=False)


def read_w(path: str | Path, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the styles of a file, float32 `[N, layers, w_dim]`, mostly with N 1.

    Args:
        path: the file.
        shape: layers and w_dim of the model.

    Raises:
        InputError: it is no NPZ with the key `w`, or its array has another shape or type.
    """
    try:
        with open_npz(user_path(path)) as stored:
            found = stored["w"]
            fits = _fits(found, shape)
            ws = found.read() if fits else np.empty(0)
    except Exception as error:  # damaged files raise exceptions of many kinds
        raise InputError(
            f"--w={path}: cannot be read as an NPZ file with an array 'w' ({reason(error)}). Give "
            "a file that --mode=project has written."
        ) from error
    if not fits:
        raise InputError(
            f"--w={path}: got {found.dtype} {list(found.shape)}, expected floats [1, {shape[0]}, "
            f"{shape[1]}] for this model. Give a w of the same model at the same size."
        )
    with np.errstate(over="ignore"):  # an overflow gives infinity
        ws = ws.astype(np.float32)
    if not np.isfinite(ws).all():
        raise InputError(f"--w={path}: has numbers that are not finite. Project again.")
    return ws


def _fits(stored: Stored, shape: tuple[int, ...]) -> bool:
    found = stored.shape
    return (
        len(found) == 3 and found[1:] == tuple(shape) and found[0] > 0 and stored.dtype.kind == "f"
    )
