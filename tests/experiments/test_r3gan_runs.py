"""Runs of R3GAN: interrupted ones go on bit for bit, imported ones make pictures and learn."""

from pathlib import Path

import numpy as np
import pytest
from commands import cut_power
from tiny import assert_same_state, newest, noise

from core.torch_writer import write_state_dict
from experiments import api
from experiments.weights import find_import, import_weights
from gan.r3gan.algorithm import R3GAN

GOLDEN = Path(__file__).parents[1] / "golden"


def quiet(line):
    """Says nothing."""


def train(folder, run_dir, **changes):
    return api.train(
        "r3gan", preset="smoke", dataset=f"folder:{folder}", run_dir=run_dir, say=quiet,
        data__size=8, data__load_size=8, algorithm__widths=(8, 4), algorithm__cardinality=(4, 2),
        algorithm__blocks=(1, 1), checkpoint_every=8, **({"images": 20} | changes),
    )  # fmt: skip


@pytest.mark.thorough
def test_resumed_equals_uninterrupted(tmp_path, monkeypatch):
    """Seven pictures: the second batch of a step is of another epoch at times."""
    noise(tmp_path / "pictures", 7, 0)
    train(tmp_path / "pictures", tmp_path / "whole")

    def step(self, batch, number, old=R3GAN.step):
        assert len(batch["image"]) == 2 * self.stages[0].batch_size
        return old(self, batch, number)

    monkeypatch.setattr(R3GAN, "step", step)
    cut_power(lambda: train(tmp_path / "pictures", tmp_path / "run"), R3GAN, 3)
    train(tmp_path / "pictures", tmp_path / "run")
    assert_same_state(tmp_path / "run", tmp_path / "whole")
    stored = newest(tmp_path / "run")
    assert {name.partition("/")[0] for name in stored} >= {"G", "D", "random", "G_ema"}


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A run of both networks of the conditional oracle; not to be changed."""
    folder = tmp_path_factory.mktemp("files")
    with np.load(GOLDEN / "r3gan_conditional.npz") as oracle:
        arrays = dict(oracle)
    for kind, part in (("generator", "G"), ("discriminator", "D")):
        start = f"state/{part}."
        state = {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
        write_state_dict(folder / f"{part}.pth", state)
        import_weights(
            *find_import(f"r3gan/{kind}"), folder / f"{part}.pth", folder / "run", say=quiet
        )
    return folder / "run", arrays


def test_an_imported_run_makes_the_official_pictures(imported):
    run_dir, oracle = imported
    run = api.load(run_dir, say=quiet)
    algorithm = run.config.algorithm
    assert (algorithm.widths, algorithm.cardinality, algorithm.blocks) == (
        (16, 12, 8), (4, 3, 2), (1, 2, 1),
    )  # fmt: skip
    assert (algorithm.classes, algorithm.condition_dim, run.config.data.size) == (3, 6, 16)
    expected = oracle["image"].transpose(0, 2, 3, 1)
    found = np.asarray(run.algorithm.generator(oracle["z"][0], oracle["c"][0]))
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-5 * np.abs(expected).max())
    assert run.sample(2, label=1).shape == (2, 16, 16, 3)
