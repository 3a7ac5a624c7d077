"""Reads damaged copies of a file, with limits of memory and time; a process of its own.

    python tests/fuzz/child.py READER FILE COUNT SEED

A reader refuses a copy with an InputError of one short line, or gives arrays. Those of a file with
checksums are the same as of the whole file, though some may be missing, which whoever reads it by
name notices. Anything else ends the process with another status.
"""

import faulthandler
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from mutations import mutations  # noqa: E402

from core.errors import InputError  # noqa: E402

MEMORY = 3 << 30  # bytes of addresses, NumPy's threads among them
SECONDS = 60  # for one copy, on a busy machine
CHECKED = ("npz", "torch_zip", "saved_model", "png")  # readers of files with checksums


def npz(path):
    from core.stored import open_npz

    with open_npz(path) as stored:
        return {name: item.read() for name, item in stored.items()}


def hdf5(path):
    from core.stored import open_hdf5

    with open_hdf5(path) as stored:
        return {name: item.read() for name, item in stored.items()}


def torch(path):
    from core.torch_file import read_state_dict

    return read_state_dict(path)


torch_zip = torch


def nvidia(path):
    from core.nvidia_file import read

    return read(path)[0]


def tf1(path):
    from core.tf1_file import read_networks

    return read_networks(path)["Gs"]


def onnx(path):
    from core.onnx_file import read_onnx

    return read_onnx(path)


def tflite(path):
    from core.tflite_file import read_tflite

    return read_tflite(path)


def saved_model(path):
    from core.saved_model import read_saved_model

    return read_saved_model(path)


def png(path):
    from experiments.data import pictures

    return {"picture": pictures.read(path)}


jpeg = gif = tiff = webp = ppm = png


def lines(path):
    from core.files import read_json_lines
    from experiments.training.declared import check_metrics

    rows = read_json_lines(path, check=check_metrics)
    return {f"{i} {k}": np.float64(v) for i, row in enumerate(rows) for k, v in row.items()}


def config(path):
    from core.files import read_json
    from experiments.training.declared import check_config

    try:
        check_config(content := read_json(path))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return {"model": np.array(content["config"]["model"])}


def digest(arrays):
    return {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}


def check(read, path, whole):
    """Reads a copy; returns whether it was refused."""
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        arrays = read(path)
    except InputError as error:
        if len(str(error)) > 1000 or "\n" in str(error):
            raise AssertionError(f"no short line: {str(error)[:2000]}") from error
        return True
    finally:
        faulthandler.cancel_dump_traceback_later()
    total = sum(a.nbytes for a in arrays.values())
    if "picture" not in arrays and total > 9 * path.stat().st_size + (2 << 20):
        raise AssertionError(f"{total} bytes of arrays")
    if whole is not None and not digest(arrays).items() <= whole.items():
        raise AssertionError("other arrays")
    return False


def main(reader, file, count, seed):
    faulthandler.enable()
    warnings.simplefilter("error")
    read, content = globals()[reader], Path(file).read_bytes()
    whole = digest(read(Path(file)))  # imports what it needs, before memory is limited
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except ImportError:  # Windows
        pass
    refused = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(file).name
        for number, data in enumerate(mutations(content, int(count), int(seed))):
            path.write_bytes(data)
            try:
                refused += check(read, path, whole if reader in CHECKED else None)
            except BaseException:
                print(f"mutation {number} of {count} with seed {seed}", file=sys.stderr)
                raise
    print(refused)


if __name__ == "__main__":
    main(*sys.argv[1:])
