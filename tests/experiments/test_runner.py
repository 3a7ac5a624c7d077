"""What the command line says to what it cannot use: one line, exit status 1, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from absl import logging

from experiments import cli, run
from experiments.data import pictures

ROOT = Path(__file__).parents[2]


def main(*arguments):
    """`python -m experiments.run` in this process, after the start; its exit status."""
    verbosity = logging.get_verbosity()
    rest = cli.FLAGS(["run", *map(str, arguments)])
    try:
        return run.main(rest)
    finally:
        cli.FLAGS.unparse_flags()
        logging.set_verbosity(verbosity)


def error(capsys):
    """The only line on standard error."""
    out, said = capsys.readouterr()
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and said.rstrip().endswith(lines[0]), said
    assert "Traceback" not in said and out == ""
    return lines[0]


BAD = [
    (["--model=cyclgan"], "--model=cyclgan: no such model. Did you mean 'cyclegan'?"),
    (["--preset=qick"], "--preset=qick: no such preset. Did you mean 'quick'?"),
    (["--mode=trian"], "--mode=trian: not a mode of cyclegan, which has train, evaluate"),
    (["--backend=torch"], "--backend=torch: unknown."),
    (["--direction=BtoC"], "--direction=BtoC: unknown. Did you mean 'BtoA'?"),
    (["--precision=float8"], "precision='float8': expected one of float32"),
    (["--dataset=seasns"], "--dataset=seasns: unknown. Did you mean 'seasons'?"),
    (["--dataset=folder:/no/where"], "no folder '/no/where'"),
    (["train"], "'train': not understood"),
    (["--set=data.size"], "--set data.size: expected key=value"),
    (["--set=data.sizes=3"], "Did you mean 'data.size'?"),
    (["--set=data.size=34"], "takes multiples of 4 pixels"),
    (["--set=data.size=30", "--set=data.load_size=30"], "it is drawn at 32 to 512 pixels"),
    (["--images=0"], "images=0: expected"),
    (["--images=-4"], "images=-4: expected"),
    (["--seed=-1"], "seed=-1: expected 0 to"),
    (["--devices=2"], "--devices=2: expected 1"),
    (["--devices=two"], "--devices=two"),
    (["--mode=translate"], "--mode=translate: give --input and --output"),
    (["--mode=translate", "--input=x"], "--mode=translate: give --output"),
    (["--mode=translate", "--input=x", "--output=y"], "is not a run directory"),
    (["--mode=evaluate"], "is not a run directory"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), BAD, ids=lambda x: " ".join(x) if isinstance(x, list) else ""
)
def test_bad_command_line(arguments, message, capfd, tmp_path):
    assert main("--preset=smoke", f"--run_dir={tmp_path}/run", *arguments) == 1
    assert message in error(capfd)


def test_bad_in_a_dry_run_too(capfd, tmp_path):
    assert main("--preset=smoke", "--dry_run", "--set=data.size=30") == 1
    assert "takes multiples of 4 pixels" in error(capfd)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no_such_flag=1"], "Unknown command line flag 'no_such_flag'"),
        (["--images=many"], "flag --images=many"),
        (["--model=cyclgan"], "error: --model=cyclgan: no such model. Did you mean 'cyclegan'?"),
        (["stray"], "error: 'stray': not understood"),
    ],
)
def test_as_a_process(arguments, message):
    done = subprocess.run(
        [sys.executable, "-m", "experiments.run", *arguments],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.thorough
def test_jax_from_the_flag():
    """The backend is chosen before Keras is imported."""
    done = subprocess.run(
        [sys.executable, "-m", "experiments.run", "--preset=smoke", "--backend=jax", "--dry_run"],
        cwd=ROOT,
        text=True,
        capture_output=True,
        env={k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"},
    )
    assert done.returncode == 0, done.stderr
    assert f"{'backend':28} jax\n" in done.stdout


def test_train_again_evaluate_and_translate(pictures_of_two, tmp_path, capfd):
    run_dir, output = tmp_path / "run", tmp_path / "out"
    arguments = tiny.flags(pictures_of_two, run_dir, images=4)
    assert main(*arguments) == 0
    out, said = capfd.readouterr()
    assert "cycle_error/A" in out and f"done. Pictures: {run_dir}/samples" in said
    assert main(*arguments) == 0
    again, said = capfd.readouterr()
    assert again == out and "this run is complete: 4 of 4 images" in said
    assert main("--mode=evaluate", f"--run_dir={run_dir}") == 0
    scores = capfd.readouterr().out
    assert [line.split()[0] for line in scores.splitlines()] == ["cycle_error/A", "cycle_error/B"]
    assert scores.split()[1] == out.split()[3]  # the same number as at the end of training
    assert main("--mode=translate", f"--run_dir={run_dir}", f"--input={pictures_of_two}/testA",
                f"--output={output}", "--direction=BtoA") == 0  # fmt: skip
    assert "2 written" in capfd.readouterr().err
    assert sorted(p.name for p in output.iterdir()) == ["0.png", "1.png"]
    assert pictures.read(output / "0.png").shape == (20, 24, 3)
    assert main(*tiny.flags(pictures_of_two, run_dir, images=4, seed=1)) == 1
    said = capfd.readouterr().err
    assert "error:" in said and "seed: 0 -> 1" in said and "Traceback" not in said
    (tmp_path / "file").write_text("")
    assert main("--mode=translate", f"--run_dir={run_dir}", f"--input={pictures_of_two}/testA",
                f"--output={tmp_path}/file/out") == 1  # fmt: skip
    assert "Cannot write" in error(capfd)


def test_api_translate(finished, pictures_of_two):
    from experiments import api

    loaded = api.load(finished, say=lambda line: None)
    path = pictures_of_two / "testA" / "0.png"
    one = loaded.translate(path)
    np.testing.assert_array_equal(one, loaded.translate(pictures.read(path)))
    assert one.shape == (20, 24, 3) and one.dtype == np.uint8
    assert (one != loaded.translate(path, "BtoA")).any()
    assert set(loaded.evaluate()) == {"cycle_error/A", "cycle_error/B"}
    assert loaded.sheets()["translation"].dtype == np.uint8
