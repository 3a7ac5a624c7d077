"""GPUs that a machine has and a backend does not see, by stand-ins for what a driver installs."""

import os
import subprocess
import sys
import time

import keras
import numpy as np
import psutil
import pytest
from patience import wait_until

from core import engine
from core import machine as machine_facts

pytestmark = [
    pytest.mark.backends,
    pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script"),
]


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """One without a driver, whose environment hides nothing."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("JAX_PLATFORMS", "")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    monkeypatch.setattr(machine_facts, "ROOT", tmp_path)
    return tmp_path


def nvidia_smi(machine, script):
    program = machine / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_nothing_is_said_without_a_gpu():
    assert engine.missing_accelerator() is None


def test_a_gpu_that_nvidia_smi_names(machine):
    nvidia_smi(machine, "echo NVIDIA H100; echo NVIDIA A100")
    sentence = engine.missing_accelerator()
    assert "a GPU (NVIDIA H100)" in sentence
    name = {"tensorflow": "TensorFlow", "jax": "JAX"}[keras.backend.backend()]
    assert f"but {name} does not use it: " in sentence and "\n" not in sentence
    why, fix = machine_facts.gpu_reason(keras.backend.backend(), machine_facts.Gpu("", True))
    assert f"{why}. What mends it: {fix}." in sentence  # as experiments.doctor says it


def test_a_gpu_of_the_driver(machine):
    card = machine / "proc/driver/nvidia/gpus/0000:01:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text("Model: \t\t NVIDIA RTX 4090\nIRQ:   \t\t 5\n")
    assert "(NVIDIA RTX 4090)" in engine.missing_accelerator()


def pci(root, address, vendor, kind):
    device = root / "sys/bus/pci/devices" / address
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")


def test_a_gpu_without_a_driver_is_seen_on_the_bus(machine):
    pci(machine, "0000:00:02.0", "0x8086", "0x030000")  # another vendor's
    pci(machine, "0000:00:03.0", "0x10de", "0x040300")  # its sound
    assert engine.missing_accelerator() is None
    pci(machine, "0000:00:04.0", "0x10de", "0x030200")
    sentence = engine.missing_accelerator()
    assert "no driver is loaded. What mends it: install NVIDIA's driver" in sentence
    assert "pip install" not in sentence and "experiments.doctor" in sentence


CPUINFO = "model name\t: Some CPU\nflags\t\t: fpu avx512f {}\n"


@pytest.mark.parametrize(
    ("text", "units"),
    [(CPUINFO.format("avx512_bf16 amx_bf16"), ["avx512_bf16", "amx_bf16"]),
     (CPUINFO.format(""), []), ("Features\t: fp asimd bf16\n", ["bf16"]), (None, [])],
)  # fmt: skip
def test_units_for_bfloat16(tmp_path, text, units):
    if text:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/cpuinfo").write_text(text)
    name, found = machine_facts.processor(tmp_path)
    assert found == units and name
    assert name == "Some CPU" or "model" not in (text or "")


@pytest.mark.parametrize(
    "script",
    ["exit 9", "echo no driver >&2; exit 1", "exit 0", "printf 'a\\033[2J\\n'",
     "head -c 99999 /dev/zero | tr '\\0' x", "exec sleep 600", "sleep 600"],
    ids=["fails", "no driver", "says nothing", "no name", "long", "hangs", "its child hangs"],
)  # fmt: skip
def test_a_driver_that_does_not_answer_is_passed_over(machine, script):
    nvidia_smi(machine, script)
    start = time.monotonic()
    assert engine.missing_accelerator() is None
    assert time.monotonic() - start < 300


def test_what_a_program_started_is_ended_with_it(machine, monkeypatch):
    nvidia_smi(machine, f"sleep 600 & echo $! > {machine}/number; "
               f"mv {machine}/number {machine}/child; wait")  # fmt: skip
    kill = machine_facts.kill

    def kill_later(process):
        wait_until((machine / "child").exists)
        kill(process)

    monkeypatch.setattr(machine_facts, "kill", kill_later)
    monkeypatch.setattr(machine_facts, "PATIENCE", 0.2)
    assert engine.missing_accelerator() is None
    child = int((machine / "child").read_text())
    wait_until(  # the system needs a moment
        lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"
    )


def test_a_driver_that_cannot_be_ended_is_left_behind(machine, monkeypatch):
    """It may wait in the system for a GPU, where no signal reaches it."""
    nvidia_smi(machine, "exec sleep 600")
    kept, end = [], machine_facts.kill
    monkeypatch.setattr(machine_facts, "kill", lambda process: kept.append(process))
    monkeypatch.setattr(machine_facts, "PATIENCE", 0.2)
    start = time.monotonic()
    assert engine.missing_accelerator() is None
    took = time.monotonic() - start
    end(kept[0])
    kept[0].wait()
    assert took < 300


@pytest.mark.parametrize(
    ("name", "value"), [("CUDA_VISIBLE_DEVICES", ""), ("CUDA_VISIBLE_DEVICES", "-1"),
                        ("JAX_PLATFORMS", "cpu")]
)  # fmt: skip
def test_a_gpu_that_is_hidden_on_purpose(machine, monkeypatch, name, value):
    nvidia_smi(machine, "echo NVIDIA H100")
    monkeypatch.setenv(name, value)
    of_jax = name == "JAX_PLATFORMS"  # which TensorFlow does not read
    shown = of_jax and keras.backend.backend() == "tensorflow"
    assert (engine.missing_accelerator() is not None) is shown


# --- determinism, a setting of the process


TENSORFLOW = """
import tensorflow as tf
from core import engine
engine.setup(1, deterministic=%s)
try:  # random numbers without a seed are refused
    tf.random.uniform(())
    print("free")
except RuntimeError:
    print("deterministic")
"""


@pytest.mark.parametrize(("asked", "answer"), [(True, "deterministic"), (False, "free")])
def test_determinism_of_tensorflow(asked, answer):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("of TensorFlow")
    done = subprocess.run(
        [sys.executable, "-c", TENSORFLOW % asked], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == answer


def test_determinism_of_jax(monkeypatch):
    """A GPU's compiler is asked for it, and where it cannot, compiles without."""
    if keras.backend.backend() != "jax":
        pytest.skip("of JAX")
    import jax

    asked, jit = [], jax.jit

    def compiler(fn, compiler_options=None, **options):
        if not compiler_options:
            return jit(fn, **options)

        def refuse(*args):
            asked.append(compiler_options)
            raise jax.errors.JaxRuntimeError("UNIMPLEMENTED: no deterministic implementation")

        return refuse

    monkeypatch.setattr(jax, "jit", compiler)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    count = keras.Variable(0.0)

    def add():
        count.assign_add(1.0)
        return count.value

    try:
        engine.setup(1, deterministic=False)
        assert float(engine.compile(add, [count])()) == 1 and not asked
        engine.setup(1, deterministic=True)
        compiled = engine.compile(add, [count])
        with pytest.warns(UserWarning, match="not deterministic: UNIMPLEMENTED"):
            assert float(compiled()) == 2
        assert float(compiled()) == 3
    finally:
        engine.setup(1, deterministic=False)
    assert asked == [{"xla_gpu_deterministic_ops": True}]


def test_on_a_cpu_jax_is_asked_for_nothing(monkeypatch):
    """XLA is deterministic there."""
    if keras.backend.backend() != "jax":
        pytest.skip("of JAX")
    import jax

    seen, jit = [], jax.jit
    monkeypatch.setattr(
        jax, "jit", lambda *a, **options: seen.append(options) or jit(*a, **options)
    )
    try:
        engine.setup(1, deterministic=True)
        engine.compile(lambda x: x + 1, [])(np.ones(2, "float32"))
    finally:
        engine.setup(1, deterministic=False)
    assert seen == [{"donate_argnums": 0}]
