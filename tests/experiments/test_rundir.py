"""A run directory belongs to one configuration and one process."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny

from core.errors import InputError
from experiments.training.rundir import RunDir, stored_config

PRESETS = {"smoke": tiny.config("x")}
HOLD = """
import sys
from pathlib import Path
from experiments.training.rundir import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def begin(path, config=None, data=None):
    """A process that got as far as training."""
    config = config or tiny.config("x")
    directory = RunDir(path, config)
    try:
        directory.store(config, data or {})
    finally:
        directory.close()


def test_another_configuration_is_refused_and_shown(tmp_path):
    begin(tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(InputError) as error:
        RunDir(tmp_path, tiny.config("y", algorithm__lambda_A=3.0, log_every=7))
    lines = str(error.value).splitlines()
    assert lines[0].endswith("was made with another configuration:")
    assert lines[1:-1] == [
        "  algorithm.lambda_A: 10.0 -> 3.0",
        "  data.dataset: folder:x -> folder:y",
    ]
    assert (tmp_path / "config.json").read_bytes() == before
    RunDir(tmp_path, tiny.config("x")).close()  # the refusal gave the lock back


def test_a_setting_that_came_later_has_its_default(tmp_path):
    """A run that was stored before `data.labels` and `data.paired` were there goes on."""
    begin(tmp_path)
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    for key in ("data.labels", "data.paired", "data.flip"):
        del content["config"][key]
    path.write_text(json.dumps(content))
    begin(tmp_path)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="data.paired: False -> True"):
        RunDir(tmp_path, tiny.config("x", data__paired=True))
    other = {"smoke": tiny.config("x", data__flip=False, data__paired=True)}
    found = stored_config(tmp_path, other).data  # the default, not what a preset says now
    assert found.flip and not found.paired and not found.labels


def test_cadence_may_change(tmp_path):
    begin(tmp_path)
    begin(tmp_path, tiny.config("x", log_every=7, keep=3, data__threads=2))
    assert stored_config(tmp_path, PRESETS).log_every == 7


def test_what_is_written_beside_it(tmp_path):
    for _ in range(3):
        begin(tmp_path)
    stored = json.loads((tmp_path / "config.json").read_text())
    assert len(stored["resumed"]) == 2
    assert stored["created"]["versions"]["keras"] and stored["created"]["device"]


def test_a_configuration_that_proved_unusable_leaves_no_trace(tmp_path):
    RunDir(tmp_path, tiny.config("typo")).close()  # the data set could not be opened
    begin(tmp_path, tiny.config("right"))


def test_another_data_set_under_the_same_name_is_refused(tmp_path):
    begin(tmp_path, data={"A": "3:aa"})
    begin(tmp_path, data={"A": "3:aa"})
    with pytest.raises(InputError, match="data set has changed"):
        begin(tmp_path, data={"A": "4:bb"})


def test_a_second_process_is_refused(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    owner = rf"another process \(pid {holder.pid}\) is training in it"
    try:
        assert holder.stdout.readline() == "held\n"
        for _ in range(2):  # an attempt does not harm the owner's entry
            with pytest.raises(InputError, match=owner):
                RunDir(tmp_path, tiny.config("x"))
        assert not (tmp_path / "config.json").exists()
    finally:
        holder.kill()
        holder.communicate()
    RunDir(tmp_path, tiny.config("x")).close()  # the lock went with the process


def test_the_same_process_cannot_hold_it_twice(tmp_path):
    first = RunDir(tmp_path, tiny.config("x"))
    with pytest.raises(InputError, match="another process"):
        RunDir(tmp_path, tiny.config("x"))
    first.close()


def test_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "run", tmp_path / "file"):
        with pytest.raises(InputError, match="cannot be written"):
            RunDir(path, tiny.config("x"))


def test_checkpoints_without_a_config(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "config.json").unlink()
    with pytest.raises(InputError, match="has checkpoints but no config.json"):
        RunDir(tmp_path / "run", tiny.config("x"))


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', "[]", '{"config": {}}'])
def test_damaged_config(content, tmp_path):
    RunDir(tmp_path, tiny.config("x")).close()
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError):
        RunDir(tmp_path, tiny.config("x"))
    with pytest.raises(InputError):
        stored_config(tmp_path, PRESETS)


def test_not_a_run(tmp_path):
    with pytest.raises(InputError, match="is not a run directory"):
        stored_config(tmp_path / "nowhere", PRESETS)
