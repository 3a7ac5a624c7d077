"""Runs that grow: killed inside a fade they go on inside it; every mode knows how far they are."""

import numpy as np
import pytest
from commands import cut_power
from tiny import assert_same_state, noise

from experiments import api

SMALL = {"data__size": 8, "data__load_size": 8, "checkpoint_every": 4, "images": 32}


def train(model, folder, run_dir, **changes):
    return api.train(
        model, preset="smoke", dataset=f"folder:{folder}", run_dir=run_dir, say=lambda line: None,
        **(SMALL | {"algorithm__start_resolution": 4, "algorithm__batch_sizes": ""} | changes),
    )  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    noise(folder, 5, 0)
    return folder


@pytest.mark.parametrize(
    "model",
    [
        pytest.param("progan", marks=pytest.mark.backends),
        pytest.param("stylegan", marks=pytest.mark.thorough),
    ],
)
def test_resumed_inside_a_fade_equals_uninterrupted(model, pictures, tmp_path):
    """Stages begin at 0, 8 and 16 images; the fade is from 8 to 16."""
    whole = train(model, pictures, tmp_path / "whole")
    cut_power(lambda: train(model, pictures, tmp_path / "run"), type(whole.algorithm), 3)
    stopped = api.load(tmp_path / "run", say=lambda line: None).algorithm
    assert stopped.lod() == 0.5  # 12 images: in the middle of the fade
    assert stopped.generator.lod == 0.5
    train(model, pictures, tmp_path / "run")
    assert_same_state(tmp_path / "run", tmp_path / "whole")


def test_pictures_of_a_run_that_has_not_grown_up(pictures, tmp_path):
    run = train("stylegan", pictures, tmp_path / "run", images=8)
    (picture,) = run.sample(1)
    blocks = picture.reshape(4, 2, 4, 2, 3).astype(int)
    assert picture.shape == (8, 8, 3) and np.ptp(blocks, axis=(1, 3)).max() == 0


@pytest.mark.thorough
def test_every_configuration_of_table_1_makes_sheets_and_scores(pictures, tmp_path):
    from experiments.configs.stylegan import PRESETS

    small = {"fmap_base": 32, "fmap_max": 8, "latent_size": 8, "w_dim": 8, "mapping_fmaps": 8,
             "batch_sizes": ""}  # fmt: skip
    for letter in "bd":  # without and with styles
        algorithm = PRESETS[f"config_{letter}"].algorithm
        layers = {"mapping_layers": min(algorithm.mapping_layers, 1)}
        changes = {f"algorithm__{k}": v for k, v in (small | layers).items()}
        numbers = {"batch_size": 4, "images": 4, "data__size": 8, "data__load_size": 8}
        run = api.train("stylegan", preset=f"config_{letter}", dataset=f"folder:{pictures}",
                        run_dir=tmp_path / letter, say=lambda line: None, eval_images=2,
                        **numbers, **changes)  # fmt: skip
        assert run.evaluate()["diversity/real"] > 0
        assert (tmp_path / letter / "samples").is_dir()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data__size": 12, "data__load_size": 12}, "expected a power of two"),
        ({"algorithm__start_resolution": 16}, "start_resolution=16: expected one of 4, 8"),
    ],
)
def test_resolutions_are_refused_before_anything_is_written(changes, message, pictures, tmp_path):
    with pytest.raises(api.InputError, match=message):
        train("progan", pictures, tmp_path / "run", **changes)
    assert not list((tmp_path / "run").glob("*.json"))
