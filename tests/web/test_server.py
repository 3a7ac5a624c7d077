"""The site as a process: started, killed, started again."""

import os
import re
import subprocess
import sys

import pytest
from fake_site import SLOW
from orders import file, picture
from processes import PATIENCE, ROOT, ask, get, order, serving, wait_until

STYLE = file((30, 0, 0), (16, 16)).getvalue()


@pytest.mark.thorough
def test_nothing_is_lost_when_the_server_is_killed(tmp_path):
    with serving(tmp_path) as (process, address):
        slow = order(address, content=file(SLOW).getvalue(), style=STYLE)
        waiting = order(address, content=file((50, 50, 50)).getvalue(), style=STYLE)
        wait_until(lambda: ask(address, slow)["state"] == "running")
        process.kill()  # SIGKILL: nothing can be saved now
        process.wait()
    with serving(tmp_path) as (process, address):
        wait_until(lambda: ask(address, slow)["state"] == "running")
        assert ask(address, waiting)["state"] == "waiting"
        process.kill()
        process.wait()
    with serving(tmp_path) as (_, address):
        wait_until(lambda: ask(address, slow)["state"] == "failed")
        assert "stopped twice" in ask(address, slow)["error"]
        wait_until(lambda: ask(address, waiting)["state"] == "done")
        result = picture(get(address + ask(address, waiting)["result"]))
        assert result[0, 0].tolist() == [60, 50, 50]


@pytest.mark.thorough
def test_the_command_serves_and_says_where(tmp_path):
    command = [sys.executable, "-m", "web", "--port=0", f"--state={tmp_path}/state"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    env.pop("STYLE_WEB_STATE", None)
    process = subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    try:
        lines = (re.search(r"(http://\S+)", line) for line in process.stderr)
        address = next(found[1] for found in lines if found)
        assert b'"status": "ok"' in get(f"{address}/health")
        assert b"<html" in get(f"{address}/")
        assert (tmp_path / "state/secret_key").exists()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--port=99999", "port"),
        ("--max_side=3", "max_side"),
        ("--state=/dev/null/here", "Give a folder that can be written"),
    ],
)
def test_wrong_flags_are_refused_in_a_line(tmp_path, flag, words):
    done = subprocess.run(
        [sys.executable, "-m", "web", f"--state={tmp_path}", flag],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
