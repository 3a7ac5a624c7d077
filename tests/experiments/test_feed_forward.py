"""Networks that learn their styles, through the runner: Johnson and Dumoulin."""

import shutil
import signal

import numpy as np
import pytest
import tiny
from commands import cut_power, load_once
from PIL import Image
from test_resume import run as child
from test_runner import error, main

from core.errors import InputError
from experiments import api
from experiments.data import pictures, tiles
from experiments.data.pictures import to_unit
from experiments.data.styles import style_number
from experiments.tasks import feed_forward
from nst.dumoulin.algorithm import Dumoulin
from nst.weights import random_weights, save_weights

SIZE = (44, 52)
CHANGES = {"images": 8, "eval_every": 8, "sample_every": 8, "checkpoint_every": 4,
           "algorithm.width": 0.1, "algorithm.style_size": 40}  # fmt: skip


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A folder "content" (3), styles a, b, c, a mask and narrow weights; not to be changed."""
    root = tmp_path_factory.mktemp("feed_forward")
    tiny.noise(root / "content", 3, 0, SIZE)
    tiny.noise(root / "styles", 3, 1, SIZE)
    for i, name in enumerate("abc"):
        (root / "styles" / f"{i}.png").rename(root / f"{name}.png")
    left = np.zeros(SIZE, np.uint8)
    left[:, :26] = 255
    Image.fromarray(left).save(root / "left.png")
    save_weights(root / "vgg16.npz", random_weights("vgg16", width=1 / 32))
    return root


def flags(here, run_dir, model, styles, **changes):
    return [
        f"--model={model}",
        "--preset=smoke",
        f"--dataset=folder:{here}/content",
        f"--weights={here}/vgg16.npz",
        f"--run_dir={run_dir}",
        *(f"--style={here}/{name}.png" for name in styles),
        *(f"--set={key}={value}" for key, value in (CHANGES | changes).items()),
    ]


@pytest.fixture(scope="module")
def two(painted, tmp_path_factory):
    """A Dumoulin of the styles a and b; not to be changed."""
    path = tmp_path_factory.mktemp("runs") / "dumoulin"
    assert main(*flags(painted, path, "dumoulin", "ab")) == 0
    return path


@pytest.fixture(scope="module")
def loaded(two):
    return api.load(two, say=lambda line: None)


@pytest.fixture
def stylize(two, loaded, painted, monkeypatch):
    """`--mode=stylize` of the run with further flags; its exit status."""
    load_once(monkeypatch, loaded)

    def call(*arguments, output):
        given = f"--content={painted}/content/0.png", f"--output={output}", *arguments
        return main("--model=dumoulin", "--mode=stylize", f"--run_dir={two}", *given)

    return call


def content(here, i=0):
    return pictures.read(here / "content" / f"{i}.png")


def listed(folder):
    return sorted(p.name for p in folder.rglob("*.png"))


def test_a_power_cut_changes_nothing(painted, two, tmp_path, capfd):
    command = flags(painted, tmp_path / "run", "dumoulin", "ab")
    cut_power(lambda: main(*command), Dumoulin, 3)  # after 6 images; 4 are saved
    assert main(*command) == 0
    assert "going on after 4 of 8 images" in capfd.readouterr().err
    tiny.assert_same_state(tmp_path / "run", two)


@pytest.mark.thorough
@pytest.mark.parametrize(("model", "styles"), [("johnson", "a"), ("dumoulin", "ab")])
def test_killed_and_resumed_equals_uninterrupted(model, styles, painted, tmp_path):
    """All in processes of their own, which have one number of threads."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert child("none", flags(painted, whole, model, styles))[0] == 0
    command = flags(painted, killed, model, styles)
    assert child("SIGKILL@logged:3", command)[0] == -signal.SIGKILL
    assert child("none", command)[0] == 0
    tiny.assert_same_state(killed, whole)


def test_sheets_are_there(two):
    assert listed(two / "samples") == ["blend-000000008.png", "stylized-000000008.png"]


def test_styles_by_number_and_name(stylize, tmp_path):
    assert stylize(output=tmp_path / "all") == 0
    assert listed(tmp_path / "all") == ["0-a.png", "0-b.png"]
    assert stylize("--style=1", output=tmp_path / "one.png") == 0
    one = pictures.read(tmp_path / "one.png")
    assert np.array_equal(one, pictures.read(tmp_path / "all" / "0-b.png"))
    assert not np.array_equal(one, pictures.read(tmp_path / "all" / "0-a.png"))


def test_blends_are_between(loaded, painted):
    """With all of the weight on one style it is that style."""
    a, b = (loaded.stylize(content(painted), [i]) for i in (0, 1))
    ends = [loaded.stylize(content(painted), [0, 1], weights=w) for w in ((1, 0), (0, 3))]
    assert np.array_equal(ends[0], a) and np.array_equal(ends[1], b)
    half = loaded.stylize(content(painted), ["a", "b"])
    assert not np.array_equal(half, a) and not np.array_equal(half, b)


def test_strength_mask_and_colours(loaded, painted):
    picture = content(painted)
    a = loaded.stylize(picture, [0]).astype(float)
    assert np.array_equal(loaded.stylize(picture, [0], alpha=0), picture)
    half = loaded.stylize(picture, [0], alpha=0.5)
    assert np.abs(half - (a + picture) / 2).max() <= 1
    masked = loaded.stylize(picture, [0], masks=[painted / "left.png"])
    assert np.array_equal(masked[:, :26], a[:, :26].astype(np.uint8))
    assert np.array_equal(masked[:, 26:], picture[:, 26:])
    chroma = loaded.stylize(picture, [0], colours="luminance")
    assert not np.array_equal(chroma, a)
    with pytest.raises(InputError, match="colours=coral: the style is in the network"):
        loaded.stylize(picture, [0], colours="coral")


def test_the_authors_padding_trains_and_takes_small_pictures(painted, tmp_path):
    """It reflects 40 pixels, which 44 x 52 just have; smaller pictures are mirrored on first."""
    changes = {"algorithm.padding": "start", "algorithm.upsampling": "transposed",
               "algorithm.output": "tanh", "data.size": 44, "data.load_size": 44}  # fmt: skip
    assert main(*flags(painted, tmp_path / "run", "johnson", "a", **changes)) == 0
    run = api.load(tmp_path / "run", say=lambda line: None)
    for size in ((9, 17), (1, 1), (60, 45)):
        assert run.stylize(np.zeros((*size, 3), np.uint8)).shape == (*size, 3)


def test_a_picture_too_large_for_memory_is_stylised_in_tiles(loaded, painted, monkeypatch):
    picture = pictures.fit(content(painted), (700, 520), "stretch")
    widths, sizes, tiled = [], [], tiles.tiled

    def watched(network, picture, **options):
        return tiled(lambda x: sizes.append(x.shape[1:3]) or network(x), picture, **options)

    monkeypatch.setattr(tiles, "max_pixels", lambda width: widths.append(width) or 512 * 512)
    monkeypatch.setattr(feed_forward, "tiled", watched)
    stylizer = loaded.task.make_stylizer(loaded)
    found = stylizer(to_unit(picture), [0])
    assert sizes == [(512, 512)] * 4 and widths == [3]
    pieces = [stylizer(to_unit(picture[:512]), [0]), stylizer(to_unit(picture[-512:]), [0])]
    assert np.array_equal(found[:180, :500], pieces[0][:180, :500])  # of one tile alone
    assert np.array_equal(found[-180:, :500], pieces[1][-180:, :500])


def test_using_a_run_needs_neither_the_style_nor_vgg(painted, tmp_path, capfd):
    copy, run = tmp_path / "here", tmp_path / "run"
    shutil.copytree(painted, copy)
    command = flags(copy, run, "johnson", "a")
    assert main(*command) == 0
    (copy / "a.png").unlink()
    (copy / "vgg16.npz").unlink()
    assert api.load(run, say=lambda line: None).stylize(content(copy)).shape == (*SIZE, 3)
    capfd.readouterr()
    shutil.copy(painted / "vgg16.npz", copy)
    assert main(*command) == 1
    assert "a.png: there is no such picture, and training needs it. Put it back" in error(capfd)
    evaluate = "--model=johnson", "--mode=evaluate", f"--run_dir={run}"
    assert main(*evaluate) == 1
    assert "there is no such picture" in error(capfd)
    shutil.copy(copy / "b.png", copy / "a.png")
    assert main(*evaluate) == 1
    assert "a.png changed since the training. Restore what was there." in error(capfd)
    assert main(*command) == 1  # another style under the old name
    assert "has changed since this run began" in error(capfd)


@pytest.fixture(scope="module")
def more(painted, two, tmp_path_factory):
    """The base, a copy of `two`, and a run that adds the style c to it; not to be changed."""
    root = tmp_path_factory.mktemp("more")
    base, run = root / "base", root / "run"
    shutil.copytree(two, base)
    assert main(*flags(painted, run, "dumoulin", "c", **{"algorithm.base": base})) == 0
    return base, run


def test_a_style_is_added(painted, more, loaded, capfd):
    base, run = more
    command = flags(painted, run, "dumoulin", "c", **{"algorithm.base": base})
    more = api.load(run, say=lambda line: None)
    assert more.task.learned_styles(more.config) == ("a", "b", "c")
    for i in (0, 1):
        assert np.array_equal(more.stylize(content(painted), [i]),
                              loaded.stylize(content(painted), [i]))  # fmt: skip
    assert not np.array_equal(more.stylize(content(painted), [2]),
                              more.stylize(content(painted), [0]))  # fmt: skip
    assert main(*command) == 0
    assert "this run is complete" in capfd.readouterr().err
    wide = flags(painted, run, "dumoulin", "c", **{"algorithm.base": base, "algorithm.width": 0.5})
    assert main(*wide) == 1
    assert "algorithm.width=0.5: algorithm.base has 0.1. Leave it out." in error(capfd)


def test_going_on_with_added_styles_needs_the_base(painted, more, tmp_path, capfd):
    base, run = more
    base.rename(tmp_path / "away")
    try:
        assert main(*flags(painted, run, "dumoulin", "c", **{"algorithm.base": base})) == 1
        assert "algorithm.base=" in (said := error(capfd)) and "needed to add styles to it" in said
        assert len(api.load(run, say=lambda line: None).stylize(content(painted), ["c"])) == SIZE[0]
    finally:
        (tmp_path / "away").rename(base)


def test_names_that_come_twice_are_numbered():
    names = ("sea", "sun", "sea-2", "sea", "sea")
    assert feed_forward.unique(names) == ("sea", "sun", "sea-2", "sea-3", "sea-4")


def test_numbers_are_places_and_text_is_a_name_first():
    names = ("1", "0", "v1.5")
    assert [style_number(style, names) for style in (0, 1, "1", "0", "2", "v1.5")] == [
        0, 1, 0, 1, 2, 2,
    ]  # fmt: skip
    for unknown in (3, -1, "3", "²", np.zeros((2, 2, 3), np.uint8)):
        with pytest.raises(InputError, match=r"has learned 0 \(1\), 1 \(0\), 2 \(v1.5\)"):
            style_number(unknown, names)


REFUSED = [
    (["--style=2"], "style 2: this network has learned 0 (a), 1 (b)"),
    (["--style=c.jpg"], "style c.jpg: this network has learned"),
    (
        ["--style=0", "--style_size=64"],
        "--style_size: not an option of --model=dumoulin",
    ),
    (["--style=0", "--colours=coral"], "expected style or luminance"),
    (["--style=0", "--style_weights=0.5,0.5"], "2 style weights for 1 styles"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_what_stylising_refuses(arguments, message, stylize, tmp_path, capfd):
    assert stylize(*arguments, output=tmp_path / "out.png") == 1
    assert message in error(capfd)
    assert not listed(tmp_path)


TRAINING = [
    ("johnson", "ab", {}, "this network learns one"),
    ("johnson", "a", {"algorithm.style_size": 4}, "style_size=4"),
    ("johnson", "a", {"algorithm.norm": "layer"}, "norm='layer'"),
    ("johnson", "a", {"data.size": 34}, "data.size=34: this network takes multiples of 4"),
    ("johnson", "a", {"algorithm.padding": "start"}, "data.size=32: this network takes multiples"),
    ("dumoulin", "a", {"data.size": 38}, "data.size=38: this network takes multiples of 4"),
    ("johnson", "a", {"algorithm.style_layers": "relu4_1"}, "40"),
    ("dumoulin", "ad", {}, "d.png: there is no such picture"),
    ("dumoulin", "a", {"algorithm.base": "nowhere"}, "'nowhere' is not a run directory"),
    ("dumoulin", "a", {"algorithm.learned": "x"}, "learned: is filled in from base"),
]


@pytest.mark.parametrize(("model", "styles", "changes", "message"), TRAINING)
def test_what_training_refuses(model, styles, changes, message, painted, tmp_path, capfd):
    assert main(*flags(painted, tmp_path / "run", model, styles, **changes)) == 1
    assert message in error(capfd)
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_dry_run_says_what_there_is(painted, tmp_path, capfd):
    assert main(*flags(painted, tmp_path / "run", "dumoulin", "abc"), "--dry_run") == 0
    out = capfd.readouterr().out
    assert "features  " in out and "a.png" in out and not (tmp_path / "run").exists()


def test_runs_are_named_after_their_styles(painted):
    names = [f"{painted}/{name}.png" for name in "abc"]
    for styles, label in ((names[:1], "photos-a"), (names[:2], "photos-a-b")):
        config = api.make_config("dumoulin", "smoke", {"algorithm.style": styles})
        assert api.default_run_dir(config).name == f"smoke-{label}"
    config = api.make_config("dumoulin", "smoke", {"algorithm.style": names})
    assert api.default_run_dir(config).name.startswith("smoke-photos-3-")
