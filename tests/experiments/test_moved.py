"""A run goes on where its data, styles and weights lie elsewhere; what is in them counts."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from core.errors import InputError
from experiments import api
from experiments.data.sources import open_dataset
from experiments.training import loop
from experiments.training.rundir import RunDir


def facts(name):
    dataset = open_dataset(name, size=0, roles=("A", "B"), report=[].append)
    return dataset.fingerprint(), dataset.contents


def begin(run, name, **changes):
    """A process that got as far as training; returns what it says."""
    config = tiny.config("x", data__dataset=name, **changes)
    directory = RunDir(run, config)
    try:
        data, contents = facts(name)
        return directory.store(config, data, contents=contents)
    finally:
        directory.close()


def stored(run):
    return json.loads((run / "config.json").read_text())


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tiny.two_domains(tmp_path / "data")


def test_other_spellings_of_a_place(data, tmp_path):
    names = ["folder:data", "folder:./data", f"folder:{data}", "folder:data/../data/"]
    for name in names:
        said = begin(tmp_path / "run", name)
        assert stored(tmp_path / "run")["config"]["data.dataset"] == name
        assert bool(said) == (name != names[0])
    assert said == [f"data.dataset: folder:{data} -> {names[-1]}: the same by its fingerprint"]


def test_data_that_moved_to_a_disk_and_into_an_archive(data, tmp_path):
    begin(tmp_path / "run", "folder:data")
    data.rename(tmp_path / "disk")
    begin(tmp_path / "run", "folder:disk")
    path = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "disk")
    begin(tmp_path / "run", f"zip:{path}")
    assert begin(tmp_path / "run", f"zip:{path}") == []


def test_other_pictures_are_refused_whatever_they_are_called(data, tmp_path):
    begin(tmp_path / "run", "folder:data")
    before = (tmp_path / "run" / "config.json").read_bytes()
    shutil.copytree(data, tmp_path / "more")
    tiny.noise(tmp_path / "more" / "trainA", 6, 0)
    with pytest.raises(InputError, match="data.dataset: folder:data -> folder:more\n"):
        begin(tmp_path / "run", "folder:more")
    shutil.copytree(data, tmp_path / "other")
    tiny.noise(tmp_path / "other" / "trainB", 4, 99)  # the same names
    with pytest.raises(InputError, match="same names and are others"):
        begin(tmp_path / "run", "folder:other")
    tiny.noise(data / "trainA", 6, 0)
    with pytest.raises(InputError, match="the data set has changed since this run began"):
        begin(tmp_path / "run", "folder:data")
    assert (tmp_path / "run" / "config.json").read_bytes() == before


def test_another_setting_is_refused_with_it(data, tmp_path):
    begin(tmp_path / "run", "folder:data")
    with pytest.raises(InputError) as error:
        begin(tmp_path / "run", "folder:./data", algorithm__lambda_A=3.0)
    assert "algorithm.lambda_A: 10.0 -> 3.0" in str(error.value)
    for name in ("seasons", "nowhere/1.0"):
        with pytest.raises(InputError, match=f"data.dataset: folder:data -> {name}"):
            RunDir(tmp_path / "run", tiny.config("x", data__dataset=name))


def test_a_run_of_before_is_judged_by_names(data, tmp_path):
    begin(tmp_path / "run", "folder:data")
    content = stored(tmp_path / "run")
    del content["contents"]
    (tmp_path / "run" / "config.json").write_text(json.dumps(content))
    begin(tmp_path / "run", "folder:./data")
    assert stored(tmp_path / "run")["contents"].keys() == {"A", "B"}


def picture(path, level):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((70, 70, 3), level, np.uint8)).save(path)
    return str(path)


def styled(style, run, data):
    changes = {"images": 4, "data.dataset": f"folder:{data}", "algorithm.style": (style,)}
    return api.train_config(api.make_config("johnson", "smoke", changes), run, say=[].append)


def styles(run, names, digests, weights="vgg.pth"):
    """A process that got as far as training, with styles that have these digests."""
    changes = {"algorithm.style": tuple(names), "algorithm.weights": weights}
    config = api.make_config("dumoulin", "smoke", changes)
    directory = RunDir(run, config)
    try:
        data = {"content": "3:x", "weights": "w"} | dict(zip(names, digests, strict=True))
        return directory.store(config, data)
    finally:
        directory.close()


def test_styles_and_weights_are_known_by_their_digests(tmp_path):
    styles(tmp_path, "ab", "12")
    assert len(styles(tmp_path, ["/x/a", "b"], "12")) == 1
    assert len(styles(tmp_path, ["b", "/x/a"], "12")) == 1  # names alone were exchanged
    assert len(styles(tmp_path, ["b", "/x/a"], "12", weights="/disk/vgg.pth")) == 1
    for names, digests in ((["b", "c"], "13"), (["/x/a", "b"], "21"), ("abc", "123"), ("b", "1")):
        with pytest.raises(InputError, match="algorithm.style: "):
            styles(tmp_path, names, digests, weights="/disk/vgg.pth")
    with pytest.raises(InputError, match="the data set has changed"):
        styles(tmp_path, ["b", "/x/a"], "13", weights="/disk/vgg.pth")


@pytest.mark.thorough
def test_a_style_that_moved(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "train", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    tiny.noise(tmp_path / "photos", 3, 0, (40, 40))
    style = picture(tmp_path / "a.png", 90)
    styled(style, tmp_path / "run", "photos")
    (tmp_path / "elsewhere").mkdir()
    os.rename(style, tmp_path / "elsewhere" / "a.png")
    with pytest.raises(InputError, match="there is no such picture"):
        styled(style, tmp_path / "run", "photos")
    for place in ("elsewhere/a.png", str(tmp_path / "elsewhere" / "a.png")):
        styled(place, tmp_path / "run", f"{tmp_path}/photos")
        assert stored(tmp_path / "run")["data"].keys() >= {place, "content"}
    picture(tmp_path / "elsewhere" / "b.png", 91)
    photos = f"{tmp_path}/photos"
    with pytest.raises(InputError, match="algorithm.style: .*elsewhere/a.png.* -> .*b.png"):
        styled("elsewhere/b.png", tmp_path / "run", photos)
    picture(tmp_path / "elsewhere" / "a.png", 92)
    with pytest.raises(InputError, match="the data set has changed since this run began"):
        styled(str(tmp_path / "elsewhere" / "a.png"), tmp_path / "run", photos)


def optimised(run, **names):
    changes = {f"data.{key}": value for key, value in names.items()}
    config = api.make_config("gatys", "smoke", {"images": 2, "data.size": 32} | changes)
    return api.train_config(config, run, say=[].append)


@pytest.mark.thorough
def test_contents_and_masks_that_moved(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "train", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    for level, name in enumerate(("content", "style", "mask")):
        picture(tmp_path / f"{name}.png", 50 + 100 * level)
    optimised("run", content="content.png", style=("style.png",), mask=("mask.png",))
    absolute = {name: str(tmp_path / f"{name}.png") for name in ("style", "mask")}
    moved = {"content": "./content.png"} | {name: (path,) for name, path in absolute.items()}
    optimised("run", **moved)
    assert stored(Path("run"))["config"]["data.style"] == [absolute["style"]]
    with pytest.raises(InputError, match="data.style: "):
        optimised("run", **moved | {"style": ("mask.png",)})
    with pytest.raises(InputError, match="data.mask: "):
        optimised("run", **moved | {"mask": ()})


def test_labels_that_a_run_did_not_use(tmp_path):
    """They were possible once; such a run goes on without them."""
    config = tiny.config("x")
    old = replace(config, data=replace(config.data, labels=True))
    directory = RunDir(tmp_path, old)
    directory.store(old, {"A": "1:a"})
    directory.close()
    directory = RunDir(tmp_path, config)
    directory.store(config, {"A": "1:a"})
    directory.close()
