"""What `experiments.doctor` finds, on machines made of files, and by stand-in processes."""

import json
import subprocess
import sys
import threading

import pytest

from core import machine
from experiments import cli
from experiments.doctor import __main__ as doctor
from experiments.doctor import backends, findings
from experiments.doctor.findings import BROKEN, NOTE, OK, Finding

GPU = machine.Gpu("NVIDIA H100", True)


def states(found):
    return {finding.name: finding.state for finding in found}


@pytest.fixture
def screen(monkeypatch, capfd, tmp_path):
    """A function that runs the command with stand-ins for the slow checks."""
    monkeypatch.chdir(tmp_path)
    good = {"tensorflow": {"device": "CPU", "cpu": True, "steps": {"cpu:0": 1.5}, "done": True}}
    monkeypatch.setattr(findings, "network", lambda: lambda: Finding("network", OK, "there"))

    def run(*arguments, answers=good):
        monkeypatch.setattr(backends, "ask", lambda names: answers)
        cli.FLAGS.unparse_flags()
        try:
            cli.FLAGS(["doctor", *arguments])
            status = doctor.main(["doctor"])
        finally:
            cli.FLAGS.unparse_flags()
            cli.FLAGS(["pytest"])
        return (status, *capfd.readouterr())

    return run


def test_a_machine_that_can_train(screen):
    status, out, said = screen()
    assert status == 0 and said == "" and "Training can start." in out
    assert "a small step takes cpu:0: 1.5 ms" in out
    assert all(len(line) <= 100 or "/" in line for line in out.splitlines())


def test_as_json(screen, monkeypatch):
    status, out, _ = screen("--json")
    told = json.loads(out)
    assert status == 0 and told["ok"] is True
    names = [check["name"] for check in told["checks"]]
    assert len(set(names)) == len(names)
    assert {"python", "memory", "packages", "runs folder", "TensorFlow", "weights"} <= set(names)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"steps": {}, "ended": "did not answer within 15 s"}, "does not start: did not answer"),
        ({"steps": {}, "error": "ImportError: no CUDA"}, "does not start: ImportError: no CUDA"),
        ({"steps": {}, "ended": "ended by SIGILL"}, "ended by SIGILL"),
        ({"device": "GPU", "cpu": False, "steps": {"gpu:0": "InternalError: cuDNN"}, "done": True},
         "gpu:0: InternalError: cuDNN"),
        ({"device": "GPU", "cpu": False, "steps": {"cpu:0": 1.0}, "ended": "did not answer"},
         "(did not answer)"),
    ],
)  # fmt: skip
def test_a_backend_that_does_not_work_is_broken(screen, facts, words):
    status, out, _ = screen(answers={"tensorflow": facts})
    assert status == 1 and "Training cannot start: TensorFlow." in out
    assert words in " ".join(out.split())
    other = {"tensorflow": {"device": "CPU", "cpu": True, "steps": {"cpu:0": 1.0}, "done": True}}
    found = states(backends.findings(other | {"jax": facts}))
    assert found["TensorFlow"] == OK and found["JAX"] == NOTE  # training does without


def test_bad_input(screen, monkeypatch):
    status, out, said = screen("--model=gatys")
    assert (status, out) == (1, "") and "--model: not an option of experiments.doctor" in said
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    status, out, _ = screen()
    assert status == 1 and "KERAS_BACKEND=torch" in out


def test_a_check_that_fails_is_said(screen, monkeypatch):
    monkeypatch.setattr(findings, "disks", lambda: 1 / 0)
    status, out, said = screen()
    assert status == 0 and said == ""
    assert "folders            could not be examined (ZeroDivisionError" in out


# --- packages, folders, network


def test_packages():
    installed = findings.version("numpy")
    (found, *_) = findings.packages([f"numpy=={installed}", 'nothing==1; extra == "web"'])
    assert found.state == OK and "all 1 that" in found.text
    wrong = ["numpy>=99", "surely-not-installed", "nothing==1; python_version < '3'"]
    (found, *_) = findings.packages(wrong)
    assert found.state == BROKEN and found.remedy == "pip install -e ."
    assert found.text == f"numpy {installed}, expected >=99; surely-not-installed is missing"


def test_folders(tmp_path):
    (tmp_path / "file").write_text("")
    good, bad = tmp_path / "not" / "yet", tmp_path / "file" / "below"
    found = findings.disks({"runs": good, "data sets": bad})
    assert found[0].state == OK and "GiB free" in found[0].text
    assert found[1].state == NOTE and "cannot be written" in found[1].text
    assert findings.disks({"runs": bad})[0].state == BROKEN
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]  # nothing is left


def test_network():
    class Open:
        def close(self):
            pass

    def some(address, timeout):
        if address[0] == "b":
            raise OSError(-2, "Name or service not known")
        return Open()

    assert findings.network(some, ("a",))().state == OK
    found = findings.network(some, ("a", "b"))()
    assert found.state == NOTE and found.text == "b: Name or service not known"


def test_a_network_that_never_answers(monkeypatch):
    monkeypatch.setattr(findings, "PATIENCE", 0.05)
    end = threading.Event()

    def wait(address, timeout):
        end.wait()
        raise OSError("too late")

    found = findings.network(wait, ("a", "b"))()
    end.set()
    assert found.state == NOTE and found.text == "a: no answer; b: no answer"


# --- why a GPU is not used


@pytest.mark.parametrize(
    ("backend", "gpu", "system", "there", "why", "fix"),
    [
        ("tensorflow", None, "linux", (), "", ""),
        ("tensorflow", machine.Gpu("NVIDIA", False), "linux", (), "no driver is loaded",
         "ubuntu-drivers"),
        ("tensorflow", GPU, "win32", (), "no GPU support on Windows", "wsl --install"),
        ("tensorflow", GPU, "linux", ("tensorflow-cpu",), "a build without CUDA",
         "pip uninstall tensorflow-cpu"),
        ("tensorflow", GPU, "linux", (), "lacks the CUDA libraries",
         "pip install 'tensorflow[and-cuda]'"),
        ("tensorflow", GPU, "linux", ("nvidia-cudnn-cu12",), "driver is too old",
         "--force-reinstall 'tensorflow[and-cuda]'"),
        ("jax", GPU, "linux", (), "a build for CPUs", "pip install 'jax[cuda12]'"),
        ("jax", GPU, "linux", ("jax-cuda13-plugin",), "driver is too old", "--force-reinstall"),
    ],
)  # fmt: skip
def test_the_reason_and_the_command(backend, gpu, system, there, why, fix):
    def installed(name):
        return "1" if name in there else None

    found = findings.gpu_reason(backend, gpu, hidden=False, system=system, installed=installed)
    assert why in found[0] and fix in found[1]
    if gpu:
        assert "hidden by" in findings.gpu_reason(backend, gpu, hidden=True)[0]


def test_a_gpu_that_is_not_used_is_noted(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("JAX_PLATFORMS", "")
    card = tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text("Model: NVIDIA RTX 4090\n")
    facts = {"device": "CPU", "cpu": True, "steps": {"cpu:0": 1.0}, "done": True}
    found = {f.name: f for f in backends.findings({"tensorflow": facts}, tmp_path)}
    assert "NVIDIA RTX 4090" in found["gpu for TensorFlow"].text
    assert found["gpu for TensorFlow"].remedy and "gpu" not in found
    found = states(backends.findings({"tensorflow": facts | {"cpu": False}}, tmp_path))
    assert "gpu for TensorFlow" not in found


# --- processes


def python(code):
    return sys.executable, "-c", code


def test_processes_that_hang_are_ended_and_what_they_said_counts():
    code = "import time\nprint('a word', flush=True)\nprint('{\"device\": \"X\"}', flush=True)\n"
    answers = backends.ask(["jax"], command=python(code + "time.sleep(60)"), limit=2)
    assert answers["jax"]["device"] == "X"
    assert answers["jax"]["ended"] == "did not answer within 2 s"


@pytest.mark.parametrize(("code", "ended"), [("raise SystemExit(3)", "status 3"), ("", None)])
def test_processes_that_end(code, ended):
    assert backends.ask(["jax"], command=python(code), limit=60)["jax"].get("ended") == ended


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of Unix")
def test_a_process_that_is_ended_by_a_signal():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    answers = backends.ask(["jax"], command=python(code), limit=60)
    assert answers["jax"]["ended"] == "ended by SIGSEGV"


@pytest.mark.backends
def test_the_probe_takes_a_step():
    done = subprocess.run(backends.COMMAND, capture_output=True, text=True, cwd=backends.CHECKOUT)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    facts = {key: value for line in lines for key, value in line.items()}
    assert done.returncode == 0 and facts["done"] is True, done.stderr[-500:]
    assert facts["cpu"] is True and facts["steps"]["cpu:0"] > 0
    assert {"VGG-16 (hed)", "Inception", "LPIPS", "magenta"} <= set(facts["weights"])
