"""Exported networks: what each makes is what the run makes; what cannot be written is refused."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image
from test_runner import error, main

from core.errors import InputError
from experiments import api, configs
from experiments.data import pictures
from experiments.export.formats import FORMATS, find_format
from experiments.export.guide import example
from experiments.export.layers import Mirrored, NearestUp, ToBytes, convertible
from experiments.export.loading import load_model
from experiments.export.networks import assemble
from experiments.export.options import Options
from experiments.export.parts import Part, Slot, chain
from experiments.export.samples import sample
from experiments.export.writing import write_parts
from experiments.flag_values import FORMATS as FORMAT_NAMES

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports are made on TensorFlow"
)
CHILD = """
import sys, numpy as np, tensorflow as tf
network = tf.saved_model.load(sys.argv[1])
inputs = {name: tf.constant(x) for name, x in np.load(sys.argv[2]).items()}
made = network.signatures["serving_default"](**inputs)
np.savez(sys.argv[3], **{name: x.numpy() for name, x in made.items()})
assert not {"core", "gan", "nst", "experiments"} & {name.partition(".")[0] for name in sys.modules}
"""


def quiet(line):
    """Takes what is said."""


def refusal(capfd, *flags):
    """The one line that a command ends with."""
    assert main(*flags) == 1
    return error(capfd)


def picture(height, width, seed=0, channels=3):
    values = np.random.default_rng(seed)
    return values.integers(0, 256, (height, width, channels), np.uint8)


def in_a_child(folder, inputs, place):
    """What a SavedModel makes in a process that has TensorFlow alone."""
    np.savez(place / "in.npz", **inputs)
    words = [str(folder), str(place / "in.npz"), str(place / "out.npz")]
    subprocess.run([sys.executable, "-c", CHILD, *words], check=True, cwd=place)
    with np.load(place / "out.npz") as made:
        return {name: made[name] for name in made.files}


@pytest.fixture(scope="module")
def run(finished):
    return api.load(finished, {"precision": "float32"}, quiet)


# --- the layers


@pytest.mark.parametrize("size", [(1, 5), (7, 16), (40, 33)])
def test_pictures_are_mirrored_as_in_tiles(size):
    from experiments.data.tiles import _mirrored

    x = picture(*size).astype("float32")
    rows, columns = (_mirrored(n, 4, 16) for n in size)
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, Mirrored(4, 16)(inputs))
    np.testing.assert_array_equal(network(x[None])[0], x[np.ix_(rows, columns)])


def test_nearest_upsampling_is_the_same_and_shares_weights():
    x = inputs = keras.Input((None, None, 2))
    x = keras.layers.UpSampling2D(interpolation="nearest")(keras.layers.Conv2D(3, 3)(x))
    network = keras.Model(inputs, x)
    changed = convertible(network)
    assert any(isinstance(layer, NearestUp) for layer in changed.layers)
    values = np.random.default_rng(0).normal(size=(2, 5, 6, 2)).astype("float32")
    np.testing.assert_array_equal(changed(values), network(values))
    network.layers[1].bias.assign([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(changed(values), network(values))


def test_bytes_are_rounded_as_the_runner_rounds():
    values = np.linspace(-0.1, 1.1, 3001, dtype="float32").reshape(1, -1, 1, 1)
    made = np.asarray(ToBytes()(values))
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, pictures.from_unit(values))


# --- files


@pytest.mark.parametrize("form", ["saved_model", "keras"])
def test_a_file_translates_as_the_run_does(run, tmp_path, form):
    parts = run.task.parts(run)
    assert [part.name for part in parts] == ["AtoB", "BtoA"]
    write_parts(
        parts[:1], str(tmp_path / "made"), find_format(form), Options(), title="A", say=quiet
    )
    for size in ((16, 16), (13, 22), (5, 31)):
        given = picture(*size)
        inputs = {"picture": given[None] / np.float32(255)}
        if form == "keras":
            made = load_model(tmp_path / "made" / "AtoB.keras")(inputs)["result"]
        elif size[0] == 13:
            made = in_a_child(tmp_path / "made" / "AtoB", inputs, tmp_path)["result"]
        else:
            continue
        expected = run.translate(given, "AtoB")
        assert np.abs(pictures.from_unit(np.asarray(made)[0]).astype(int) - expected).max() <= 1
    text = (tmp_path / "made" / "README.md").read_text(encoding="utf-8")
    assert "`picture`" in text and "from 0 (black) to 1 (white)" in text


def followed(example_of, place, monkeypatch, **shown):
    """The picture that an example makes of pictures by name."""
    for name, given in shown.items():
        Image.fromarray(given).save(place / f"{name}.png")
        (place / f"{name}.png").rename(place / f"{name}.jpg")  # Pillow looks at what is inside
    monkeypatch.chdir(place)
    exec(compile(example_of, "example.py", "exec"), {})
    return pictures.read(place / "result.png")


@pytest.mark.parametrize("uint8", [False, True])
def test_an_example_can_be_followed(run, tmp_path, monkeypatch, uint8):
    options, given = Options(uint8=uint8), picture(20, 27)
    write_parts(
        run.task.parts(run), str(tmp_path), find_format("keras"), options, title="A", say=quiet
    )
    text = (tmp_path / "example.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 12
    made = followed(text, tmp_path, monkeypatch, picture=given)
    assert np.abs(made.astype(int) - run.translate(given, "AtoB")).max() <= 1


def test_bytes_in_and_out(run):
    network = assemble(run.task.parts(run, direction="BtoA")[0], uint8=True)
    given = picture(18, 21)
    made = np.asarray(network({"picture": given[None]})["result"])
    assert made.dtype == np.uint8 and np.ptp(made) > 10
    assert np.abs(made[0].astype(int) - run.translate(given, "BtoA")).max() <= 1


def test_averaged_weights_are_exported(run):
    """The runs of this folder keep an average, which differs from the trained weights."""
    algorithm = run.algorithm
    given = picture(16, 16)[None] / np.float32(255)
    made = np.asarray(assemble(run.task.parts(run)[0])({"picture": given})["result"])
    average, trained = algorithm.average_networks()["G_A"], algorithm.networks["G_A"]
    found = [(np.asarray(network(2 * given - 1)) + 1) / 2 for network in (average, trained)]
    np.testing.assert_allclose(made, found[0], atol=1e-5)
    assert np.abs(made - found[1]).max() > 0.01


def test_a_size_is_fixed_where_it_is_given(run):
    network = assemble(run.task.parts(run)[0], size=21, batch=1)
    assert network.inputs[0].shape == network.outputs[0].shape == (1, 21, 21, 3)


def test_the_command(run, finished, tmp_path, capfd):
    flags = ["--model=cyclegan", "--mode=export", f"--run_dir={finished}", "--format=keras"]
    flags += ["--direction=AtoB", f"--output={tmp_path / 'made'}"]
    assert main(*flags, "--uint8") == 0
    capfd.readouterr()
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {"AtoB.keras", "README.md", "example.py"}
    assert load_model(tmp_path / "made" / "AtoB.keras").inputs[0].dtype == "uint8"
    assert "has AtoB.keras already" in refusal(capfd, *flags, "--uint8")
    assert {path.name for path in (tmp_path / "made").iterdir()} == names


# --- refusals


def test_formats_have_the_names_of_the_flag():
    assert tuple(FORMATS) == FORMAT_NAMES


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--format=onx"], "Did you mean 'onnx'?"),
        (["--format=keras", "--quantize=int8"], "keras has none; onnx, litert, tfjs, web do"),
        (["--format=keras", "--calibrate=."], "goes with --quantize=int8"),
        (["--format=saved_model", "--precision=mixed_bfloat16"], "compute in float32"),
        (["--format=keras", "--size=-2"], "expected a number of pixels"),
        (["--format=tfjs", "--quantize=int8", "--calibrate=."], "tfjs stores weights as bytes"),
        (["--format=onnx", "--quantize=int8", "--calibrate=nowhere"], "nowhere: does not exist"),
        (["--format=onnx", "--quantize=int4"], "--quantize=int4: unknown"),
        ([], "give --format"),
    ],
)
def test_flags_are_refused(finished, tmp_path, capfd, flags, words):
    given = ["--model=cyclegan", "--mode=export", f"--run_dir={finished}"]
    said = refusal(capfd, *given, f"--output={tmp_path / 'made'}", *flags)
    assert words in said
    assert not list(tmp_path.glob("made/*"))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("experiments.export.formats.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"tf2onnx.*pip install -e '.\[onnx\]'"):
        find_format("onnx").check(Options())


def test_a_missing_converter_is_named(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(InputError, match="pipx install tensorflowjs"):
        find_format("tfjs").check(Options())


def test_what_draws_random_numbers_is_refused():
    slot = Slot("z", (4,), "numbers")
    part = Part("a", "b", (slot,), Slot("r", (4,), "c"), lambda z: z, special="it draws:")
    find_format("saved_model").check_parts([part], Options())
    with pytest.raises(InputError, match="it draws: give --format=saved_model or --format=keras"):
        find_format("onnx").check_parts([part], Options())
    fixed = Part("a", "b", (slot,), slot, lambda z: z, fixed="Patches are counted.")
    with pytest.raises(InputError, match="Patches are counted. Give --size"):
        find_format("onnx").check_parts([fixed], Options())


def test_weights_that_are_not_numbers_are_refused(finished, tmp_path):
    broken = api.load(finished, say=quiet)
    variable = broken.algorithm.translator("AtoB").trainable_variables[0]
    variable.assign(variable * np.nan)
    parts, form = broken.task.parts(broken), find_format("keras")
    with pytest.raises(InputError, match="^mine: .*not finite"):
        write_parts(parts, str(tmp_path), form, Options(), title="A", source="mine", say=quiet)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_an_export_that_fails(run, tmp_path, monkeypatch):
    form = find_format("keras")

    def fails(network, part, parts, path, options):
        path.write_text("half")
        raise InputError("no")

    monkeypatch.setitem(vars(form), "write", fails)
    with pytest.raises(InputError, match="no"):
        write_parts(run.task.parts(run), str(tmp_path / "made"), form, Options(), title="A")
    assert not list((tmp_path / "made").iterdir())


def test_models_without_a_network_say_so(capfd, tmp_path):
    said = refusal(capfd, "--model=gatys", "--mode=export", "--format=onnx", f"--output={tmp_path}")
    assert "it trains no network" in said


def test_a_chain_ends_with_the_first_result():
    made = Slot("r", (4,), "c")
    style = Part("style", "", (Slot("s", (4,), "d"),), made, lambda x: x)
    shown = Part("show", "", (Slot("n", (4,), "e", of="style"),), made, lambda x: x)
    other = Part("other", "", (Slot("s", (4,), "d"),), made, lambda x: x)
    assert [part.name for part in chain([style, shown])] == ["style", "show"]
    assert [part.name for part in chain([style, shown, other])] == ["style", "show"]
    assert [part.name for part in chain([other, style, shown])] == ["other"]


# --- every model

TINY = {
    "adain": ["algorithm.weights=random"],
    "style_swap": ["algorithm.weights=random"],
    "johnson": ["algorithm.weights=random"],
    "dumoulin": ["algorithm.weights=random"],
    "ulyanov": ["algorithm.weights=random"],
    "ulyanov_texture": ["algorithm.weights=random"],
}
MODELS = [name for name in configs.MODELS if "export" not in configs.find(name).task.lacks]


def fresh(name):
    """A smoke run with fresh weights."""
    changes = dict(pair.split("=") for pair in TINY.get(name, []))
    changes = {k: int(v) if v.isdigit() else v for k, v in changes.items()}
    config = api.make_config(name, "smoke", changes)
    blank = name == "ghiasi"  # where it is only used, it begins with zeros
    return api.build(config, 1, 1, "runs/none", trains=blank)


@pytest.mark.thorough
@pytest.mark.parametrize("name", MODELS)
def test_every_model_as_a_saved_model(name, tmp_path, monkeypatch):
    import tensorflow as tf

    run, form = fresh(name), find_format("saved_model")
    parts = run.task.parts(run)
    size = 32 if any(part.fixed for part in parts) else None
    write_parts(parts, str(tmp_path), form, Options(size), title=name, say=quiet)
    shown = [picture(size or n, size or m, channels=4) for n, m in ((72, 72), (69, 77))]
    for part in parts:
        network, loaded = assemble(part, size=size), tf.saved_model.load(tmp_path / part.name)
        for given in sample(part, parts, shown, size=size):
            expected = np.asarray(network(given, training=False)[part.output.name])
            tensors = {k: tf.constant(x) for k, x in given.items()}
            made = loaded.signatures["serving_default"](**tensors)[part.output.name].numpy()
            assert np.isfinite(expected).all() and np.abs(made - expected).max() <= 1e-4
    for known in FORMATS.values():
        for options in (Options(size), Options(size, uint8=True)):
            text = example(parts, known, options)
            if known.name not in ("tfjs", "web"):
                compile(text, "example.py", "exec")
    result = followed(
        example(parts, form, Options(size)),
        tmp_path,
        monkeypatch,
        **dict.fromkeys(("picture", "content", "style"), shown[0][..., :3]),
    )
    assert result.shape[-1] == 3 and np.ptp(result) > 0


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["adain", "johnson", "dumoulin", "cut"])
def test_what_parts_make_is_what_the_run_makes(name):
    run = fresh(name)
    content, style = picture(71, 77), picture(74, 69, 1)
    parts, code = run.task.parts(run), None
    if name == "adain":
        network = assemble(parts[0], uint8=True)
        code = np.asarray(network({"style": style[None]})["code"])
    inputs = {"content" if name != "cut" else "picture": content[None]}
    inputs |= {} if code is None else {"numbers": code}
    inputs |= {"styles": np.eye(2, dtype="float32")[:1]} if name == "dumoulin" else {}
    made = np.asarray(assemble(parts[-1], uint8=True)(inputs)["result"])[0]
    if name == "cut":
        expected = run.translate(content, parts[0].name)
    else:
        expected = run.stylize(content, [style] if name == "adain" else [0])
    assert np.abs(made.astype(int) - expected).max() <= 1


@pytest.mark.thorough
@pytest.mark.parametrize("form", ["onnx", "litert"])
@pytest.mark.parametrize("name", ["johnson", "cut"])
def test_other_runtimes_agree(name, form, tmp_path):
    runtime = pytest.importorskip({"onnx": "onnxruntime", "litert": "ai_edge_litert"}[form])
    if form == "onnx":
        pytest.importorskip("tf2onnx")
    run, known = fresh(name), find_format(form)
    parts = run.task.parts(run)
    write_parts(parts, str(tmp_path), known, Options(), title=name, say=quiet)
    path = str(tmp_path / known.file(parts[0]))
    for given in sample(parts[0], parts, [picture(40, 40), picture(37, 45)]):
        expected = np.asarray(assemble(parts[0])(given)["result"])
        if form == "onnx":
            (made,) = runtime.InferenceSession(path).run(None, given)
        else:
            from ai_edge_litert.interpreter import Interpreter

            made = Interpreter(path).get_signature_runner()(**given)["result"]
        assert np.abs(made - expected).max() <= 1e-4
