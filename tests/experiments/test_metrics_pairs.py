"""Scores of pairs of pictures, and of codes whose factors are known."""

from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from core.errors import InputError
from experiments import metrics
from experiments.metrics import disentanglement, pairs
from experiments.metrics.disentanglement import linear_separability, mutual_information_gap
from experiments.metrics.features import Extractor
from experiments.tasks import stylization
from nst.features import feature_network
from nst.weights import random_weights


def images(count, seed=0, size=16):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def distance(a, b):
    return np.abs(a - b).mean((1, 2, 3))


def test_perceptual_distance_is_a_mean_over_pairs():
    a, b = images(40), images(40, 1)
    expected = np.abs(np.float64(a) - b).mean() / 255
    assert pairs.perceptual_distance(a, b, distance) == pytest.approx(expected)
    assert pairs.perceptual_distance(list(a), iter(a), distance) == 0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (images(4), images(3)),
        (images(40), images(32)),
        (images(4), images(4, size=18)),
        (images(0), images(0)),
    ],
)
def test_pictures_that_are_no_pairs(a, b):
    with pytest.raises(InputError, match="pairs"):
        pairs.perceptual_distance(a, b, distance)


def test_art_fid():
    """Fréchet distance of one feature: (m1 - m2)^2 + (s1 - s2)^2."""
    network = Extractor(
        "toy", 1, lambda x: {"features": x.mean((1, 2, 3), keepdims=True)[:, :, 0, 0]}
    )
    stylised, contents, styles = images(9), images(9, 1), images(7, 2) // 2
    ours, theirs = (x.mean((1, 2, 3), np.float64) for x in (stylised, styles))
    away = (ours.mean() - theirs.mean()) ** 2 + (ours.std(ddof=1) - theirs.std(ddof=1)) ** 2
    expected = (1 + away) * (1 + np.abs(np.float64(stylised) - contents).mean() / 255)
    found = pairs.art_fid(stylised, contents, styles, network, distance)
    assert found == pytest.approx(expected, rel=1e-5)


def test_content_and_style_terms():
    trunk = feature_network(random_weights("vgg16", width=0.1), ["relu1_1", "relu2_1"])
    a, b = images(2, size=24)
    assert pairs.content_term(trunk, a, a, "mean") == pairs.style_term(trunk, a, a, "gatys") == 0
    x, y = (list(trunk(np.float32(p)[None] / 255).values()) for p in (a, b))
    expected = sum(float(ops.mean(ops.square(p - q))) for p, q in zip(x, y, strict=True))
    assert pairs.content_term(trunk, a, b, "mean") == pytest.approx(expected, rel=1e-5)
    shifted = np.roll(a, 8, 1)
    content, style = (f(trunk, a, shifted, "paper") / f(trunk, a, b, "paper")
                      for f in (pairs.content_term, pairs.style_term))  # fmt: skip
    assert content > 0.5 > 2 * style  # the style of a shifted picture is nearly its own
    assert pairs.style_term(trunk, a, b[:20], "gatys") > 0  # of another size


def test_stylising_shows_how_far_it_is(monkeypatch):
    shown, sets = [], {"content": images(3), "style": images(2, 1)}
    monkeypatch.setattr(stylization, "progress", lambda work, *shows: shown.append(shows) or work)
    monkeypatch.setattr(stylization.Stylised, "images", lambda self, role: sets[role])
    stylizer = lambda content, styles: content  # noqa: E731
    run = SimpleNamespace(stylizer=stylizer, algorithm=None, config=None)
    rows = stylization.Stylised(run, None).rows
    assert shown == [("stylised", 3)]
    np.testing.assert_array_equal([row.content for row in rows], sets["content"])
    np.testing.assert_array_equal([row.style for row in rows], sets["style"][[0, 1, 0]])


# --- disentanglement


def factors(count=4000):
    return np.random.default_rng(0).random((count, 3))


def test_mutual_information_gap():
    v = factors()
    noise = np.random.default_rng(1).random((len(v), 2))
    alone = np.hstack([-v[:, [2]], v[:, [0]] * 7 + 1, v[:, [1]], noise])
    assert mutual_information_gap(alone, v) > 0.9  # the rest is chance in the other columns
    twice = np.hstack([v, v])
    assert mutual_information_gap(twice, v) == pytest.approx(0, abs=1e-12)
    mixed = v @ np.linalg.qr(np.random.default_rng(2).standard_normal((3, 3)))[0]
    assert mutual_information_gap(mixed, v) < 0.5
    assert mutual_information_gap(noise, v) < 0.05


def test_linear_separability():
    """1 if hyperplanes part every attribute; 2 ** H(Y) = 2 for one that nothing tells of."""
    z = np.random.default_rng(0).standard_normal((2000, 4))
    sides = 1 / (1 + np.exp(-3 * z @ np.array([[1.0, 1], [0, 2], [0, 0], [0, -1]])))
    assert linear_separability(z, sides) == pytest.approx(1, abs=0.05)
    chance = np.random.default_rng(1).random((2000, 1))
    assert linear_separability(z, chance) == pytest.approx(2, abs=0.05)
    both = np.hstack([chance, 1 - chance[::-1]])
    assert linear_separability(z, both) == pytest.approx(4, abs=0.2)
    ring = np.float64(np.square(z).sum(1, keepdims=True) > 3.36)
    assert linear_separability(z, ring) > 1.8


def test_both_are_among_the_metrics():
    assert metrics.linear_separability is linear_separability
    assert metrics.mutual_information_gap is mutual_information_gap


def test_too_little_to_tell():
    v = factors(disentanglement.LEAST - 1)
    with pytest.raises(InputError, match="got 999 images, this needs 1000"):
        mutual_information_gap(v, v)
    v = factors(1000)
    with pytest.raises(InputError, match="the same in all"):
        mutual_information_gap(v, np.zeros((1000, 1)))
    with pytest.raises(InputError, match="with K 2 or more"):
        mutual_information_gap(v[:, :1], v)
    with pytest.raises(InputError, match=r"in \[0, 1\]"):
        linear_separability(v, 2 * v)
