"""The exported page and its files, and weights in fewer bits: what needs no browser."""

import io
import json
import re
import tarfile

import keras
import numpy as np
import pytest
from test_runner import error, main

from core.errors import InputError
from experiments.export import onnx_writer, runtime, web_page
from experiments.export.formats import find_format
from experiments.export.guide import readme
from experiments.export.options import Options
from experiments.export.parts import Part, Slot
from experiments.export.writing import names_of, write_parts

tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports are made on TensorFlow"
)
SIDE = 64


def quiet(line):
    """Takes what is said."""


def pair():
    """A style described by its mean, and a content that is multiplied by it."""
    style = Slot("style", (None, None, 3), "a style", picture=True, side=SIDE)
    content = Slot("content", (None, None, 3), "a content", picture=True)
    numbers = Slot("numbers", (3,), "its numbers", of="style")
    result = Slot("result", (None, None, 3), "a picture", picture=True)
    mean = keras.layers.GlobalAveragePooling2D
    show = keras.layers.Multiply
    return [
        Part("style", "describes", (style,), Slot("code", (3,), "numbers"), lambda x: mean()(x)),
        Part(
            "stylizer",
            "shows",
            (content, numbers),
            result,
            lambda x, n: show()([x, keras.layers.Reshape((1, 1, 3))(n)]),
        ),
    ]


@pytest.fixture
def form(monkeypatch):
    """The format of the page, without ONNX."""
    found = find_format("web")
    changes = {
        "write": lambda network, part, parts, path, options: network.save(path),
        "suffix": ".keras",
        "packages": (),
        "ready": lambda: None,
    }
    for name, value in changes.items():
        monkeypatch.setitem(vars(found), name, value)
    monkeypatch.setattr(
        web_page, "copy_runtime", lambda to: [(to / n).write_text("") for n in runtime.FILES]
    )
    return found


@tensorflow
def test_a_page_has_all_its_files(form, tmp_path):
    styles = [("half", np.full((SIDE, SIDE, 3), 51, np.uint8)),
              ("빨강", np.tile(np.uint8([255, 0, 0]), (SIDE, 90, 1)))]  # fmt: skip
    write_parts(pair(), str(tmp_path / "made"), form, Options(styles=styles), title="A", say=quiet)
    made = tmp_path / "made"
    assert {path.name for path in made.iterdir()} == set(names_of(pair(), form))
    page = json.loads((made / "styles.json").read_text(encoding="utf-8"))
    assert page["side"] == SIDE and [style["name"] for style in page["styles"]] == ["half", "빨강"]
    np.testing.assert_allclose(page["styles"][0]["numbers"], [0.2] * 3, atol=1e-4)
    np.testing.assert_allclose(page["styles"][1]["numbers"], [1, 0, 0], atol=1e-4)
    assert all((made / style["picture"]).stat().st_size > 100 for style in page["styles"])
    network = keras.saving.load_model(made / "stylizer.keras")
    assert [x.dtype for x in network.inputs] == ["uint8", "float32"]  # bytes, as the page gives
    text = (made / "README.md").read_text(encoding="utf-8")
    assert runtime.VERSION in text and "bytes, 0 to 255" in text
    assert "best with a shorter side of 64" in text


def test_what_the_page_names_is_there():
    """In HTML, scripts and the list of files kept for times without a network."""
    folder = web_page.resources.files("experiments.export") / "page"
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in web_page.STATIC}
    named = set()
    for text in texts.values():
        named |= set(re.findall(r'"(?:\./)?([a-z]+\.(?:html|css|js|json|wasm|onnx))"', text))
    written = {*web_page.PAGE, "style.onnx", "stylizer.onnx"}
    assert named <= written
    kept = set(re.findall(r'"([a-z]+\.[a-z]+)"', texts["offline.js"]))
    assert kept == written - {"index.html", "offline.js", "styles"}  # "./" is the page itself
    assert "default-src 'none'" in texts["index.html"]
    assert not re.search(r"https?://", "".join(texts.values()))


@tensorflow
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--format=web", "--size=64"], "the page offers sizes itself"),
        (["--format=keras", "--style=a.jpg"], "--style: not an option"),
        (["--format=web"], "networks that take any style by numbers"),
    ],
)
def test_flags_of_the_page_are_refused(form, finished, tmp_path, capfd, flags, words):
    given = ["--model=cyclegan", "--mode=export", f"--run_dir={finished}"]
    assert main(*given, f"--output={tmp_path / 'made'}", *flags) == 1
    assert words in error(capfd)
    assert not (tmp_path / "made").exists()


def test_styles_are_of_the_page_alone(capfd, tmp_path):
    flags = ["--model=ghiasi", "--mode=export", "--format=keras", "--style=photos:brick"]
    assert main(*flags, f"--output={tmp_path}") == 1
    assert "--style: goes with --format=web" in error(capfd)


# --- the runtime


@pytest.fixture
def archive(monkeypatch, tmp_path):
    """An archive of npm in Keras' folder."""
    path = tmp_path / runtime.FOLDER / runtime.NAME
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as package:
        for name, member in runtime.FILES.items():
            found = tarfile.TarInfo(member)
            found.size = len(name)
            package.addfile(found, io.BytesIO(name.encode()))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(runtime, "SHA256", runtime.sha256(path))
    return path


def test_the_runtime_is_copied(archive, tmp_path):
    runtime.copy_runtime(tmp_path)
    assert {name: (tmp_path / name).read_text() for name in runtime.FILES} == {
        name: name for name in runtime.FILES
    }


def test_another_runtime_is_refused(archive):
    archive.write_bytes(b"something else")
    with pytest.raises(InputError, match="damaged file. Delete it"):
        runtime.archive()


def test_a_runtime_that_cannot_be_downloaded(archive, monkeypatch):
    archive.unlink()

    def fails(*args, **kwargs):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", fails)
    with pytest.raises(InputError, match="URL fetch failure.*npm pack onnxruntime-web@"):
        runtime.archive()


# --- fewer bits


@pytest.mark.parametrize(("change", "bound"), [("_to_float16", 1e-3), ("_weights_to_int8", 1e-2)])
@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "MatMul"])
def test_weights_in_fewer_bits(tmp_path, kind, change, bound):
    """Channels of very different sizes keep their precision, as depthwise convolutions need."""
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    random = np.random.default_rng(0)
    sizes = np.logspace(-4, 2, 8)
    weights = random.normal(size=(8, 8)) * sizes
    x = random.normal(size=(4, 8))
    if kind != "MatMul":
        weights = (weights.T if kind == "Conv" else weights)[..., None, None]
        x = x[..., None, None]
    taken, made = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xy"
    )
    stored = onnx.numpy_helper.from_array(weights.astype(np.float32), "w")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(kind, ["x", "w"], ["y"])], "g", [taken], [made], [stored]
    )
    opset = onnx.helper.make_opsetid("", 19)
    source, target = tmp_path / "a.onnx", tmp_path / "b.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset]), str(source))
    getattr(onnx_writer, change)(source, target)
    given = {"x": x.astype(np.float32)}
    before, after = (
        ReferenceEvaluator(str(path)).run(None, given)[0].reshape(4, 8) for path in (source, target)
    )
    apart = np.abs(after - before).max(0) / np.abs(before).max(0)
    assert 0 < apart.max() < bound
    held = onnx.load(str(target)).graph.initializer
    kinds = {onnx.numpy_helper.to_array(constant).dtype for constant in held}
    assert np.dtype("int8" if "int8" in change else "float16") in kinds


@tensorflow
def test_the_page_of_instructions_names_the_page(form):
    text = readme(pair(), form, Options(uint8=True), "A", {"style": 1, "stylizer": 2})
    assert "`index.html`" in text and "example" not in text
