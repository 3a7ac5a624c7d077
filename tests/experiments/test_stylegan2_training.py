"""A StyleGAN2 run that is interrupted goes on bit for bit: also p, and the mean path length."""

import pytest
from commands import cut_power
from tiny import assert_same_state, newest, noise

from core.errors import InputError
from experiments import api
from gan.stylegan2.algorithm import StyleGAN2

pytestmark = pytest.mark.thorough  # four phases are compiled, twice


def train(folder, run_dir, **changes):
    return api.train(
        "stylegan2", preset="smoke", dataset=f"folder:{folder}", run_dir=run_dir,
        say=lambda line: None, data__size=8, data__load_size=8, checkpoint_every=8,
        algorithm__p=0.3, **({"images": 28} | changes),
    )  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    noise(folder, 5, 0)
    return folder


def test_resumed_equals_uninterrupted(pictures, tmp_path):
    """Checkpoints are between two changes of p, and between two path lengths."""
    train(pictures, tmp_path / "whole")
    cut_power(lambda: train(pictures, tmp_path / "run"), StyleGAN2, 3)
    train(pictures, tmp_path / "run")
    assert_same_state(tmp_path / "run", tmp_path / "whole")
    stored = newest(tmp_path / "run")
    assert {name.partition("/")[0] for name in stored} >= {"pl_mean", "augmentation", "G_ema"}


def test_a_base_must_be_a_stylegan2_of_the_same_sizes(pictures, tmp_path):
    train(pictures, tmp_path / "base")
    run = train(pictures, tmp_path / "next", algorithm__base=str(tmp_path / "base"), images=4)
    assert run.config.algorithm.ema_ramp_up == 0.0
    with pytest.raises(InputError, match="other layers or features"):
        train(pictures, tmp_path / "wide", algorithm__base=str(tmp_path / "base"),
              algorithm__channel_max=16)  # fmt: skip
    (tmp_path / "base").rename(tmp_path / "elsewhere")
    train(pictures, tmp_path / "next", algorithm__base=str(tmp_path / "base"), images=8)
