"""The modes project and edit, and files of w in place of seeds, on a StyleGAN2 without training."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from experiments import api, cli
from experiments.data import pictures
from experiments.metrics import lpips
from experiments.tasks import editing, projection
from experiments.tasks.saved_w import read_w, write_w
from experiments.tasks.seeds import sampler

SHAPE = (6, 8)  # layers and w_dim at 16 pixels


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A StyleGAN2 of 16 pixels with fresh weights."""
    folder = tmp_path_factory.mktemp("run")
    return api.build(api.make_config("stylegan2", "smoke"), 1, 1, folder, trains=False)


@pytest.fixture
def pixels(monkeypatch):
    """Distances are of pixels; returns the names that were asked for."""
    asked = []

    class Pixels:
        variables = ()

        def __call__(self, images):
            return [images]

    def embedding(name, folder=None):
        asked.append(name)
        if name == "lpips":
            raise InputError("vgg16.pth could not be downloaded.")
        return Pixels()

    monkeypatch.setattr(projection, "embedding", embedding)
    monkeypatch.setattr(projection, "SAMPLES", 500)
    return asked


def use(mode, run, output, **given):
    """What is said."""
    takes = run.task.modes[mode].takes
    usual = {name: cli.FLAGS[name].default for name in takes}
    said = []
    flags = SimpleNamespace(**(usual | given | {"output": str(output)}))
    assert run.task.modes[mode].work(run, flags, said.append) == 0
    return said


def picture_file(folder, height=16, width=16):
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    pictures.write_png(folder / "in.png", values)
    return str(folder / "in.png")


@pytest.fixture
def w_file(run, tmp_path):
    """A file with the w of seed 5."""
    write_w(tmp_path / "five.npz", sampler(run).ws([5]))
    return str(tmp_path / "five.npz")


# --- projection


class Straight:
    """In place of the projector: w that rise, without optimisation."""

    def __init__(self, synthesis, variables, features, target, w, *, layers):
        assert target.shape == (16, 16, 3) and w.shape == (500, 8) and layers == SHAPE[0]

    def steps(self, count):
        for i in range(count):
            yield np.full(8, i / 4, np.float32), 1.0


def test_project_without_a_projector(run, pixels, tmp_path, monkeypatch):
    monkeypatch.setattr(projection, "Projector", Straight)
    use("project", run, tmp_path / "out", input=picture_file(tmp_path), steps=3)
    assert (read_w(tmp_path / "out" / "w.npz", SHAPE) == 0.5).all()
    last = sampler(run).from_ws(np.full((1, *SHAPE), 0.5, np.float32))[0]
    shown = pictures.read(tmp_path / "out" / "projection.png")
    np.testing.assert_array_equal(shown, last)


@pytest.mark.backends
@pytest.mark.thorough
def test_project(run, pixels, tmp_path):
    source, out = picture_file(tmp_path), tmp_path / "out"
    said = use("project", run, out, input=source, steps=3)
    names = ["projection.gif", "projection.png", "target.png", "w.npz"]
    assert sorted(path.name for path in out.iterdir()) == names
    np.testing.assert_array_equal(pictures.read(out / "target.png"), pictures.read(source))
    with np.load(out / "w.npz") as stored:
        ws = stored["w"]
    assert ws.shape == (1, *SHAPE) and ws.dtype == np.float32 and (ws == ws[:, :1]).all()
    shown = pictures.read(out / "projection.png")
    np.testing.assert_array_equal(shown, sampler(run).from_ws(ws)[0])
    with Image.open(out / "projection.gif") as gif:
        assert gif.size == (32, 16) and 1 < gif.n_frames <= 3
    assert pixels == ["lpips", "hed"]  # and the first could not be had
    assert "no LPIPS: vgg16.pth could not be downloaded." in said
    assert any("HED's VGG-16, which is not LPIPS" in line for line in said)


def test_a_distance_that_was_asked_for_is_not_replaced(run, pixels, tmp_path):
    source = picture_file(tmp_path)
    with pytest.raises(InputError, match="could not be downloaded"):
        use("project", run, tmp_path / "out", input=source, distance="lpips")
    assert pixels == ["lpips"]


def test_a_picture_of_another_size_is_cropped(run):
    said = []
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, 10:30] = 200
    found = projection.fitted(run, picture, said.append)
    assert found.shape == (16, 16, 3) and found[8, 8, 0] == 200 and found.min() > 150
    assert said == [
        "the picture of 40x20 pixels (width x height) is cropped and resized to 16x16, as this "
        "model's"
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "--steps=0: expected 1 to 100,000"),
        ({"input": "nowhere.png"}, "Cannot read the picture nowhere.png"),
        ({"label": "1"}, "--label=1: this model was trained without classes"),
    ],
)
def test_bad_projections(given, message, run, pixels, tmp_path):
    with pytest.raises(InputError, match=message):
        use("project", run, tmp_path / "out", **({"input": picture_file(tmp_path)} | given))


def test_the_target_does_not_replace_the_picture(run, pixels, tmp_path):
    pictures.write_png(tmp_path / "target.png", np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(InputError, match="would overwrite"):
        use("project", run, tmp_path, input=str(tmp_path / "target.png"), steps=1)


@pytest.mark.slow
def test_the_features_of_hed_are_its_distance():
    a, b = np.random.default_rng(0).random((2, 1, 32, 32, 3), np.float32)
    pairs = zip(*map(lpips.embedding("hed"), (a, b)), strict=True)
    found = sum(float(np.square(np.asarray(x) - np.asarray(y)).sum()) for x, y in pairs)
    assert found == pytest.approx(float(lpips.hed_distance()(a, b)[0]), rel=1e-4)


# --- files of w


def test_sample_mix_and_interpolate_take_w(run, w_file, tmp_path):
    seed = sampler(run).pictures([5])[0]
    use("sample", run, tmp_path / "s", w=[w_file, w_file])
    names = sorted(path.name for path in (tmp_path / "s").iterdir())
    assert names == ["grid.png", "w0000.png", "w0001.png"]
    np.testing.assert_array_equal(pictures.read(tmp_path / "s" / "w0001.png"), seed)
    use("mix", run, tmp_path / "w.png", w=[w_file], seeds_b="1")
    use("mix", run, tmp_path / "seed.png", seeds="5", seeds_b="1")
    of_w, of_seed = (pictures.read(tmp_path / f"{name}.png") for name in ("w", "seed"))
    width = 2 * 130
    np.testing.assert_array_equal(of_w[20:, -width:], of_seed[20:, -width:])
    write_w(tmp_path / "two.npz", sampler(run).ws([5, 6]))
    use("interpolate", run, tmp_path / "w.gif", w=[str(tmp_path / "two.npz")], frames=4)
    use("interpolate", run, tmp_path / "seeds.gif", seeds="5,6", frames=4)
    assert (tmp_path / "w.gif").read_bytes() == (tmp_path / "seeds.gif").read_bytes()


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_bad_files_of_w(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "array.npy", np.zeros((1, *SHAPE)))
    np.savez(tmp_path / "objects.npz", w=np.array([{}]))
    unreadable = [tmp_path / "missing.npz", tmp_path / "text.npz", tmp_path / "array.npy",
                  tmp_path / "objects.npz",
                  write_npz(tmp_path / "z.npz", z=np.zeros(3))]  # fmt: skip
    for path in unreadable:
        with pytest.raises(InputError, match="cannot be read as an NPZ file with an array 'w'"):
            read_w(path, SHAPE)
    for array in (np.zeros(SHAPE), np.zeros((1, 6, 9)), np.zeros((1, *SHAPE), int),
                  np.zeros((0, *SHAPE))):  # fmt: skip
        path = write_npz(tmp_path / "shape.npz", w=array)
        with pytest.raises(InputError, match=r"expected floats \[1, 6, 8\] for this model"):
            read_w(path, SHAPE)
    path = write_npz(tmp_path / "nan.npz", w=np.full((1, *SHAPE), np.nan))
    with pytest.raises(InputError, match="not finite"):
        read_w(path, SHAPE)


@pytest.mark.parametrize(
    ("mode", "given", "message"),
    [
        ("sample", {"seeds": "1"}, "--seeds: is for seeds"),
        ("sample", {"truncation": 0.5}, "--truncation: is for seeds"),
        ("mix", {"seeds": "1"}, "--seeds: is for seeds"),
        ("interpolate", {}, "expected two or more of each"),
        ("edit", {"seeds": "1"}, "--seeds: is for seeds"),
    ],
)
def test_w_beside_other_flags(mode, given, message, run, w_file, tmp_path):
    with pytest.raises(InputError, match=message):
        use(mode, run, tmp_path / "out", w=[w_file], **given)


# --- editing


def test_edit(run, tmp_path, monkeypatch):
    monkeypatch.setattr(projection, "SAMPLES", 500)
    said = use("edit", run, tmp_path, seeds="5", directions="1-2", method="ganspace")
    assert any("needs RGB pictures of 32 pixels" in line for line in said)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["directions.json", "seed0005.png"]
    table = json.loads((tmp_path / "directions.json").read_text())
    assert table["method"] == "ganspace" and table["layers"] == list(range(6))
    first, second = table["directions"]
    assert [first["direction"], second["direction"]] == [1, 2]
    assert first["deviation"] >= second["deviation"] > 0
    np.testing.assert_allclose(np.linalg.norm(first["vector"]), 1, rtol=1e-5)


def test_a_single_slider(run, w_file, tmp_path, capsys):
    given = {"w": [w_file], "directions": "2", "strength": 1.5, "layers": "2-3"}
    use("edit", run, tmp_path / "out", **given)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    steps = ("-1.5", "-1", "-0.5", "+0", "+0.5", "+1", "+1.5")
    assert names == {"w0000.png", "directions.json"} | {f"w0000_direction2_{x}.png" for x in steps}
    seed = sampler(run).pictures([5])[0]
    shown = pictures.read(tmp_path / "out" / "w0000_direction2_+0.png")
    np.testing.assert_array_equal(shown, seed)
    row = json.loads((tmp_path / "out" / "directions.json").read_text())["directions"][0]
    ws = sampler(run).ws([5])
    ws[:, 2:4] += np.float32(1.5 * row["deviation"]) * np.float32(row["vector"])
    shown = pictures.read(tmp_path / "out" / "w0000_direction2_+1.5.png").astype(int)
    assert np.abs(shown - sampler(run).from_ws(ws)[0]).max() <= 1
    assert np.abs(shown - seed).max() > 1
    assert "factors" not in row and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"strength": 0.0}, "--strength=0: expected above 0, to 1000"),
        ({"strength": float("nan")}, "--strength=nan"),
        ({"directions": "0"}, "--directions=0: expected numbers .* from 1 to 8"),
        ({"directions": "9"}, "--directions=9"),
        ({"layers": "4-6"}, "--layers=4-6: expected numbers .* from 0 to 5"),
    ],
)
def test_bad_edits(given, message, run, tmp_path):
    with pytest.raises(InputError, match=message):
        use("edit", run, tmp_path / "out", **given)


def test_the_effects_on_factors(run, monkeypatch):
    """A judge that sees the first number of w, through pictures that are w."""
    made = SimpleNamespace(
        ws=lambda seeds, label: np.zeros((len(seeds), *SHAPE)), from_ws=lambda x: x
    )
    monkeypatch.setattr(editing, "sampler", lambda run: made)
    monkeypatch.setattr(
        editing.attributes, "probabilities", lambda ws: np.repeat(ws[:, 0, :1] / 8, 15, axis=1)
    )
    directions = editing.Directions([1, 2], np.eye(8)[:2], np.array([1.5, 1]), range(6))
    first, second = editing.effects(run, directions)
    assert first["smile"] == pytest.approx(2 * 2 * 1.5 / 8) and second["smile"] == 0
    assert len(first) == 15
