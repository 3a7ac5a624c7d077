"""What JAX compiled is kept for the next process, unless the user says otherwise."""

import os
import stat
import subprocess
import sys

import pytest

pytest.importorskip("jax")
pytest.importorskip("filelock")

PROGRAM = """
import jax, sys
from core import engine
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
engine.setup()
print(engine.compile(lambda x: (x * 3).sum(), [])(jax.numpy.arange(4.0)))
print(jax.config.jax_compilation_cache_dir)
"""


def run(home, **settings):
    """The result and the folder of a process whose caches are below `home`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    places = {"XDG_CACHE_HOME": str(home), "LOCALAPPDATA": str(home), "HOME": str(home)}
    env = kept | places | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"} | settings
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()


def entries(home):
    return sorted(p for p in home.rglob("*-cache"))


@pytest.mark.thorough
def test_a_second_process_finds_what_the_first_compiled(tmp_path):
    value, folder = run(tmp_path)
    assert folder.startswith(str(tmp_path))
    first = entries(tmp_path)
    assert first and run(tmp_path) == [value, folder] == ["18.0", folder]
    assert entries(tmp_path) == first
    if os.name == "posix":
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


@pytest.mark.thorough
def test_damaged_files_are_compiled_again(tmp_path):
    run(tmp_path)
    for entry in entries(tmp_path):
        entry.write_bytes(b"no executable")
    assert run(tmp_path)[0] == "18.0"


@pytest.mark.thorough
def test_the_users_own_choice_wins(tmp_path):
    assert run(tmp_path, JAX_ENABLE_COMPILATION_CACHE="false") == ["18.0", "None"]
    own = str(tmp_path / "own")
    assert run(tmp_path, JAX_COMPILATION_CACHE_DIR=own) == ["18.0", own]
