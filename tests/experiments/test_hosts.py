"""Training in several processes on JAX, here on one machine, against training in one."""

import contextlib
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny

ROOT = Path(__file__).parents[2]
# as test_devices.py, which says what differs: sums over the batch are split
LOSSES, STATE, BIASES = 1e-5, 1e-5, 6e-4
ENOUGH = 600  # seconds for a training to get to where a test wants it, on a busy machine
MINUTE = 60  # seconds in which all processes end when one is gone
CYCLEGAN = {"batch_size": 4, "images": 12, "log_every": 4, "checkpoint_every": 4,
            "eval_every": 12, "sample_every": 12, "algorithm.learning_rate": 1e-4,
            "algorithm.n_blocks": 0}  # fmt: skip
SHORT = {"images": 12, "log_every": 4, "checkpoint_every": 12, "eval_every": 12, "sample_every": 12,
         "eval_images": 4}  # fmt: skip
STYLEGAN = SHORT | {"images": 24, "eval_every": 24, "sample_every": 24,
                    "algorithm.batch_sizes": "8:4", "algorithm.learning_rate": 1e-4}  # fmt: skip
LONG = {"images": 400_000, "eval_every": 400_000, "sample_every": 400_000}
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed"
)


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Starts a training in some processes; all that still run are ended after the tests."""
    compiled, started = tmp_path_factory.mktemp("compiled"), []
    settings = {
        "PYTHONPATH": str(ROOT),
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
        "JAX_COMPILATION_CACHE_DIR": str(compiled),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }

    def start(count, *flags, different=(), folders=None):
        """A list of processes.

        The flags `different` are for the last one alone; `folders` are where they start.
        """
        with socket.create_server(("", 0)) as server:
            coordinator = f"--coordinator=127.0.0.1:{server.getsockname()[1]}"
        processes = []
        for number in range(count):
            words = [coordinator, f"--processes={count}", f"--process={number}"]
            words = [*(words if count > 1 else []), *flags]
            words += different if number == count - 1 else ()
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "experiments.run", *words],
                    cwd=folders[number] if folders else ROOT,
                    env=os.environ | settings,
                    text=True,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            )
        started.extend(processes)
        return processes

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def ended(processes, seconds=ENOUGH):
    """`(exit status, standard output, standard error)` of each process."""
    found = [(*process.communicate(timeout=seconds), process.returncode) for process in processes]
    return [(status, out, said) for out, said, status in found]


def wait_for(run_dir, images, processes):
    """Waits until so many images are logged."""
    end = time.monotonic() + ENOUGH
    while time.monotonic() < end:
        assert all(process.poll() is None for process in processes), ended(processes)
        rows = tiny.rows(run_dir) if (run_dir / "metrics.jsonl").exists() else []
        if any(row["images"] >= images for row in rows):
            return
        time.sleep(0.2)
    raise AssertionError("too slow")


def cyclegan(dataset, run_dir, **changes):
    return ["--model=cyclegan", *tiny.flags(dataset, run_dir, **CYCLEGAN | changes)]


def assert_same_losses(run_dir, other, bound=LOSSES):
    """In all lines that both have."""
    one, two = tiny.rows(run_dir), tiny.rows(other)
    assert min(len(one), len(two)) >= 3
    for a, b in zip(one, two, strict=False):
        assert a.keys() == b.keys() and a["images"] == b["images"]
        for key in a:
            assert b[key] == pytest.approx(a[key], rel=bound, abs=bound), key


def assert_same_state(run_dir, other):
    one, two = tiny.newest(run_dir), tiny.newest(other)
    assert one.keys() == two.keys() and one["progress"] == two["progress"]
    for name in one.keys() - {"progress"}:
        bound = BIASES if name.endswith("bias") else STATE
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=bound, err_msg=name)


def assert_two_train_as_one(train, folder, flags, bound=LOSSES):
    """The first process alone tells of the training, and writes."""
    alone = ended(train(1, *flags, f"--run_dir={folder}/one"))[0]
    assert alone[0] == 0, alone
    first, second = ended(train(2, *flags, f"--run_dir={folder}/two"))
    assert first[0] == second[0] == 0 and not second[1], (first, second)
    assert re.fullmatch(
        r"process 1 of 2: waiting for the others at 127.0.0.1:\d+, 300 s at most\n", second[2]
    )
    assert "device: 2 x CPU in 2 processes (JAX)" in first[2]
    assert first[1].split()[::2] == alone[1].split()[::2]  # the names of the scores
    assert_same_losses(folder / "one", folder / "two", bound)
    files = [sorted(p.name for p in (folder / n / "samples").iterdir()) for n in ("one", "two")]
    assert files[0] == files[1] and files[0]


def smoke(model, **changes):
    return [f"--model={model}", "--preset=smoke", *(f"--set={k}={v}" for k, v in changes.items())]


@pytest.mark.thorough
def test_two_processes_train_as_one(train, tmp_path):
    """Its batch norms take the statistics of the whole batch."""
    assert_two_train_as_one(train, tmp_path, smoke("dcgan", **SHORT))


@pytest.mark.slow
def test_cyclegan_in_two_processes(train, pictures_of_two, tmp_path):
    flags = [f for f in cyclegan(pictures_of_two, "") if not f.startswith("--run_dir")]
    assert_two_train_as_one(train, tmp_path, flags)
    assert_same_state(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_stylegan_in_two_processes(train, tmp_path):
    """It grows by a level, and its discriminator has statistics over the batch.

    Rounding grows from step to step: 2e-5 was seen after the level began.
    """
    assert_two_train_as_one(train, tmp_path, smoke("stylegan", **STYLEGAN), bound=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_one_is_killed(train, pictures_of_two, tmp_path, victim):
    """All the others stop with one message; the same commands go on, and stop at a signal."""
    flags = cyclegan(pictures_of_two, tmp_path, **LONG)
    processes = train(2, *flags)
    wait_for(tmp_path, 12, processes)
    processes[victim].send_signal(signal.SIGKILL)
    status, _, said = ended([processes[1 - victim]], MINUTE)[0]
    errors = [line for line in said.splitlines() if not line[0].isdigit()]
    assert status == 1 and "Traceback" not in said
    assert errors[-1].startswith(f"error: process {victim} of 2") and "is gone" in errors[-1]
    assert sum(line.startswith("error") for line in errors) == 1
    before = max(int(path.stem) for path in (tmp_path / "checkpoints").glob("0*.npz"))

    processes = train(2, *flags)
    wait_for(tmp_path, before + 12, processes)
    processes[1].send_signal(signal.SIGTERM)  # not the one that writes
    results = ended(processes, MINUTE)
    assert [status for status, _, _ in results] == [128 + signal.SIGTERM] * 2, results
    assert f"going on after {before:,} of" in results[0][2]
    newest = max(int(path.stem) for path in (tmp_path / "checkpoints").glob("0*.npz"))
    assert f"stopped by SIGTERM after {newest} images; saved" in results[0][2]


@pytest.mark.slow
def test_from_one_process_to_four_and_back(train, pictures_of_two, tmp_path):
    flags = cyclegan(pictures_of_two, tmp_path / "changing", **LONG)
    reached = 0
    for count in (1, 4, 1):
        processes = train(count, *flags)
        reached += 12
        wait_for(tmp_path / "changing", reached, processes)
        processes[0].send_signal(signal.SIGTERM)
        results = ended(processes)
        assert [status for status, _, _ in results] == [128 + signal.SIGTERM] * count, results
        reached = max(row["images"] for row in tiny.rows(tmp_path / "changing"))
    alone = train(1, *cyclegan(pictures_of_two, tmp_path / "one", **LONG))
    wait_for(tmp_path / "one", reached, alone)
    alone[0].send_signal(signal.SIGTERM)
    ended(alone)
    assert_same_losses(tmp_path / "one", tmp_path / "changing", 1e-2)


@pytest.mark.slow
@pytest.mark.parametrize(("changes", "different", "message"), [
    ({"batch_size": 3}, [], "--processes=2: a batch of 3 cannot be spread evenly over the 2 dev"),
    ({}, ["--set=data.size=8"], "process 0 and process 1 differ in their configuration: data.size"),
    ({}, ["--devices=7"], "devices=7: expected 'all' or 2, the devices of all 2 processes"),
])  # fmt: skip
def test_all_are_refused(train, pictures_of_two, tmp_path, changes, different, message):
    """Each process says why, in one line."""
    results = ended(train(2, *cyclegan(pictures_of_two, tmp_path, **changes), different=different))
    for status, _, said in results:
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        assert status == 1 and len(errors) == 1 and message in errors[0], results
        assert "Traceback" not in said


@pytest.mark.slow
def test_other_data(train, tmp_path):
    """The folder has the same name on both machines, and other pictures."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        tiny.two_domains(folder / "data")
    picture = folders[1] / "data" / "trainA" / "0.png"
    picture.rename(picture.with_name("other.png"))
    results = ended(train(2, *cyclegan("data", tmp_path / "run"), folders=folders))
    message = "process 0 and process 1 differ in their data: A is "
    assert all(status == 1 and said.count(message) == 1 for status, _, said in results), results
