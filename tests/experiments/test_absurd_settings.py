"""Every numeric setting of every model has a bound; absurd values are refused before the work."""

import dataclasses
import typing

import numpy as np
import pytest
import tiny
from test_runner import error, main

from core.errors import InputError
from experiments import configs
from experiments.metrics.sampling import check_truncation
from experiments.tasks.seeds import parse_numbers, parse_seeds


def whole_numbers(kind, prefix=""):
    """Dotted name and bound of the settings that are whole numbers."""
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        plain = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
        if "int" in str(plain):
            marks = [mark.most for mark in getattr(hint, "__metadata__", ()) if mark]
            yield f"{prefix}{field.name}", marks


@pytest.mark.parametrize("model", configs.names())
def test_every_whole_number_has_a_bound(model):
    preset = configs.find(model).presets["smoke"]
    parts = {"algorithm.": preset.algorithm, "data.": preset.data, "": preset}
    for prefix, part in parts.items():
        for name, bounds in whole_numbers(type(part), prefix):
            assert len(bounds) == 1, f"{model}: {name} has no bound of core.bounds"


@pytest.mark.parametrize(
    "given",
    [
        ["--set=algorithm.ngf=999999"],
        ["--set=algorithm.n_blocks=999999"],
        ["--set=algorithm.pool_size=3000000000"],
        ["--set=algorithm.pool_size=99999", "--set=data.size=512", "--set=data.load_size=512"],
        ["--set=data.threads=99999"],
        ["--set=batch_size=999999999"],
        ["--set=data.size=999999", "--set=data.load_size=999999"],
        ["--images=" + "9" * 30],
        ["--set=epochs=1e300"],
        ["--set=keep=" + "9" * 5000],
        ["--model=gatys", "--set=algorithm.memory=14000"],
        ["--model=stylegan2", "--set=algorithm.mapping_layers=999999"],
        ["--model=stylegan2", "--set=algorithm.z_dim=999999"],
        ["--model=stylegan2", "--set=algorithm.channel_max=4096", "--set=algorithm.w_dim=4096",
         "--set=algorithm.channel_base=999999999"],
        ["--model=johnson", "--set=algorithm.style_size=999999999"],
    ],
    ids=lambda given: " ".join(given)[:60],
)  # fmt: skip
@pytest.mark.parametrize("dry", [True, False])
def test_absurd_values_are_refused(given, dry, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("core.memory.machine_memory", lambda: 2**28)
    dataset = tiny.two_domains(tmp_path / "data")
    own = [] if any("--model" in word for word in given) else [f"--dataset=folder:{dataset}"]
    arguments = ["--preset=smoke", f"--run_dir={tmp_path / 'run'}", *own, *given]
    assert main(*arguments, *(["--dry_run"] if dry else [])) == 1
    assert len(error(capfd)) < 5000
    assert not list((tmp_path / "run").glob("checkpoints/*"))


def test_devices_without_end(tmp_path, capfd):
    dataset = tiny.two_domains(tmp_path / "data")
    given = ["--preset=smoke", f"--run_dir={tmp_path / 'run'}", f"--dataset=folder:{dataset}"]
    assert main(*given, "--devices=" + "9" * 5000) == 1
    assert "expected a number from 1 up" in error(capfd)


def test_numbers_that_are_too_long_or_too_many():
    for text in ("9" * 5000, f"0-{'9' * 5000}", "1," * 200_000 + "1", "0-99999,100000"):
        with pytest.raises(InputError) as raised:
            parse_seeds(text)
        assert len(str(raised.value)) < 5000
    with pytest.raises(InputError, match="--layers"):
        parse_numbers("0-" + "9" * 30, "--layers", 0, 17)


def test_truncation_is_within_reason():
    class Styled:
        has_styles = True

    check_truncation(Styled, 0.7, 8)
    check_truncation(Styled, np.float32(0.7), np.int64(8))
    for psi, cutoff in ((1e300, None), (float("nan"), None), ("0.7", None), (0.7, 10**21)):
        with pytest.raises(InputError, match="--truncation"):
            check_truncation(Styled, psi, cutoff)
    with pytest.raises(InputError, match="--truncation_cutoff=8: expected 1 to 1000, with"):
        check_truncation(Styled, None, 8)
