"""Sheets, scores, pictures by seed and figures of generators."""

from pathlib import Path
from types import SimpleNamespace

import fakes
import numpy as np
import pytest
from fakes import LAYERS, SIZE, Mapping, Plain, Synthesis, styled, use
from keras import ops
from PIL import Image

from core.errors import InputError
from experiments import api
from experiments.data import pictures
from experiments.metrics import sampling
from experiments.tasks import animation, figures, generation
from experiments.tasks.seeds import parse_seeds

# what makes pictures; files of networks have tests of their own
MODES = tuple(mode for mode in generation.Generation().uses if mode != "export")


def first(seed):
    """The number that the pictures of a seed show."""
    return np.random.RandomState(seed).randn(4)[0]


def level(value):
    return int(pictures.from_signed(np.float32(value / 8)))


# --- seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0", [0]), ("0-3,7", [0, 1, 2, 3, 7]), (" 5 , 2-2", [5, 2]), ("1,1", [1, 1])],
)
def test_parse_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", "a", "3-1", "-1", "1-", "1,,2", "1.5", "0-99999999", "4294967296", "²"]
)
def test_bad_seeds(text):
    with pytest.raises(InputError, match="--seeds="):
        parse_seeds(text)


def test_a_seed_is_a_z():
    algorithm = styled().algorithm
    np.testing.assert_allclose(
        sampling.latents(algorithm, [5, 3]),
        [np.random.RandomState(5).randn(4), np.random.RandomState(3).randn(4)],
        rtol=1e-6,
    )
    algorithm.latent = "uniform"
    assert np.abs(sampling.latents(algorithm, range(50))).max() <= 1
    with pytest.raises(InputError, match="seed -1: expected 0 to"):
        sampling.latents(algorithm, [-1])


# --- scores


def test_diversity():
    images = np.zeros((3, 4, 4, 3), np.uint8)
    assert generation.diversity(images) == 0
    assert generation.diversity(images[:1]) == 0
    images[1], images[2] = 100, 40  # differences of 100, 40 and 60
    assert generation.diversity(images) == pytest.approx(200 / 3, rel=1e-5)


def test_colour_distance():
    a, b = np.full((2, 3, 3, 3), 10, np.uint8), np.full((5, 2, 2, 3), 10, np.uint8)
    assert generation.colour_distance(a, b) == 0
    b[..., 1] = 40  # 30 levels in one of three
    assert generation.colour_distance(a, b) == pytest.approx(10)


# --- modes


def test_sample(tmp_path):
    said = use("sample", styled(), tmp_path / "out", seeds="4,2-3")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["grid.png", "seed0002.png", "seed0003.png", "seed0004.png"]
    picture = pictures.read(tmp_path / "out" / "seed0004.png")
    assert picture.shape == (SIZE, SIZE, 3) and picture[0, 0, 0] == level(first(4))
    assert "3 pictures" in said[0]


def test_sample_counts_and_truncates(tmp_path):
    use("sample", styled(), tmp_path, count=10, truncation=0.0)
    assert len(list(tmp_path.glob("seed*.png"))) == 10
    assert pictures.read(tmp_path / "seed0009.png")[0, 0, 0] == level(0.5)


def test_mix(tmp_path):
    """Ten layers: two rows each of coarse (0-3), middle (4-7) and fine (8, 9)."""
    use("mix", styled(), tmp_path, seeds="0,1", seeds_b="2")
    a, b = level(first(1)), level(first(2))
    figure = pictures.read(tmp_path / "mix.png")
    tiles = figure[-(6 * 130 + 2) : -2, -132:-4:2, 0].reshape(6, 130, -1)[:, 64]
    for row, (start, end) in zip((1, 3, 5), ((0, 4), (4, 8), (8, 10)), strict=True):
        expected = np.full(LAYERS, a)
        expected[start:end] = b
        np.testing.assert_array_equal(tiles[row][1 : LAYERS + 1], expected)


def test_mix_adapts_to_the_layers(tmp_path, monkeypatch):
    heights = {}
    for layers in (4, 8, 10):
        monkeypatch.setattr(fakes, "LAYERS", layers)
        use("mix", styled(), tmp_path / f"{layers}.png", seeds="0", seeds_b="1")
        heights[layers] = len(pictures.read(tmp_path / f"{layers}.png"))
    assert heights[8] - heights[4] == heights[10] - heights[8] == 130


def test_truncation(tmp_path):
    use("truncation", styled(), tmp_path, seeds="3,4")
    figure = pictures.read(tmp_path / "truncation.png")
    row = figure[-66]
    left = [len(row) - 130 * (i + 1) for i in reversed(range(len(figures.PSIS)))]
    found = [row[x, 0] for x in left]
    assert found == [level(0.5 + psi * (first(4) - 0.5)) for psi in figures.PSIS]


def test_noise(tmp_path):
    use("noise", styled(), tmp_path, seeds="0")
    figure = pictures.read(tmp_path / "noise.png")
    deviation = figure[-130:-2, -130:-2, 0]  # the corner alone, about 0.5 of [-1, 1] there
    assert not deviation[:96].any() and not deviation[:, :96].any()
    assert deviation[96:, 96:].min() > 200
    made = sampling.Sampler(styled().algorithm)
    examples, measured = figures.realisations(made, np.ones((LAYERS, 4), np.float32))
    assert measured[60, 60] == pytest.approx(0.5 * 127.5, abs=3)
    crops = figures.most_varied(examples, measured)
    assert {int(x) for x in np.unique(crops[0])} == {level(-4), level(4)}  # nothing but noise
    assert (crops[0] != crops[1]).any()


def test_metrics_draw_the_noise():
    algorithm, generate = styled().algorithm, sampling.generate
    usual, drawn = (generate(algorithm, [3, 4], noise=noise) for noise in ("const", "random"))
    assert np.array_equal(drawn[:, :48], usual[:, :48]) and (usual[:, 48:, 48:] == 128).all()
    assert not np.array_equal(drawn[0, 48:, 48:], drawn[1, 48:, 48:])
    assert np.array_equal(generate(algorithm, [3, 4], noise="random"), drawn)
    assert not np.array_equal(generate(algorithm, [4, 3], noise="random")[::-1], drawn)


def test_interpolate_goes_round_as_a_gif(tmp_path):
    said = use("interpolate", styled(), tmp_path, seeds="1,2,3", frames=12, fps=20.0)
    assert "12 frames" in said[0]
    with Image.open(tmp_path / "interpolation.gif") as gif:
        assert gif.info["loop"] == 0 and gif.n_frames == 12
        assert gif.info["duration"] == 50
        shown = []
        for i in range(12):
            gif.seek(i)
            shown.append(np.array(gif.convert("RGB"))[0, 0, 0])
    for i, seed in enumerate((1, 2, 3)):
        assert shown[4 * i] == pytest.approx(level(first(seed)), abs=4)


class Turning(Synthesis):
    """Black pictures with a white corner at the left and above, and where they were moved to."""

    def __call__(self, ws, noise="const", seed=None, transform=None):
        spot = np.array([-0.25, -0.25, 1], "float32")  # of the picture that is not moved
        at = ops.linalg.inv(transform) @ spot[:, None]
        line = (np.arange(SIZE, dtype="float32") + 0.5) / SIZE - 0.5
        near = ops.abs(line - at[:, 0]) < 0.1, ops.abs(line - at[:, 1]) < 0.1
        image = ops.cast(ops.logical_and(near[1][:, :, None], near[0][:, None]), "float32")
        return ops.tile(2 * image[..., None] - 1, (1, 1, 1, 3))


def frames_of(path):
    with Image.open(path) as gif:
        shown = []
        for i in range(gif.n_frames):
            gif.seek(i)
            shown.append(np.array(gif.convert("L")) > 128)
    return shown


def centre(frame):
    """Where the white is: x and y as parts of the side, from the centre."""
    y, x = np.nonzero(frame)
    return ((x.mean() + 0.5) / SIZE - 0.5, (y.mean() + 0.5) / SIZE - 0.5)


def test_a_video_turns_the_pictures_or_moves_them_along_a_circle(tmp_path):
    generator = SimpleNamespace(mapping=Mapping(), synthesis=Turning())
    run = styled(generator=generator, has_transform=True)
    said = use("video", run, tmp_path / "a.gif", seeds="3", frames=4, motion="turn")
    assert "4 frames" in said[0]
    quarters = [(-0.25, -0.25), (-0.25, 0.25), (0.25, 0.25), (0.25, -0.25)]
    for frame, place in zip(frames_of(tmp_path / "a.gif"), quarters, strict=True):
        assert centre(frame) == pytest.approx(place, abs=0.02)
    use("video", run, tmp_path / "b.gif", seeds="3-5", frames=4, motion="circle")
    ways = [(0.125, 0), (0, 0.125), (-0.125, 0), (0, -0.125)]
    for frame, (right, down) in zip(frames_of(tmp_path / "b.gif"), ways, strict=True):
        assert centre(frame) == pytest.approx((right - 0.25, down - 0.25), abs=0.02)


def test_a_video_without_motion_is_a_walk(tmp_path):
    use("video", styled(), tmp_path / "a.gif", seeds="1,2", frames=6)
    use("interpolate", styled(), tmp_path / "b.gif", seeds="1,2", frames=6)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_interpolate_as_mp4(tmp_path):
    try:
        import av  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match="needs PyAV"):
            use("interpolate", styled(), tmp_path / "walk.mp4", frames=4)
        return
    use("interpolate", styled(), tmp_path / "walk.mp4", frames=4)
    assert [path.name for path in tmp_path.iterdir()] == ["walk.mp4"]
    assert (tmp_path / "walk.mp4").stat().st_size > 100


def test_walks_pass_through_their_points():
    points = np.random.RandomState(0).randn(4, 6)
    for walk in (
        animation.spline(points, 20),
        animation.arcs(points, 20),
        animation.arcs(points, 20, straight=True),
    ):
        assert walk.dtype == np.float32
        np.testing.assert_allclose(walk[::5], points, atol=1e-6)
        steps = np.linalg.norm(np.diff(walk, axis=0, append=walk[:1]), axis=1)
        assert steps.max() < 3 * steps.mean()  # closed, without a jump


def test_arcs_keep_the_length():
    points = np.eye(3) * 2
    np.testing.assert_allclose(np.linalg.norm(animation.arcs(points, 30), axis=1), 2, rtol=1e-6)
    same = np.repeat(points[:1], 2, axis=0)  # no angle between them
    np.testing.assert_allclose(animation.arcs(same, 5), np.repeat(points[:1], 5, axis=0))


@pytest.mark.parametrize(
    ("mode", "given", "message"),
    [
        ("sample", {"count": 0}, "--count=0: expected 1 or more"),
        ("sample", {"count": 3, "seeds": "1"}, "or --seeds in its place"),
        ("sample", {"seeds": "x"}, "--seeds=x: expected numbers"),
        ("sample", {"truncation": float("nan")}, "--truncation=nan: expected a number"),
        ("sample", {"label": "0"}, "--label=0: this model was trained without classes"),
        ("sample", {"label": "a"}, "--label=a: expected numbers"),
        ("edit", {"label": "0,1"}, "--label=0,1: --mode=edit takes a single class"),
        ("project", {"label": "0,1"}, "--label=0,1: --mode=project takes a single class"),
        ("mix", {"seeds_b": "2-"}, "--seeds_b=2-: expected numbers"),
        ("interpolate", {"seeds": "1"}, "expected two or more of each"),
        ("interpolate", {"frames": 1}, "expected two or more of each"),
        ("interpolate", {"fps": 60.0}, "--fps=60: expected a number from 1 to 50 for .gif"),
        ("interpolate", {"fps": float("nan")}, "--fps=nan"),
        ("video", {"frames": 1}, "expected two or more of each"),
        ("video", {"motion": "turn"}, "--motion=turn: this stylegan takes no transform"),
    ],
)
def test_bad_flags(mode, given, message, tmp_path):
    with pytest.raises(InputError, match=message):
        use(mode, styled(), tmp_path, **given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", MODES)
def test_output_that_cannot_be_written(mode, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write there"):
        use(mode, styled(), tmp_path / "file" / "out")


@pytest.mark.parametrize("mode", ["mix", "truncation", "noise", "interpolate"])
def test_outputs_of_another_kind(mode, tmp_path):
    with pytest.raises(InputError, match="this is written as (PNG|GIF or MP4)"):
        use(mode, styled(), tmp_path / "x.jpg")


def test_generators_without_styles_or_noise(tmp_path):
    plain = styled("dcgan", Plain)
    for mode in ("mix", "truncation", "noise", "project", "edit"):
        with pytest.raises(InputError, match=f"--mode={mode}: this dcgan has no styles"):
            use(mode, plain, tmp_path)
    with pytest.raises(InputError, match="no styles to truncate"):
        use("sample", plain, tmp_path, truncation=0.7)
    with pytest.raises(InputError, match="trained without noise inputs"):
        use("noise", styled(has_noise=False), tmp_path)
    with pytest.raises(InputError, match="this stylegan has no styles"):
        use("mix", styled(has_styles=False), tmp_path)


def styled_classes():
    """An untrained StyleGAN2 with three classes."""
    changes = {"algorithm.classes": 3, "data.labels": True, "data.size": 16, "data.load_size": 16}
    made = api.build(api.make_config("stylegan2", "smoke", changes), 1, 1, Path("nowhere"))
    for variable in made.algorithm.sampling_network.mapping.weights:  # classes differ visibly
        variable.assign(3 * variable)
    return made


def test_a_seed_walks_from_class_to_class_and_back(tmp_path):
    run = styled_classes()
    alone = [run.sample([7], label=number)[0] for number in (0, 2, 1)]
    assert (alone[0] != alone[1]).any() and (alone[1] != alone[2]).any()
    found = animation.walk(run, [7, 7, 7], 12, label=[0, 2, 1]).astype(int)
    for i in range(3):
        assert np.abs(found[4 * i] - alone[i]).max() <= 1
    steps = np.abs(np.diff(found, axis=0, append=found[:1])).mean((1, 2, 3))
    assert 0 < steps.max() < 5 * steps.mean()
    said = use("interpolate", run, tmp_path, seeds="7", label="0,2,1", frames=6)
    assert "6 frames" in said[0]


def test_other_models_do_not_sample(tmp_path):
    run = api.build(api.make_config("cyclegan", "smoke"), 1, 1, tmp_path)
    with pytest.raises(InputError, match="cyclegan does not sample pictures"):
        run.sample(1)
