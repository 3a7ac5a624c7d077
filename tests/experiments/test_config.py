"""Configurations: refusals, the round trip through JSON, presets, dry runs."""

import dataclasses
import json

import pytest
import tiny

from core import engine
from core.errors import InputError
from experiments import api, configs
from experiments.dry_run import describe
from experiments.training.config import (
    CADENCE,
    defaults,
    differences,
    flatten,
    override,
    parse_assignments,
)
from experiments.training.rundir import RunDir, stored_config

PRESETS = configs.find("cyclegan").presets


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"algorithm.n_bloks": "3"},
            "algorithm.n_bloks: no such key. Did you mean 'algorithm.n_blocks'",
        ),
        ({"n_blocks": "3"}, "Did you mean 'algorithm.n_blocks'"),
        ({"data.sise": "3"}, "Did you mean 'data.size'"),
        ({"data": "3"}, "data: no such key"),
        ({"algorithm.n_blocks": "three"}, "n_blocks='three': expected a whole number"),
        ({"algorithm.n_blocks": "3.5"}, "n_blocks='3.5': expected a whole number"),
        ({"algorithm.n_blocks": 3.5}, "n_blocks=3.5: expected a whole number"),
        ({"algorithm.learning_rate": "fast"}, "learning_rate='fast': expected a number"),
        ({"algorithm.learning_rate": "nan"}, "learning_rate=nan"),
        ({"algorithm.learning_rate": "-1"}, "learning_rate=-1.0"),
        ({"data.flip": "perhaps"}, "flip='perhaps': expected true or false"),
        ({"batch_size": "0"}, "batch_size=0: expected 1 or more"),
        ({"images": "-4"}, "expected one of them above 0"),
        ({"images": 0}, "expected one of them above 0"),
        ({"epochs": "nan"}, "epochs=nan"),
        ({"epochs": "inf"}, "epochs=inf"),
        ({"seed": -1}, "seed=-1: expected 0 to"),
        ({"precision": "float8"}, "precision='float8': expected one of float32"),
        ({"data.fit": "squash"}, "fit='squash': expected one of stretch, crop, pad"),
        ({"data.size": 4, "data.load_size": 4}, "size=4"),
        ({"data.size": 64}, "size=64, load_size=36: expected 8 <= size <= load_size"),
        ({"data.threads": -1}, "threads=-1: expected 0 or more"),
        ({"algorithm.gan_mode": "wgan"}, "gan_mode='wgan': expected one of lsgan"),
        ({"algorithm.beta_1": 1}, "beta_1=1.0: expected 0 or more and below 1"),
        ({"keep": 0}, "keep=0: expected 1 or more"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(InputError) as error:
        api.make_config("cyclegan", "smoke", changes)
    assert message in str(error.value)


def test_epochs_and_images_exclude_each_other():
    with pytest.raises(InputError, match="expected one of them above 0"):
        api.make_config("cyclegan", "smoke", {"epochs": 2, "images": 20})
    assert api.make_config("cyclegan", "smoke", {"epochs": "2"}).images == 0
    config = api.make_config("cyclegan", "paper", {"images": "100"})
    assert (config.epochs, config.images) == (0, 100)


def test_unknown_model_and_preset():
    with pytest.raises(InputError, match="Did you mean 'cyclegan'"):
        api.make_config("cyclegn")
    with pytest.raises(InputError, match="Did you mean 'paper'"):
        api.make_config("cyclegan", "papper")


def test_frozen():
    config = PRESETS["smoke"]
    for part in (config, config.data, config.algorithm):
        with pytest.raises(dataclasses.FrozenInstanceError):
            part.anything = 1


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("yes", "data.flip", True),
        ("False", "data.flip", False),
        ("3e-4", "algorithm.learning_rate", 3e-4),
        ("7", "algorithm.lambda_A", 7.0),
        ("a=b", "data.dataset", "a=b"),
    ],
)
def test_text_is_read_as_the_type_of_the_leaf(text, key, value):
    changes = parse_assignments([f" {key} = {text} "])
    found = flatten(override(PRESETS["smoke"], changes))[key]
    assert found == value and type(found) is type(value)


def test_assignment_without_equals():
    with pytest.raises(InputError, match="--set data.size: expected key=value"):
        parse_assignments(["data.size"])


@pytest.mark.parametrize("preset", PRESETS)
def test_round_trip(preset, tmp_path):
    config = api.make_config("cyclegan", preset, {"seed": 5, "algorithm.lambda_A": 3})
    assert override(config, json.loads(json.dumps(flatten(config)))) == config
    directory = RunDir(tmp_path, config)
    directory.store(config, {})
    directory.close()
    assert stored_config(tmp_path, PRESETS) == config


@pytest.mark.parametrize("model", configs.MODELS)
def test_a_preset_is_called_as_it_says(model):
    for name, config in configs.find(model).presets.items():
        assert (config.model, config.preset) == (model, name)


def test_budget_is_whole_batches():
    config = api.make_config("cyclegan", "smoke", {"batch_size": 4, "images": 9})
    assert config.budget(epoch=100) == 12
    config = api.make_config("cyclegan", "smoke", {"batch_size": 4, "epochs": 1.5})
    assert config.budget(epoch=5) == 8
    assert config.budget(epoch=7) == 12
    config = api.make_config("cyclegan", "smoke", {"batch_size": 1, "epochs": 1e-9})
    assert config.budget(epoch=5) == 1


def test_differences_leave_out_the_cadence():
    old = flatten(PRESETS["smoke"])
    assert differences(old, old | dict.fromkeys(CADENCE, 77)) == []
    assert differences(old, old | {"seed": 3}) == ["seed: 0 -> 3"]
    without = {k: v for k, v in old.items() if k != "seed"}
    assert differences(without, old) == ["seed: (not there) -> 0"]
    assert differences(old, without) == ["seed: 0 -> (not there)"]


def test_defaults_are_those_of_the_fields_not_of_the_preset():
    found = defaults(PRESETS["smoke"])
    assert (found["data.size"], found["algorithm.n_blocks"], found["batch_size"]) == (256, 9, 1)
    assert flatten(PRESETS["smoke"]).keys() - found.keys() == {"model", "preset"}


@pytest.mark.parametrize("preset", PRESETS)
def test_dry_run(preset, tmp_path, monkeypatch):
    """Every preset builds; without a network, and nothing is written."""
    import socket

    def refuse(*_, **__):
        raise OSError("Network is unreachable")

    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(home / "tfds"))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    config = api.make_config("cyclegan", preset)
    text = describe(config, api.default_run_dir(config))
    assert list(home.rglob("*")) == []
    for key, value in flatten(config).items():
        assert f"{key:28} {value}" in text
    assert "memory (estimate)" in text and "GiB" in text
    if preset == "paper":
        assert text.count("11,378,179 parameters") == 2
        assert text.count("2,764,737 parameters") == 2
        assert "200 epochs" in text


def test_dry_run_counts_a_folder(pictures_of_two):
    text = describe(tiny.config(pictures_of_two), "somewhere")
    assert "16 images of each domain = 8 steps = 3.2 epochs of 5" in text


@pytest.mark.parametrize("deterministic", [True, False])
def test_determinism_is_a_choice(deterministic, pictures_of_two, tmp_path, monkeypatch):
    asked, setup = [], engine.setup

    def note(devices, deterministic=True, branches=1):
        asked.append(deterministic)
        return setup(devices, deterministic=False, branches=branches)

    monkeypatch.setattr(engine, "setup", note)
    changes = {"images": 2} | ({} if deterministic else {"deterministic": "false"})
    tiny.train(pictures_of_two, tmp_path, **changes)
    assert asked == [deterministic]
    stored = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert stored["config"]["deterministic"] is deterministic


def test_runs_that_were_stored_before_are_deterministic(tmp_path):
    config = api.make_config("cyclegan", "smoke")
    directory = RunDir(tmp_path, config)
    directory.store(config, {})
    directory.close()
    path = tmp_path / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["config"]["deterministic"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert stored_config(tmp_path, PRESETS).deterministic is True
    RunDir(tmp_path, config).close()  # and go on as such
    other = api.make_config("cyclegan", "smoke", {"deterministic": False})
    with pytest.raises(InputError, match="deterministic: True -> False"):
        RunDir(tmp_path, other)
