"""Pictures that are no squares, grey ones and those with an opacity: from the file to the file."""

import itertools
import json
import re

import numpy as np
import pytest
import tiny
from commands import cut_power, load_once
from PIL import Image
from test_runner import main

from core.errors import InputError
from experiments import api
from experiments.data import pictures
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset, Source
from experiments.data.pipeline import batches
from experiments.data.pipeline import test_images as images_for_tests
from experiments.data.sources import open_dataset
from experiments.dry_run import describe
from experiments.metrics.reals import of_dataset
from experiments.tasks.imports import settings, settings_of_pairs
from experiments.training.config import flatten, override
from experiments.training.rundir import RunDir, stored_config
from gan.cyclegan.algorithm import CycleGAN
from gan.stylegan2.algorithm import StyleGAN2

RED, CLEAR = (255, 0, 0, 255), (0, 0, 255, 0)


def ramps(height, width):
    """Pictures in which columns are in red and rows in green."""
    y, x = np.mgrid[:height, :width]
    source = Source("ramps", 4, lambda i: np.stack([x, y, 0 * x + i], -1).astype(np.uint8))
    return Dataset("ramps", {"image": source}, {"image": source})


def first(dataset, config, count=4, size=None):
    found = batches(dataset, config, size=size or config.size, batch_size=1, start=0, seed=0)
    return [
        np.rint((b["image"].numpy()[0] + 1) * 127.5).astype(int)
        for b in itertools.islice(found, count)
    ]


def opaque_and_clear(folder, count=3, size=(20, 40)):
    """Writes pictures whose left half is noise, and whose right half is clear."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(len(folder.name))
    for i in range(count):
        picture = random.integers(0, 256, (*size, 4), np.uint8)
        picture[..., 3] = 255 * (np.arange(size[1]) < size[1] // 2)
        Image.fromarray(picture).save(folder / f"{i}.png")


@pytest.fixture(scope="module")
def domains(tmp_path_factory):
    root = tmp_path_factory.mktemp("domains")
    for name in ("trainA", "trainB", "testA", "testB"):
        opaque_and_clear(root / name)
    return root


# --- the configuration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.size": "256x"}, "size='256x': expected pixels, such as 256 for squares or 256x512"),
        ({"data.size": "axb"}, "size='axb': expected pixels"),
        ({"data.size": 0}, "size=0, load_size=36: expected 8 <= size <= load_size"),
        ({"data.size": "16x0"}, "size=16x0, load_size=36: expected 8"),
        ({"data.size": "16x64", "data.load_size": "64x32"}, "height and width each"),
        ({"data.channels": 2}, r"channels=2: expected 1 \(grey\), 3 \(RGB\) or 4"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(InputError, match=message):
        api.make_config("cyclegan", "smoke", changes)


@pytest.mark.parametrize("model", ["dcgan", "progan", "stylegan", "adain"])
def test_models_of_squares_refuse_others(model):
    changes = {"data.size": "72x144", "data.load_size": "72x144"}
    with pytest.raises(InputError, match="trained on squares.*stylegan2"):
        api.make_config(model, "smoke", changes)
    with pytest.raises(InputError, match="data.channels=1: .* is trained on RGB pictures"):
        api.make_config(model, "smoke", {"data.channels": 1})


@pytest.mark.parametrize(
    ("model", "size", "message"),
    [
        ("cyclegan", "32x34", "data.size=32x34: the generator halves a picture 2 times"),
        ("cut", "32x34", "data.size=32x34: the generator halves a picture 2 times"),
        ("pix2pix", "32x48", "data.size=32x48: a U-Net of 5 halvings takes multiples of 32"),
        ("cyclegan", "8x36", "data.size=8x36: a patch discriminator"),
        ("stylegan2", "16x30", r"16x30 \(height x width\).* multiples of 4, such as 16x28"),
    ],
)
def test_sizes_that_cannot_be_built(model, size, message, tmp_path):
    config = api.make_config(model, "smoke", {"data.size": size})
    with pytest.raises(InputError, match=message):
        api.build(config, 1, 1, tmp_path)


def test_a_pair_comes_back_from_json(tmp_path):
    config = api.make_config("cyclegan", "smoke", {"data.size": "16x32", "data.channels": 4})
    directory = RunDir(tmp_path / "run", config)
    directory.store(config, {})
    directory.close()
    text = json.loads((tmp_path / "run" / "config.json").read_text())
    assert text["config"]["data.size"] == [16, 32]
    assert stored_config(tmp_path / "run", {"smoke": config}) == config
    assert flatten(override(config, {"data.size": 16, "data.load_size": 16}))["data.size"] == 16


def test_a_dry_run_counts_the_rectangle(tmp_path):
    """The embedded landscapes are drawn as squares of the longer side."""
    changes = {"data.size": "16x32", "data.load_size": 18, "data.channels": 1}
    config = api.make_config("cyclegan", "smoke", changes | {"algorithm.n_layers": 1})
    text = describe(config, tmp_path)
    assert re.search(r"data.size +16x32\n", text) and "memory (estimate)" in text
    assert api.open_data(config).train["A"].load(0).shape == (36, 36, 1)


def test_one_load_size_has_the_ratio_of_the_crops():
    assert DataConfig(size=(256, 512), load_size=286).load_sides == (286, 572)
    assert DataConfig(size=(64, 16), load_size=20).load_sides == (80, 20)
    assert DataConfig(size=16, load_size=(20, 40)).load_sides == (20, 40)


def test_auto_counts_the_longer_side_and_for_r1_the_area():
    config = api.make_config("stylegan2", "auto", {"data.size": "256x512"})
    assert config.batch_size == 8 and config.algorithm.channel_base == 32768
    assert config.algorithm.r1_gamma == pytest.approx(2e-4 * 256 * 512 / 8)


def test_files_of_networks_say_their_channels():
    assert settings({"ngf": 4, "channels": 1}) == {"algorithm.ngf": 4, "data.channels": 1}
    assert settings_of_pairs({"ndf": 4, "channels": 6}) == {"algorithm.ndf": 4}
    with pytest.raises(InputError, match="pictures of 1 and 3 channels; expected 1, 3, 4"):
        settings({"in_channels": 1, "out_channels": 3})


# --- files and arrays


def test_opacity_is_kept_in_four_channels_only(tmp_path):
    Image.fromarray(np.uint8([[RED, CLEAR, (0, 0, 0, 51)]])).save(tmp_path / "a.png")
    assert pictures.read(tmp_path / "a.png", 4)[0].tolist() == [[*RED], [*CLEAR], [0, 0, 0, 51]]
    grey = pictures.read(tmp_path / "a.png", 1)
    assert grey.shape == (1, 3, 1) and grey.ravel().tolist() == [76, 255, 204]
    Image.fromarray(np.uint8([[RED[:3]]])).save(tmp_path / "b.png")
    assert pictures.read(tmp_path / "b.png", 4)[0].tolist() == [[*RED]]


def test_sixteen_bit_grey_and_its_transparent_value(tmp_path):
    image = Image.fromarray(np.uint16([[257 * 100, 257 * 7]]))
    image.save(tmp_path / "a.png", transparency=257 * 7)
    assert pictures.read(tmp_path / "a.png", 1).ravel().tolist() == [100, 255]
    assert pictures.read(tmp_path / "a.png", 4)[0, :, 3].tolist() == [255, 0]


def test_channels_of_arrays():
    rgba = np.uint8([[RED, CLEAR, (0, 0, 0, 51)]])
    assert pictures.to_rgb(rgba)[0].tolist() == [[255, 0, 0], [255, 255, 255], [204, 204, 204]]
    grey = np.uint8([[[7]]])
    assert pictures.in_channels(grey, 4).tolist() == [[[7, 7, 7, 255]]]
    assert pictures.in_channels(grey, 3).tolist() == [[[7, 7, 7]]]
    assert pictures.in_channels(rgba, 1).ravel().tolist() == [76, 255, 204]


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("mode", pictures.MODES)
def test_fit_keeps_the_channels(channels, mode):
    picture = np.random.default_rng(0).integers(0, 256, (9, 5, channels), np.uint8)
    assert pictures.fit(picture, (12, 20), mode).shape == (12, 20, channels)
    assert np.array_equal(pictures.fit(picture, (9, 5), mode), picture)


def test_what_is_clear_does_not_colour_its_surroundings():
    """Resizing weighs colours by their opacity."""
    picture = np.uint8([[RED] * 8 + [CLEAR] * 8] * 16)
    small = pictures.fit(picture, 5, "stretch")
    seen = small[small[..., 3] > 8]
    assert len(seen) and (seen[:, 2] < 16).all()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_sheets_and_files_have_the_mode_of_their_pictures(tmp_path, channels, mode):
    picture = np.full((6, 12, channels), 100, np.uint8)
    scale = pictures.enlargement(picture)
    made = pictures.sheet([[picture, picture]], ["a", "b"], ["c"], scale=scale)
    pictures.write_png(tmp_path / "sheet.png", made)
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.mode == mode
    assert (made == 100).all(-1).sum() >= 2 * 6 * 12 * scale**2  # opacity, too


# --- batches


def test_crops_of_a_rectangle_are_parts_of_the_picture():
    for image in first(ramps(20, 40), DataConfig(size=(8, 24), load_size=(20, 40), flip=False)):
        assert image.shape == (8, 24, 3)
        assert (np.diff(image[..., 0], axis=1) == 1).all()
        assert (np.diff(image[..., 1], axis=0) == 1).all()


def test_the_whole_is_stretched_cropped_or_kept_in_shape():
    square = ramps(32, 32)
    for fit, far in (("stretch", 31), ("crop", 31), ("side", 31)):
        image = first(square, DataConfig(size=(8, 16), load_size=8, fit=fit, flip=False), 1)[0]
        assert image.shape == (8, 16, 3)
        assert image[..., 0].max() >= far - 2 and image[..., 0].min() <= 2  # all columns are there
        covered = image[..., 1].max() - image[..., 1].min()
        assert covered > 26 if fit == "stretch" else covered < 16


def test_levels_of_a_rectangle():
    config = DataConfig(size=(16, 32), load_size=16, flip=False)
    whole, half = (first(ramps(16, 32), config, 1, size)[0] for size in ((16, 32), (8, 16)))
    assert half.shape == (8, 16, 3)
    np.testing.assert_allclose(half, whole.reshape(8, 2, 16, 2, 3).mean((1, 3)), atol=0.51)
    with pytest.raises(InputError, match="cannot be halved to 8 pixels, which"):
        first(ramps(16, 32), config, 1, 8)


def test_a_picture_that_is_too_narrow_is_told(capsys):
    first(ramps(64, 10), DataConfig(size=(8, 16), load_size=8), 1)
    said = capsys.readouterr().out
    assert "crop of 8 pixels high and 16 wide" in said
    assert "a width of 10 and a height of 64" in said


@pytest.mark.parametrize("channels", [1, 4])
def test_batches_and_test_images_in_channels(domains, channels):
    config = DataConfig(
        dataset=f"folder:{domains}", size=(8, 16), load_size=8, channels=channels, flip=False
    )
    dataset = open_dataset(config.dataset, size=0, roles=("A", "B"), channels=channels)
    found = batches(dataset, config, size=config.size, batch_size=2, start=0, seed=0)
    batch = next(found)["A"].numpy()
    assert batch.shape == (2, 8, 16, channels)
    clear = batch[:, :, 10:]
    assert (clear[..., -1] == (1 if channels == 1 else -1)).all()  # white, or without opacity
    assert images_for_tests(dataset, config, "A", 2).shape == (2, 8, 16, channels)
    reals = of_dataset(dataset, config, "B", "test")
    image = next(iter(reals.read()))
    assert image.shape == (8, 16, 3) and (image[:, 10:] == 255).all()
    plain = of_dataset(dataset, DataConfig(size=(8, 16), load_size=8), "B", "test")
    assert "8x16px" in reals.key and reals.key != plain.key


@pytest.mark.parametrize("channels", [1, 4])
def test_embedded_sets_in_channels(channels):
    dataset = open_dataset("faces", size=16, channels=channels)
    assert dataset.train["image"].load(0).shape == (16, 16, channels)


# --- runs


def modes(folder):
    found = {}
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as image:
            found[path.name] = image.mode, (image.height, image.width)
    return found


def opacity(domains, run_dir, said=None):
    changes = {"data.size": "8x16", "data.load_size": 9, "data.channels": 4, "images": 4,
               "algorithm.n_downsampling": 1, "sample_every": 4, "eval_every": 4,
               "checkpoint_every": 2}  # fmt: skip
    return tiny.train(domains, run_dir, said, **changes)


def test_a_translation_of_rectangles_with_opacity(domains, tmp_path, monkeypatch):
    run = opacity(domains, tmp_path / "run")
    assert {mode for mode, _ in modes(tmp_path / "run" / "samples").values()} == {"RGBA"}
    with pytest.raises(InputError, match="data.channels=3: this run was trained with 4"):
        api.load(run.run_dir, {"data.channels": 3})
    load_once(monkeypatch, run)
    assert main("--model=cyclegan", "--mode=translate", f"--run_dir={run.run_dir}",
                f"--input={domains / 'testA'}", f"--output={tmp_path / 'out'}") == 0  # fmt: skip
    assert modes(tmp_path / "out") == {f"{i}.png": ("RGBA", (20, 40)) for i in range(3)}
    assert run.translate(np.zeros((20, 40, 3), np.uint8)).shape == (20, 40, 4)  # RGB, as well


@pytest.mark.thorough
def test_it_goes_on_and_is_the_same_as_uninterrupted(domains, tmp_path):
    opacity(domains, tmp_path / "whole")
    cut_power(lambda: opacity(domains, tmp_path / "run"), CycleGAN, 1)
    opacity(domains, tmp_path / "run", said := [])
    assert "going on after 2 of 4 images" in said
    tiny.assert_same_state(tmp_path / "run", tmp_path / "whole")


@pytest.mark.backends
@pytest.mark.thorough
def test_pairs_of_grey_rectangles(domains, tmp_path):
    run_dir = tmp_path / "run"
    api.train(
        "pix2pix", preset="smoke", dataset=f"folder:{domains}", run_dir=run_dir, images=4,
        say=lambda line: None, data__size=(32, 64), data__channels=1,
    )  # fmt: skip
    assert {mode for mode, _ in modes(run_dir / "samples").values()} == {"L"}
    assert main("--model=pix2pix", "--mode=translate", f"--run_dir={run_dir}",
                f"--input={domains / 'testA'}", f"--output={tmp_path / 'out'}") == 0  # fmt: skip
    assert modes(tmp_path / "out") == {f"{i}.png": ("L", (20, 40)) for i in range(3)}
    assert main("--model=pix2pix", "--mode=evaluate", "--metrics=l1,ssim,fd_hed_test",
                f"--run_dir={run_dir}") == 0  # fmt: skip


@pytest.mark.backends
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("channels", "size", "augment"), [(4, (8, 16), "ada"), (1, (16, 8), "diff")]
)
def test_samples_of_rectangles(domains, tmp_path, capsys, channels, size, augment):
    run_dir, mode = tmp_path / "run", {1: "L", 4: "RGBA"}[channels]

    def train():
        return api.train(
            "stylegan2", preset="smoke", dataset=f"folder:{domains / 'trainA'}", run_dir=run_dir,
            images=8, checkpoint_every=4, say=lambda line: None, data__size=size, data__load_size=8,
            data__channels=channels, eval_images=2, algorithm__augment=augment,
        )  # fmt: skip

    cut_power(train, StyleGAN2, 1)
    run = train()
    assert int(run.algorithm.images.numpy()) == 8
    assert {found for found, _ in modes(run_dir / "samples").values()} == {mode}
    flags = ["--model=stylegan2", f"--run_dir={run_dir}"]
    assert main(*flags, "--mode=sample", "--seeds=0-1", f"--output={tmp_path / 's'}") == 0
    made = modes(tmp_path / "s")
    assert made["seed0000.png"] == (mode, size) and made["grid.png"][0] == mode
    assert main(*flags, "--mode=noise", "--seeds=0", f"--output={tmp_path / 'noise.png'}") == 0
    assert main(*flags, "--mode=interpolate", "--seeds=0,1", "--frames=2",
                f"--output={tmp_path / 'walk.gif'}") == 0  # fmt: skip
    flags += ["--mode=project", "--steps=1", "--distance=hed"]
    assert main(*flags, f"--input={domains / 'testA' / '0.png'}", f"--output={tmp_path}/w") == 1
    assert "needs pictures of 16 pixels or more on each side, got" in capsys.readouterr().err
