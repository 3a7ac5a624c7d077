"""Metrics by name: how many pictures, of which split, and what is kept of the real ones."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from fakes import Fake

from core.errors import InputError
from experiments import metrics
from experiments.metrics import evaluation, features, path_length, protocols
from experiments.metrics.features import Extractor
from experiments.metrics.protocols import compute
from experiments.metrics.reals import Reals


def picture(i, size=32):
    return np.random.default_rng(i).integers(0, 256, (size, size, 3), dtype=np.uint8)


def generate(numbers):
    return np.stack([picture(1000 + i) for i in numbers])


def real(count, read=picture):
    return Reals(lambda: (read(i) for i in range(count)), count, f"test-{count}")


@pytest.fixture
def looked(monkeypatch):
    """In place of the networks: mean colours and their squares. Counts the pictures."""
    seen = []

    def run(images):
        seen.append(len(images))
        colours = images.mean((1, 2), np.float64) / 255
        return {"features": np.float32(np.hstack([colours, colours**2])), "logits": colours * 9}

    toy = Extractor("toy", 6, run)
    for name in ("inception", "hed", "vgg16"):
        monkeypatch.setitem(features.EXTRACTORS, name, lambda folder: toy)
    return seen


def short(monkeypatch, name, **changes):
    changed = protocols.PROTOCOLS[name]._replace(**changes)
    monkeypatch.setitem(protocols.PROTOCOLS, name, changed)


def colours(images):
    means = np.stack(images).mean((1, 2), np.float64) / 255
    return np.float32(np.hstack([means, means**2]))


def test_fid_test_takes_all_there_is(looked):
    reals, fakes = colours([picture(i) for i in range(40)]), colours(generate(range(40)))
    found = compute("fid_test", generate, real(40))
    assert found == {"fid_test": pytest.approx(metrics.frechet_distance(reals, fakes), rel=1e-6)}
    found = compute("fid_test", generate, real(40), made=35)
    expected = metrics.frechet_distance(reals, fakes[:35])
    assert found["fid_test"] == pytest.approx(expected, rel=1e-6)


def test_real_features_are_kept(looked, tmp_path):
    first = compute("fid_test", generate, real(40), cache=tmp_path)
    assert sum(looked) == 80
    (file,) = tmp_path.iterdir()
    assert file.name == "toy-test-40-all.npz"
    assert compute("fid_test", generate, real(40), cache=tmp_path) == first
    assert sum(looked) == 120
    file.write_bytes(file.read_bytes()[:100])  # damaged: taken anew
    assert compute("fid_test", generate, real(40), cache=tmp_path) == first
    assert sum(looked) == 200


def test_kernel_distance_keeps_features_in_a_file(looked, tmp_path, monkeypatch):
    monkeypatch.setattr(protocols, "SUBSET", 20)
    short(monkeypatch, "kid5k", generated=50, real=40)
    expected = metrics.kernel_distance(
        colours([picture(i) for i in range(40)]), colours(generate(range(50))), 100, 20
    )
    for _ in range(2):
        found = compute("kid5k", generate, real(60), cache=tmp_path)
        assert tuple(found.values()) == pytest.approx(expected)
        assert list(found) == ["kid5k", "kid5k_std"]
    assert [path.name for path in tmp_path.iterdir()] == ["toy-test-60-40.npy"]
    assert sum(looked) == 40 + 2 * 50


def test_the_other_statistics(looked, monkeypatch):
    short(monkeypatch, "pr50k3", generated=10, real=10)
    found = compute("pr50k3", generate, real(10))
    assert list(found) == ["pr50k3_precision", "pr50k3_recall"]
    short(monkeypatch, "is5k", generated=50)
    assert compute("is5k", generate)["is5k_mean"] >= 1
    short(monkeypatch, "ms_ssim1k", generated=70)
    pairs = generate(range(0, 70, 2)), generate(range(1, 70, 2))
    assert compute("ms_ssim1k", generate) == {"ms_ssim1k": pytest.approx(metrics.ms_ssim(*pairs))}
    short(monkeypatch, "swd2k", generated=40, real=40)
    expected = metrics.swd(np.stack([picture(i) for i in range(40)]), generate(range(40)))
    found = compute("swd2k", generate, real(40))
    assert found["swd2k_32"] == pytest.approx(expected[32])
    assert found["swd2k_mean"] == pytest.approx(np.mean(list(expected.values())))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fid5k", {"reals": real(40)}, "needs 5,000 real images of the train split, got 40"),
        ("fid50k_full", {"reals": real(1)}, "needs 2 real images of the train split, got 1"),
        ("kid50k_full", {"reals": real(999)}, r"needs 1,000 real images .* got 999. Give more\.$"),
        ("swd2k", {"reals": real(99)}, r"needs 2,048 real images .* got 99. Give more\.$"),
        ("swd16k", {"reals": real(3000)}, r"Give more, or take swd2k\.$"),
        ("kd_hed5k", {"reals": real(1000)}, r"Give more, or take kd_hed50k_full\.$"),
        ("pr50k3", {"reals": real(9), "made": 9}, r"got 9. Give more\.$"),
        (
            "fid5k",
            {"reals": real(40), "made": 40},
            r"take fid_test \(with 2 images or more in the test split\)\.$",
        ),
        ("fid50k", {"reals": real(40)}, r"take fid50k_full or fid5k_full or fid_test"),
        (
            "fd_hed_test",
            {"reals": real(1)},
            r"needs 2 real images .* got 1. Give more, or take fd_hed5k_full \(with 2 images",
        ),
        ("fid50k_full", {"reals": real(40), "made": 9}, "needs 50,000 generated images, got 9"),
        ("fid_test", {"reals": real(40), "made": 1}, r"2 generated images, got 1. Give more\.$"),
        ("fid_test", {}, "needs real images of the test split"),
        ("fid_5k", {}, "Did you mean 'fid5k'"),
        ("fid_test", {"reals": real(9), "folder": "/nowhere"}, "pt_inception.*no such file"),
        ("ppl_wend", {}, "makes no pictures from noise"),
    ],
)
def test_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        compute(name, generate, **options)


def test_names_that_a_model_does_not_take():
    subject = SimpleNamespace(names=("fid5k", "psnr"), config=SimpleNamespace(model="toy"))
    for name, message in (
        ("fid_5k", "takes fid5k, psnr. Did you mean 'fid5k'?"),
        ("ms_ssim", "not a metric of toy, which takes fid5k, psnr."),
        ("", "one of the names is empty, expected names with single commas between them"),
    ):
        with pytest.raises(InputError) as caught:
            evaluation.check_metric(subject, name, None)
        assert message in str(caught.value)
        assert ("mean" in message) == ("mean" in str(caught.value))


def test_pictures_that_cannot_be_compared(looked):
    mixed = real(40, lambda i: picture(i, 32 if i < 35 else 48))
    with pytest.raises(InputError, match="of 32x32 and 48x48 pixels, expected one size"):
        compute("fid_test", generate, mixed)
    with pytest.raises(InputError, match="expected uint8"):
        compute("fid_test", lambda numbers: generate(numbers) / 255, real(40))


def test_every_name_has_its_split():
    splits = {name: protocols.split_of(name) for name in protocols.NAMES}
    assert splits["fid_test"] == "test"
    assert splits["fid50k_full"] == "train"
    assert splits["is50k"] is splits["ppl_wend"] is splits["ms_ssim10k"] is None
    table = Path(protocols.__file__).read_text().split('"""')[1]
    known = (*protocols.PROTOCOLS, "ppl_zfull", "sep_faces_z")
    assert all(f"`{name}`" in table for name in known)


# --- path length


class Straight(Fake):
    """Pictures that are linear in w, and w in z: every step has the same distance."""

    has_mapping = True

    def __init__(self):
        super().__init__(3)

    @property
    def generator(self):
        return SimpleNamespace(
            mapping=lambda z: keras.ops.repeat(z[:, None], 2, axis=1), synthesis=self.synthesis
        )

    def synthesis(self, ws, noise, seed):
        drawn = keras.random.normal((ws.shape[0], 1, 1, 1), seed=seed)
        return keras.ops.ones((1, 16, 16, 1)) * ws[:, :1, None] + drawn


def distance(a, b):
    """Of the colours; what is drawn as noise must be the same in both."""
    return np.square(np.float64(a) - b).mean((1, 2)).sum(1)


@pytest.mark.backends
@pytest.mark.parametrize("name", ["ppl_wend", "ppl_wfull", "ppl2_wend"])
def test_path_length_in_w(name):
    """The mean squared distance of the two ends over 4 (pictures are seen in [0, 1])."""
    protocol = path_length.PATHS[name]._replace(count=10)
    found = path_length.path_length(Straight(), distance, protocol)
    z = np.stack([np.random.RandomState(i).randn(3) for i in range(20)])
    expected = np.sort(np.square(z[::2] - z[1::2]).sum(1) / 4)
    low, high = (np.percentile(expected, q, method=m) for q, m in ((1, "lower"), (99, "higher")))
    assert found == pytest.approx(expected[(expected >= low) & (expected <= high)].mean(), rel=2e-2)


def test_path_length_does_not_depend_on_the_batch(monkeypatch):
    protocol = path_length.PATHS["ppl_zfull"]._replace(count=10)
    first = path_length.path_length(Straight(), distance, protocol)
    monkeypatch.setattr(path_length, "BATCH", 3)
    # steps of float32 numbers near 1, to 6e-8 of 1e-4
    assert path_length.path_length(Straight(), distance, protocol) == pytest.approx(first, rel=2e-2)


def test_slerp():
    a, b = np.array([[2.0, 0, 0]]), np.array([[0, 5.0, 0]])
    np.testing.assert_allclose(path_length.slerp(a, b, np.array([[0.0]])), [[1, 0, 0]], atol=1e-12)
    half = path_length.slerp(a, b, np.array([[0.5]]))
    np.testing.assert_allclose(half, [[2**-0.5, 2**-0.5, 0]], atol=1e-12)


def test_models_without_such_paths():
    plain = Fake(3, "uniform")
    with pytest.raises(InputError, match="no w. Take ppl_zend"):
        path_length.check_path("ppl_wend", plain)
    with pytest.raises(InputError, match="uniform, expected normal"):
        path_length.check_path("ppl_zend", plain)
    keras.config.set_dtype_policy("mixed_float16")
    with pytest.raises(InputError, match="precision=float32"):
        path_length.check_path("ppl_wend", Straight())
