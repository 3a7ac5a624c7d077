"""Translating pictures of any size; scores against values by hand."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
from PIL import Image

from core.errors import InputError
from core.phases import Stage
from experiments import configs
from experiments.data import pictures, tiles
from experiments.data.sources import open_dataset
from experiments.metrics.pairs import psnr, ssim
from experiments.model import Run
from experiments.tasks import translation
from experiments.tasks.translation import Translation
from gan.cyclegan.networks import resnet_generator, smallest_size
from gan.translator import DIRECTIONS, Translator

TILE, OVERLAP = 32, 8


def invert(images):
    return -np.asarray(images)


def translated(network, picture, multiple, smallest=1):
    """A picture through a network, from uint8 to uint8."""
    made = tiles.tiled(
        network, pictures.to_signed(picture), multiple=multiple, smallest=smallest, channels=4
    )
    return pictures.from_signed(made)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "TILE", TILE)
    monkeypatch.setattr(tiles, "OVERLAP", OVERLAP)
    monkeypatch.setattr(tiles, "max_pixels", lambda channels: 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (3, 1), (5, 7), (8, 8), (17, 30)])
@pytest.mark.parametrize("multiple", [1, 4, 8])
def test_any_size(size, multiple):
    def network(images):
        assert images.shape[1] % multiple == 0 and images.shape[2] % multiple == 0
        return invert(images)

    picture = noise(*size)
    np.testing.assert_array_equal(translated(network, picture, multiple), 255 - picture)


@pytest.mark.parametrize(
    "size", [(33, 20), (20, 90), (64, 64), (75, 101), (32, 33), (200, 5), (1, 70)]
)
@pytest.mark.parametrize("multiple", [1, 4])
def test_tiles_of_a_pointwise_network_are_seamless(small_tiles, size, multiple):
    shapes = set()

    def network(images):
        shapes.add(images.shape[1:3])
        return invert(images)

    picture = noise(*size)
    np.testing.assert_array_equal(translated(network, picture, multiple), 255 - picture)
    assert all(h <= TILE and w <= TILE and h % multiple == w % multiple == 0 for h, w in shapes)


def test_tiles_fade_into_each_other(small_tiles):
    """Tiles of constant but different brightness: no step larger than one fade's."""
    calls = iter(range(100))

    def network(images):
        return np.full_like(images, -1 + 0.5 * (next(calls) % 2))

    made = translated(network, noise(32, 80), 4).astype(int)
    assert np.ptp(made) > 50
    assert np.abs(np.diff(made, axis=1)).max() <= 64 / OVERLAP + 1


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 2), (1, 20), (5, 4), (9, 7)])
@pytest.mark.parametrize("n_downsampling", [0, 1, 2, 3])
def test_tiny_pictures_and_a_real_generator(size, n_downsampling):
    """Its reflections need pixels to reflect."""
    generator = resnet_generator(n_downsampling=n_downsampling, n_blocks=1, ngf=2)
    multiple = 2**n_downsampling

    def network(images):
        return np.asarray(generator(images, training=False))

    made = translated(network, noise(*size), multiple, smallest_size(multiple))
    assert made.shape == (*size, 3) and made.dtype == np.uint8


def test_max_pixels_follows_the_free_memory(monkeypatch):
    monkeypatch.setattr(tiles, "free_memory", lambda: 2**36)
    assert tiles.max_pixels(64) == 2**36 // 4 // (64 * 32)
    monkeypatch.setattr(tiles, "free_memory", lambda: 2**10)
    assert tiles.max_pixels(64) == tiles.TILE**2


def test_max_pixels_leaves_room():
    assert tiles.max_pixels(64) >= tiles.TILE**2
    assert tiles.max_pixels(4) >= tiles.max_pixels(64)


def run(source, output, direction="AtoB"):
    """`--mode=translate` with a network that inverts; how many were written, and what was said."""
    said = []
    flags = SimpleNamespace(input=str(source), output=str(output), direction=direction)
    assert translation.translate_mode(inverting(), flags, said.append) == 0
    written, _, to = said.pop().partition(" written to ")
    assert to == str(output)
    return int(written), said


def test_folder_structure_and_names(tmp_path):
    tiny.noise(tmp_path / "in" / "a" / "b", 1, 0)
    tiny.noise(tmp_path / "in", 1, 1)
    tiny.noise(tmp_path / "in", 1, 2, suffix=".bmp")
    written, said = run(tmp_path / "in", tmp_path / "out")
    found = sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")
    )
    assert found == ["0.bmp.png", "0.png.png", "a/b/0.png"]
    assert written == len(said) == 3
    for name, source in (
        ("0.bmp.png", "0.bmp"),
        ("0.png.png", "0.png"),
        ("a/b/0.png", "a/b/0.png"),
    ):
        expected = 255 - pictures.read(tmp_path / "in" / source)
        np.testing.assert_array_equal(pictures.read(tmp_path / "out" / name), expected)


def test_names_that_meet_by_way_of_a_suffix(tmp_path):
    """`a.jpg` and `a.png` become `a.jpg.png` and `a.png.png`, which another file may be called."""
    for name in ("a.bmp", "a.png", "a.bmp.png"):
        Image.fromarray(noise(4, 4)).save(tmp_path / name)
    written, _ = run(tmp_path, tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.png"))) == written == 3


def test_results_inside_the_input_are_no_pictures_the_next_time(tmp_path):
    tiny.noise(tmp_path, 2, 0)
    assert [run(tmp_path, tmp_path / "out")[0] for _ in range(2)] == [2, 2]
    assert len(list(tmp_path.rglob("*.png"))) == 4


def test_grey_and_transparent(tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("L", (6, 5), 100).save(tmp_path / "in" / "grey.png")
    Image.new("RGBA", (6, 5), (10, 20, 30, 255)).save(tmp_path / "in" / "alpha.png")
    run(tmp_path / "in", tmp_path / "out")
    assert pictures.read(tmp_path / "out" / "grey.png")[0, 0].tolist() == [155, 155, 155]
    assert pictures.read(tmp_path / "out" / "alpha.png")[4, 5].tolist() == [245, 235, 225]


def test_one_file(tmp_path):
    tiny.noise(tmp_path / "in", 2, 0)
    assert run(tmp_path / "in" / "1.png", tmp_path / "out")[0] == 1
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["1.png"]


def test_unreadable_ones_are_left_out(tmp_path):
    tiny.noise(tmp_path / "in", 3, 0)
    (tmp_path / "in" / "1.png").write_bytes(b"damaged")
    written, said = run(tmp_path / "in", tmp_path / "out")
    assert written == 2 and sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "0.png",
        "2.png",
    ]
    assert [line for line in said if line.startswith("left out: ") and "1.png" in line]


def test_refused(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="does not exist"):
        run(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(InputError, match="no pictures in this folder"):
        run(tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "0.png").write_bytes(b"damaged")
    with pytest.raises(InputError, match="none of 1 pictures can be read"):
        run(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    tiny.noise(tmp_path / "in", 1, 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--output=.*file/out: Cannot write there"):
        run(tmp_path / "in", tmp_path / "file" / "out")


def test_the_output_is_tried_before_the_first_picture(tmp_path, monkeypatch):
    tiny.noise(tmp_path / "in", 2, 0)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(translation, "tiled", lambda *_, **__: pytest.fail("translated"))

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(InputError, match="Cannot write there: .*No space left"):
        run(tmp_path / "in", tmp_path / "out")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "source, output",
    [
        ("in", "in"),
        ("in", "in/../in"),
        ("in", "link"),
        ("jpg", "jpg"),  # would not overwrite, but mix
        ("in", "in/sub"),  # 0.png -> sub/0.png
        ("in/0.png", "in"),
    ],
)
def test_originals_are_not_overwritten(tmp_path, source, output):
    tiny.noise(tmp_path / "in", 2, 0)
    tiny.noise(tmp_path / "in" / "sub", 1, 1)
    tiny.noise(tmp_path / "jpg", 2, 2, suffix=".jpg")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    before = contents(tmp_path)
    with pytest.raises(InputError, match="--output=.*: would overwrite .*; give another folder"):
        run(tmp_path / source, tmp_path / output)
    assert contents(tmp_path) == before


def test_a_picture_beside_the_one_that_is_translated_stays(tmp_path):
    tiny.noise(tmp_path, 1, 0)
    tiny.noise(tmp_path, 2, 1, suffix=".jpg")
    before = contents(tmp_path)
    with pytest.raises(InputError, match="would overwrite .*0.png"):
        run(tmp_path / "0.jpg", tmp_path)
    assert contents(tmp_path) == before
    assert run(tmp_path / "1.jpg", tmp_path)[0] == 1


def test_psnr():
    black = np.zeros((2, 12, 12, 3), np.uint8)
    assert psnr(black, black) == pytest.approx(100)
    assert psnr(black, black + 255) == pytest.approx(0)
    other = black.copy()
    other[0] += 16  # 20 log10(255 / 16) = 24.05 for one, 100 for the other
    assert psnr(black, other) == pytest.approx((24.0485 + 100) / 2, abs=1e-3)


def test_ssim():
    picture = noise(32, 32)[None]
    assert ssim(picture, picture) == pytest.approx(1)
    # constant pictures: only the term of the means is left, (2ab + c) / (a^2 + b^2 + c)
    a, b, c = 100.0, 150.0, (0.01 * 255) ** 2
    expected = (2 * a * b + c) / (a * a + b * b + c)
    flat = [np.full((1, 32, 32, 3), value, np.uint8) for value in (100, 150)]
    assert ssim(*flat) == pytest.approx(expected, abs=1e-6)


class Inverter(Translator):
    """Both directions invert."""

    directions = DIRECTIONS
    size_multiple, smallest_size, width = 4, 8, 4

    def __init__(self):
        super().__init__([Stage(1, 16)], {})

    def translator_name(self, direction):
        return direction

    def translator(self, direction):
        assert direction in DIRECTIONS
        return lambda images, training: invert(images)


class Darkener(Inverter):
    """There: 8 levels darker. Back: nothing."""

    def translator(self, direction):
        return lambda x, training: x - 16 / 255 if direction == "AtoB" else x


def inverting(config=None, algorithm=None):
    """A run of CycleGAN with networks that are known."""
    model = configs.find("cyclegan")
    config = config or model.presets["smoke"]
    return Run(config, Path("nowhere"), algorithm or Inverter(), model)


def evaluate(dataset, config, algorithm=None):
    return Translation().evaluate(inverting(config, algorithm), dataset)


def sheets(dataset, config):
    return Translation().sheets(inverting(config), dataset)


def constant_pairs(tmp_path, a=100, b=155):
    for role, level in (("A", a), ("B", b)):
        for split in ("train", "test"):
            folder = tmp_path / f"{split}{role}"
            folder.mkdir()
            for i in range(3):
                Image.new("RGB", (16, 16), (level, level, level)).save(folder / f"{i}.png")
    return tiny.config(tmp_path, data__paired_test=True)


def opened(config):
    return open_dataset(config.data.dataset, size=16, paired_test=config.data.paired_test)


def test_evaluate_by_hand(tmp_path):
    config = constant_pairs(tmp_path)
    scores = evaluate(opened(config), config)
    identity = 10 * np.log10(255**2 / 55**2)
    assert set(scores) == {"cycle_error/A", "cycle_error/B", "psnr/AtoB", "psnr/BtoA", "ssim/AtoB",
                           "ssim/BtoA", "psnr/identity", "ssim/identity"}  # fmt: skip
    assert scores["cycle_error/A"] == scores["cycle_error/B"] == 0
    assert scores["psnr/AtoB"] == scores["psnr/BtoA"] == pytest.approx(100)  # 255 - 100 = 155
    assert scores["ssim/AtoB"] == pytest.approx(1)
    assert scores["psnr/identity"] == pytest.approx(identity, rel=1e-5)
    assert scores["ssim/identity"] < 1


def test_directions_are_not_mixed_up(tmp_path):
    config = constant_pairs(tmp_path, a=100, b=92)
    scores = evaluate(opened(config), config, Darkener())
    assert scores["psnr/AtoB"] == pytest.approx(100) and scores["psnr/BtoA"] == pytest.approx(
        scores["psnr/identity"]
    )
    assert scores["cycle_error/A"] == scores["cycle_error/B"] == 8


def test_pairs_stay_pairs_beside_a_damaged_test_image(tmp_path):
    """Scenes of 16 greys and their inverses: every pair that is shifted would have a low PSNR."""
    for i in range(4):
        for split in ("train", "test"):
            for role, level in (("A", 40 * i), ("B", 255 - 40 * i)):
                path = tmp_path / f"{split}{role}" / f"{i}.png"
                pictures.write_png(path, np.full((16, 16, 3), level, np.uint8))
    (tmp_path / "testB" / "1.png").write_bytes(b"damaged")
    config = tiny.config(tmp_path, data__paired_test=True)
    scores = evaluate(opened(config), config)
    assert scores["psnr/AtoB"] == scores["psnr/BtoA"] == pytest.approx(100)
    assert sheets(opened(config), config)["translation"].any()


def test_without_truth_only_the_cycle(pictures_of_two):
    config = tiny.config(pictures_of_two)
    scores = evaluate(opened(config), config)
    assert set(scores) == {"cycle_error/A", "cycle_error/B"}


def test_sheets(tmp_path):
    config = constant_pairs(tmp_path)
    with_truth = sheets(opened(config), config)["translation"]
    without = sheets(open_dataset(config.data.dataset, size=16), config)
    scale, gap = 128 // 16, 2
    assert with_truth.shape[1] == 8 * (16 * scale + gap) + gap
    assert without["translation"].shape[1] == 6 * (16 * scale + gap) + gap
    assert with_truth.shape[0] > 3 * (16 * scale + gap)
    assert with_truth.dtype == np.uint8


def test_scores_are_counted_over_the_asked_number(tmp_path):
    config = constant_pairs(tmp_path)
    Image.new("RGB", (16, 16), (0, 0, 0)).save(tmp_path / "testA" / "2.png")
    few = tiny.config(tmp_path, data__paired_test=True, eval_images=2)
    assert evaluate(opened(few), few)["psnr/AtoB"] == pytest.approx(100)
    assert evaluate(opened(config), config)["psnr/AtoB"] < 100
