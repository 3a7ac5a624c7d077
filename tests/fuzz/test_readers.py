"""Every reader of files, given damaged copies in a process with limits of memory and time."""

import json
import pickle
import struct
import subprocess
import sys
import tarfile
import types
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "golden"


def arrays():
    random = np.random.default_rng(0)
    return {"a/kernel": random.normal(size=(3, 3, 2, 4)).astype("f4"), "a/bias": np.arange(4.0)}


def npz(folder):
    np.savez(folder / "a.npz", name=np.array("vgg19"), **arrays())
    return folder / "a.npz"


def hdf5(folder):
    with h5py.File(folder / "a.h5", "w") as file:
        for name, value in arrays().items():
            file[f"block1/{name}"] = value
        file.create_dataset("packed", data=np.zeros((50, 50)), chunks=(10, 10), compression=9)
        file["link"] = h5py.SoftLink("/block1/a/bias")
    return folder / "a.h5"


def torch_zip(folder):
    return GOLDEN / "adain_decoder.pth"


def torch(folder):
    """The stream format, by hand: two tensors in one storage."""

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value

    def tensor(name, offset):
        storage = text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"1") + text(b"cpu")
        storage = b"(" + storage + b"K\x0cNtQ"
        call = b"ctorch._utils\n_rebuild_tensor\n(" + storage + b"K" + bytes([offset])
        return text(name) + call + b"(K\x02K\x03t(K\x03K\x01ttR"

    saved = b"\x80\x02ccollections\nOrderedDict\n]\x85R("
    saved += tensor(b"a.weight", 0) + tensor(b"b.weight", 6) + b"u."
    header = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + b"\x80\x02}."
    keys = b"\x80\x02](" + text(b"1") + b"e."
    path = folder / "a.pth"
    path.write_bytes(header + saved + keys + struct.pack("<q12f", 12, *range(12)))
    return path


def nvidia(folder):
    return GOLDEN / "nvidia_pickle_stylegan2.pkl"


class Network:
    """Stands for NVIDIA's class while it is pickled."""

    def __init__(self, name, variables, components):
        self.__dict__.update(name=name, variables=variables, components=components)
        self.static_kwargs = {"resolution": 8, "fmap_base": [1, 2.5, None, True, "text"]}


def tf1(folder):
    values = [
        (name, value.astype(kind)) for name, value in arrays().items() for kind in ("f4", "f8")
    ]
    part = Network("G_mapping", values[:2], {})
    network = Network("G", values[2:], {"mapping": part})
    module = types.ModuleType("tfutil")
    module.Network, Network.__module__ = Network, "tfutil"
    sys.modules["tfutil"] = module
    try:
        (folder / "a.pkl").write_bytes(pickle.dumps((network,) * 3, 2))
    finally:
        del sys.modules["tfutil"]
        Network.__module__ = __name__
    return folder / "a.pkl"


def onnx(folder):
    helper = pytest.importorskip("onnx").helper
    from onnx import numpy_helper

    stored = {"kernel": np.arange(24, dtype="i1").reshape(2, 3, 4), "scale": np.float32((0.5, 2))}
    tensors = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    node = helper.make_node("DequantizeLinear", ["kernel", "scale"], ["layer/weights"], axis=0)
    graph = helper.make_graph([node], "test", [], [], tensors)
    (folder / "a.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    return folder / "a.onnx"


def tflite(folder):
    import tensorflow as tf

    kernel = tf.constant(arrays()["a/kernel"][..., :1])
    signature = tf.TensorSpec((1, 5, 5, 2))
    function = tf.function(lambda x: tf.nn.conv2d(x, kernel, 1, "SAME")).get_concrete_function(
        signature
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    (folder / "a.tflite").write_bytes(converter.convert())
    return folder / "a.tflite"


def saved_model(folder):
    import tensorflow as tf

    module = tf.Module()
    module.kernel, module.bias = (tf.Variable(value) for value in arrays().values())
    tf.saved_model.save(module, str(folder / "saved"))
    with tarfile.open(folder / "a.tar.gz", "w:gz") as archive:
        archive.add(folder / "saved", ".")
    return folder / "a.tar.gz"


def drawn(folder, suffix, **options):
    values = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    picture = Image.fromarray(values).resize((40, 30), Image.Resampling.BILINEAR)
    picture.save(folder / f"a.{suffix}", **options)
    return folder / f"a.{suffix}"


def png(folder):
    return drawn(folder, "png")


def jpeg(folder):
    return drawn(folder, "jpg", progressive=True)


def gif(folder):
    return drawn(folder, "gif")


def tiff(folder):
    return drawn(folder, "tif", compression="tiff_lzw")


def webp(folder):
    return drawn(folder, "webp")


def ppm(folder):
    return drawn(folder, "ppm")


def lines(folder):
    return GOLDEN / "run_of_dd9ac89" / "metrics.jsonl"


def config(folder):
    content = json.loads((GOLDEN / "run_of_dd9ac89" / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(content | {"resumed": [content["created"]]}))
    return folder / "config.json"


PICTURES = (png, jpeg, gif, tiff, webp, ppm)
WEIGHTS = (npz, hdf5, torch_zip, torch, nvidia, tf1, onnx, tflite, saved_model)
READERS = (*WEIGHTS, lines, config, *PICTURES)
HARDLY_CHECKED = (gif, ppm, jpeg)  # pixels of a damaged copy are pixels, too


def refused(reader, folder, count, seed):
    file = reader(folder)
    command = [sys.executable, TESTS / "fuzz" / "child.py", reader.__name__, file, count, seed]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_damaged_files_are_refused_or_read(reader, tmp_path):
    assert refused(reader, tmp_path, 100, 0) > (0 if reader in HARDLY_CHECKED else 10)


@pytest.mark.thorough
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_thousands_of_damaged_files(reader, tmp_path):
    count = 400 if reader is nvidia else 2000  # its file is large
    least = 0 if reader in HARDLY_CHECKED else count / 10
    assert refused(reader, tmp_path, count, 1) > least
