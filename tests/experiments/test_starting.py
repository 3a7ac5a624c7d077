"""A new run begins with the networks of another one: `start_from`."""

import json

import keras
import numpy as np
import pytest
import tiny

from core.errors import InputError
from experiments import api, configs
from experiments.training import checkpoint, loop, starting


@pytest.fixture
def untrained(monkeypatch):
    """Training saves what it begins with, and takes no step."""

    def train(algorithm, dataset, config, run_dir, *, budget, say, **_):
        algorithm.images.assign(budget)
        progress = {"images": budget, "steps": 0}
        if not checkpoint.restore(run_dir, algorithm, say) or config.images > budget:
            checkpoint.save(run_dir, algorithm, progress, keep=2)

    monkeypatch.setattr(loop, "train", train)


@pytest.fixture(scope="module")
def other(pictures_of_two, tmp_path_factory):
    """A run of four images whose networks are unlike fresh ones; to be moved back if moved."""
    path = tmp_path_factory.mktemp("start") / "other"
    changed = build(pictures_of_two, path, seed=9).algorithm
    for average in changed.averages.values():
        average.network.set_weights([w + 1 for w in average.network.get_weights()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "build", lambda *_, **__: api.Run(config, path, changed, model))
        config, model = tiny.config(pictures_of_two, seed=9), configs.find("cyclegan")
        patch.setattr(loop, "train", lambda *_, **__: None)
        api.train_config(config, path, say=[].append)
    changed.images.assign(4)
    checkpoint.save(path, changed, {"images": 4, "steps": 2}, keep=1)
    return path


def build(dataset, path, **changes):
    return api.build(tiny.config(dataset, **changes), 5, 16, path)


def started(other, run_dir, dataset, said=None, **changes):
    return tiny.train(dataset, run_dir, said, start_from=str(other), images=2, **changes)


def stored(run_dir):
    return json.loads((run_dir / "config.json").read_text())


def values(algorithm):
    """A copy of every variable, by group."""
    groups = algorithm.groups().items()
    return {k: [keras.ops.convert_to_numpy(v.value).copy() for v in vs] for k, vs in groups}


NETWORKS = ("G_A", "G_B", "D_A", "D_B", "G_A_ema", "G_B_ema")


def test_networks_and_averages_come_along_and_nothing_else(other, pictures_of_two, tmp_path):
    run = build(pictures_of_two, tmp_path, start_from=str(other), seed=5)
    fresh, said = values(run.algorithm), []
    assert starting.start(run, api.load, said.append)["start_from"]
    assert said == [f"beginning with the networks of {other}, which has seen 4 images"]
    given = values(api.load(other, say=said.append).algorithm)
    for group, found in values(run.algorithm).items():
        expected = given[group] if group in NETWORKS else fresh[group]
        assert all(map(np.array_equal, found, expected))
        unlike = fresh[group] if group in NETWORKS else given[group]
        assert group not in (*NETWORKS, "counter") or not all(map(np.array_equal, found, unlike))


def test_other_data_and_another_learning_rate(other, untrained, tmp_path):
    tiny.noise(tmp_path / "data" / "trainA", 3, 7)
    tiny.noise(tmp_path / "data" / "trainB", 3, 8)
    run = started(other, tmp_path / "run", tmp_path / "data", algorithm__learning_rate=1e-4)
    found = stored(tmp_path / "run")
    assert found["config"]["start_from"] == str(other) and found["data"]["start_from"]
    assert float(run.algorithm.phases[0].optimizer.learning_rate) == pytest.approx(1e-4)


def test_it_goes_on_without_the_other_run_and_where_that_moved(
    other, untrained, pictures_of_two, tmp_path
):
    started(other, tmp_path / "run", pictures_of_two)
    moved = other.rename(other.with_name("moved"))
    said = []
    started(other, tmp_path / "run", pictures_of_two, said)
    assert not any("beginning with" in line for line in said)
    started(moved, tmp_path / "run", pictures_of_two)
    assert stored(tmp_path / "run")["config"]["start_from"] == str(moved)
    moved.rename(other)
    with pytest.raises(InputError, match="start_from=.*moved: .*not a run directory"):
        started(moved, tmp_path / "another", pictures_of_two)
    with pytest.raises(InputError, match="start_from: .*moved -> "):
        tiny.train(pictures_of_two, tmp_path / "run", images=2)


def test_networks_that_differ_are_refused_with_the_settings(other, pictures_of_two, tmp_path):
    with pytest.raises(InputError) as error:
        started(other, tmp_path / "run", pictures_of_two, algorithm__ngf=6, algorithm__ndf=2)
    said = str(error.value)
    assert said.startswith(f"start_from={other}: its G_A has other layers or features")
    assert "algorithm.ngf (4 there, 6 here), algorithm.ndf (4 there, 2 here)" in said
    assert not list((tmp_path / "run").rglob("*.npz"))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("pix2pix", "a run of cyclegan, expected one of pix2pix"),
        ("gatys", "gatys optimises a picture and has no networks"),
    ],
)
def test_another_model_and_a_picture_are_refused(model, words, other, tmp_path):
    config = api.make_config(model, "smoke", {"start_from": str(other)})
    with pytest.raises(InputError, match=words):
        api.train_config(config, tmp_path / model, say=[].append)


def test_growing_networks_begin_grown():
    for changes, start in (({}, 16), ({"algorithm.start_resolution": 8}, 8)):
        config = api.make_config("progan", "smoke", {"start_from": "x"} | changes)
        assert config.algorithm.start_resolution == start
    assert api.make_config("progan", "smoke").algorithm.start_resolution == 4


NETWORKED = [n for n in configs.MODELS if n not in ("gatys", "style_swap_optimise", "texture")]


@pytest.mark.thorough
@pytest.mark.parametrize("model", NETWORKED)
def test_every_model_can(model, untrained, tmp_path):
    def train(name, **changes):
        config = api.make_config(model, "smoke", changes)
        return api.train_config(config, tmp_path / name, say=[].append).algorithm

    base = train("base")
    found = train("next", start_from=str(tmp_path / "base"), seed=3)
    for name, network in found.networks.items():
        assert all(map(np.array_equal, network.get_weights(), base.networks[name].get_weights()))
