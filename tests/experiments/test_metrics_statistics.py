"""The statistics of the metrics: against published code, and what must hold of any."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from experiments import metrics
from experiments.metrics import Moments

GOLDEN = Path(__file__).parents[1] / "golden"
FEATURES = dict(np.load(GOLDEN / "metrics_on_features.npz"))
PROGAN = dict(np.load(GOLDEN / "progan_metrics.npz", allow_pickle=False))
REAL, GENERATED = FEATURES["real"], FEATURES["generated"]


def moments(features, batch):
    found = Moments()
    for start in range(0, len(features), batch):
        found.add(features[start : start + batch])
    return found


def one_nan(features):
    return np.concatenate([features, features[:1] * np.nan])


def shuffled(array):
    return array[np.random.default_rng(0).permutation(len(array))]


def test_frechet_distance_is_torch_fidelitys():
    assert metrics.frechet_distance(REAL, GENERATED) == pytest.approx(FEATURES["fid"], rel=1e-6)


def test_kernel_distance_is_torch_fidelitys():
    mean, deviation = metrics.kernel_distance(
        REAL,
        GENERATED,
        int(FEATURES["kid_subsets"]),
        int(FEATURES["kid_subset_size"]),
        int(FEATURES["kid_rng_seed"]),
    )
    assert mean == pytest.approx(FEATURES["kid_mean"], rel=1e-5)
    assert deviation == pytest.approx(FEATURES["kid_std"], rel=1e-5)


def test_precision_and_recall_are_torch_fidelitys(monkeypatch):
    neighborhood = int(FEATURES["prc_neighborhood"])
    expected = float(FEATURES["precision"]), float(FEATURES["recall"])
    assert metrics.precision_recall(REAL, GENERATED, neighborhood) == pytest.approx(expected)
    monkeypatch.setattr(metrics.statistics, "ROWS", 7)
    assert metrics.precision_recall(REAL, GENERATED, neighborhood) == pytest.approx(expected)
    assert metrics.precision_recall(REAL, REAL) == (1, 1)


def test_ms_ssim_is_progans():
    a, b = PROGAN["images_a"], PROGAN["images_b"]
    assert metrics.ms_ssim(a, b) == pytest.approx(PROGAN["ms_ssim"], rel=1e-6)
    assert metrics.ms_ssim(a[::-1], b[::-1]) == pytest.approx(metrics.ms_ssim(a, b), rel=1e-12)


def test_laplacian_pyramid_is_progans():
    levels = metrics.laplacian_pyramid(PROGAN["images_a"], 3)
    for i, level in enumerate(levels):
        expected = PROGAN[f"pyramid_level{i}"].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(level, expected, atol=1e-4)


def test_sliced_wasserstein_is_progans(monkeypatch):
    a, b = PROGAN["descriptors_a"], PROGAN["descriptors_b"]
    found = metrics.sliced_wasserstein(a, b, int(PROGAN["swd_dir_repeats"]))
    assert found == pytest.approx(PROGAN["swd"], rel=1e-5)
    monkeypatch.setattr(metrics.patches, "ROWS", 7)
    found = metrics.sliced_wasserstein(a, b, int(PROGAN["swd_dir_repeats"]))
    assert found == pytest.approx(PROGAN["swd"], rel=1e-5)


def test_patches_are_normalised_colour_by_colour():
    """Neither brighter pictures nor ones of more contrast in a colour are farther away."""
    a, b = (np.random.default_rng(i).random((300, 147), np.float32) ** (i + 1) for i in (0, 1))
    away = 2 * np.float32([1, 20, 3]).repeat(49) * b + np.float32([0, 5, 90]).repeat(49)
    colours = (x.reshape(-1, 3, 49) for x in (a, b))
    plain = [(x - x.mean((0, 2), keepdims=True)) / x.std((0, 2), keepdims=True) for x in colours]
    expected = 1000 * metrics.sliced_wasserstein(*(x.reshape(-1, 147) for x in plain))
    assert metrics.patches.distance(a, away) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("measure", "shape", "rows"),
    [
        (metrics.precision_recall, (200, 4000), 10),
        (metrics.patches.distance, (5000, 147), 250),
        (lambda a, b: metrics.kernel_distance(a, b, 2, 100), (2000, 1000), 100),
    ],
)
def test_memory_holds_blocks_of_features_in_files(measure, shape, rows, tmp_path, monkeypatch):
    for module in (metrics.checks, metrics.statistics, metrics.patches):
        monkeypatch.setattr(module, "ROWS", rows)
    files = [np.memmap(tmp_path / name, np.float32, "w+", shape=shape) for name in "ab"]
    for i, file in enumerate(files):
        file[:] = np.random.default_rng(i).random(shape, np.float32)
    tracemalloc.start()
    measure(*files)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < files[0].nbytes


@pytest.mark.parametrize("batch", [1, 50, 257])
def test_frechet_distance_does_not_depend_on_batches_or_order(batch):
    found = metrics.frechet_distance(moments(shuffled(REAL), batch), moments(GENERATED, batch))
    assert found == pytest.approx(float(FEATURES["fid"]), rel=1e-6)


def test_frechet_distance_with_fewer_images_than_dimensions():
    """Singular covariances: the distance of x and x + c is |c|^2."""
    x = np.random.default_rng(1).standard_normal((20, 64)).astype(np.float32)
    assert metrics.frechet_distance(x, shuffled(x)) == pytest.approx(0, abs=1e-9)
    assert metrics.frechet_distance(x, x + 2) == pytest.approx(64 * 4, rel=1e-6)


def test_precision_and_recall_do_not_depend_on_order():
    found = metrics.precision_recall(shuffled(REAL), shuffled(GENERATED))
    assert found == pytest.approx(metrics.precision_recall(REAL, GENERATED))


def test_identical_sets():
    images = PROGAN["images_a"]
    assert metrics.frechet_distance(REAL, REAL) == pytest.approx(0, abs=1e-9)
    assert metrics.precision_recall(REAL, REAL) == (1, 1)
    assert metrics.ms_ssim(images, images) == 1
    assert max(metrics.swd(images, images).values()) == 0
    assert max(metrics.swd(images, images[::-1]).values()) < 1e-3  # of several 10


def test_kernel_distance_of_one_distribution_is_0_on_average():
    x = np.random.default_rng(2).standard_normal((800, 8))
    mean, deviation = metrics.kernel_distance(x[:400], x[400:], 50, 200)
    assert abs(mean) < deviation
    assert metrics.kernel_distance(x[:400], x[400:] + 1, 50, 200)[0] > 3 * deviation


def test_swd_sees_scales():
    """A checkerboard of single pixels is in the finest scale alone; the rest is sampling."""
    clean, other = PROGAN["images_a"] // 2 + 60, PROGAN["images_b"] // 2 + 60
    board = 40 * (np.indices((64, 64)).sum(0) % 2)[None, :, :, None]
    usual, found = metrics.swd(clean, other), metrics.swd(clean, np.uint8(other + board))
    assert list(found) == [64, 32, 16]
    assert found[64] > 3 * usual[64]
    assert found[16] < 1.5 * usual[16]


def test_inception_score():
    sure = np.eye(4)[np.arange(40) % 4]
    assert metrics.inception_score(sure) == pytest.approx((4, 0))
    assert metrics.inception_score(np.full((40, 4), 0.25)) == pytest.approx((1, 0))
    halves = np.concatenate([sure[:20], np.full((20, 4), 0.25)])
    assert metrics.inception_score(halves, 2) == pytest.approx((2.5, 1.5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.frechet_distance(REAL[:1], REAL), "real: got 1 images, this needs 2"),
        (lambda: metrics.frechet_distance(REAL, REAL[:, :5]), "24 numbers, generated 5"),
        (lambda: metrics.frechet_distance(REAL, REAL * np.nan), "NaN"),
        (lambda: metrics.frechet_distance(REAL[0], REAL), r"expected \[N, D\]"),
        (lambda: moments(REAL, 50).add(REAL[:, :3]), "3 numbers each after 24"),
        (lambda: metrics.kernel_distance(REAL, REAL[:99], 5, 100), "got 99 images, this needs 100"),
        (lambda: metrics.precision_recall(REAL, REAL[:3]), "got 3 images, this needs 4"),
        (lambda: metrics.inception_score(np.eye(4), 10), "4 images in 10 splits"),
        (lambda: metrics.frechet_distance(REAL[:, :0], REAL), r"shape \(\d+, 0\)"),
        (lambda: metrics.frechet_distance(np.float64(REAL) * 1e200, REAL), "numbers beyond 3.4e"),
        (lambda: metrics.frechet_distance([[1, 2], [1]], REAL), "rows of several lengths"),
        (lambda: metrics.frechet_distance([["a", "b"]] * 3, REAL), "of real numbers"),
        (lambda: metrics.frechet_distance(REAL * 1j, REAL), "complex64, .* of real numbers"),
        (lambda: metrics.frechet_distance(Moments(), REAL), "2 images or more, got 0"),
        (lambda: metrics.kernel_distance(REAL, [], 5, 100), r"shape \(0,\)"),
        (lambda: metrics.kernel_distance(REAL, GENERATED, 5, 10.5), "subset_size=10.5: .* whole"),
        (lambda: metrics.kernel_distance(REAL, GENERATED, 5, 10, -1), "seed=-1: .* 0 or more"),
        (lambda: metrics.kernel_distance(REAL, GENERATED, 0, 10), "subsets=0: .* 1 or more"),
        (lambda: metrics.kernel_distance(one_nan(REAL), GENERATED, 1, 2), "real: has NaN"),
        (lambda: metrics.precision_recall(REAL, REAL, 1.5), "neighborhood=1.5: .* whole"),
        (lambda: metrics.precision_recall(REAL, one_nan(REAL)), "generated: has NaN"),
        (lambda: metrics.inception_score(np.eye(4), 2.5), "splits=2.5: .* whole number"),
        (lambda: metrics.inception_score([1, 0], 1), r"expected \[N, D\]"),
        (lambda: metrics.sliced_wasserstein([[1.0]], [[1.0], [2]]), r"shapes \(1, 1\) and \(2, 1"),
        (lambda: metrics.sliced_wasserstein([[1.0]], [[1.0]], 0), "repeats=0"),
        (lambda: metrics.inception_score(REAL, 2), "expected rows of numbers from 0 that sum to 1"),
        (lambda: metrics.ms_ssim(*np.zeros((2, 1, 40, 32, 3), np.uint8)), "multiples of 16"),
        (lambda: metrics.ms_ssim(*np.zeros((2, 0, 32, 32, 3), np.uint8)), "one picture or more"),
        (lambda: metrics.swd(*np.zeros((2, 1, 48, 48, 3), np.uint8)), "a power of two"),
        (lambda: metrics.swd(*np.zeros((2, 1, 32, 32, 3), np.uint8)), "one colour"),
    ],
)
def test_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize("measure", [metrics.ms_ssim, metrics.swd])
@pytest.mark.parametrize(
    ("images", "found"),
    [
        (np.zeros((2, 32, 32, 3), np.float32), "float32"),
        (np.full((2, 32, 32, 3), np.nan), "float64"),
        (np.zeros((2, 32, 32, 1), np.uint8), r"\(2, 32, 32, 1\)"),
        (np.zeros((2, 32, 32), np.uint8), r"\(2, 32, 32\)"),
        (np.zeros((2, 0, 32, 3), np.uint8), r"\(2, 0, 32, 3\)"),
        ([], r"\(0,\)"),
    ],
)
def test_other_pictures(measure, images, found):
    with pytest.raises(InputError, match=f"{found}.*expected uint8 \\[N, H, W, 3\\]"):
        measure(images, images)
