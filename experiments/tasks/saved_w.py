"""Writes and reads files of w, in the layout of the official projector: an array `w` in an NPZ."""

import zipfile
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.files import write_whole


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
        with np.load(Path(path).expanduser(), allow_pickle=False) as stored:
            ws = stored["w"]
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"--w={path}: cannot be read as an NPZ file with an array 'w' ({error}). Give a file "
            "that --mode=project has written."
        ) from error
    if ws.ndim != 3 or ws.shape[1:] != tuple(shape) or not len(ws) or ws.dtype.kind != "f":
        raise InputError(
            f"--w={path}: got {ws.dtype} {list(ws.shape)}, expected floats [1, {shape[0]}, "
            f"{shape[1]}] for this model. Give a w of the same model at the same size."
        )
    if not np.isfinite(ws).all():
        raise InputError(f"--w={path}: has numbers that are not finite. Project again.")
    return ws.astype(np.float32)
