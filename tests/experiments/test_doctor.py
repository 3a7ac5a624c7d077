"""What `experiments.doctor` finds, on machines made of files, and by stand-in processes."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from core import machine
from experiments import cli
from experiments.doctor import backends, examination, findings
from experiments.doctor.findings import BROKEN, NOTE, OK, Finding

GPU = machine.Gpu("NVIDIA H100", True)
WORKS = {"device": "CPU", "cpu": True, "steps": {"cpu:0": 1.5}, "done": True, "late": False}


def states(found):
    return {finding.name: finding.state for finding in found}


@pytest.fixture
def screen(monkeypatch, capfd, tmp_path):
    """A function that runs the command with stand-ins for the slow checks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setattr(findings, "network", lambda: [Finding("network", OK, "there")])

    def run(*arguments, answers=None):
        told = answers or {"tensorflow": WORKS}
        monkeypatch.setattr(backends, "ask", lambda names, limit: told)
        cli.FLAGS.unparse_flags()
        try:
            cli.FLAGS(["doctor", *arguments])
            status = examination.main(["doctor"])
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
        ({"steps": {}, "error": "ImportError: no CUDA"}, "does not start: ImportError: no CUDA"),
        ({"steps": {}, "ended": "ended by SIGILL"}, "does not start: ended by SIGILL"),
        ({"steps": {}}, "does not start: said nothing"),
        ({"device": "GPU", "steps": {"gpu:0": "InternalError: cuDNN"}, "done": True},
         "gpu:0: InternalError: cuDNN"),
        ({"device": "GPU", "steps": {"gpu:0": "InternalError: cuDNN"}, "late": True},
         "gpu:0: InternalError: cuDNN"),
        ({"device": "GPU", "steps": {}, "ended": "ended by SIGSEGV"}, "takes ?"),
    ],
)  # fmt: skip
def test_a_backend_that_does_not_work_is_broken(screen, facts, words):
    facts = {"late": False} | facts
    status, out, _ = screen(answers={"tensorflow": facts})
    assert status == 1 and "Training cannot start: TensorFlow." in out
    assert words in " ".join(out.split())
    both = {"tensorflow": WORKS, "jax": facts}
    found = states(backends.findings(both, "tensorflow", lambda: None))
    assert found["TensorFlow"] == OK and found["JAX"] == NOTE  # training does without


@pytest.mark.parametrize("facts", [{"steps": {}}, {"device": "GPU", "steps": {"gpu:0": 1.0}}])
def test_a_backend_that_is_slow_is_not_called_broken(screen, facts):
    """A busy machine or a cold disk, as well as a driver that hangs."""
    status, out, _ = screen(answers={"tensorflow": facts | {"late": True}})
    assert status == 2 and "Whether training can start was not found out: TensorFlow." in out
    assert "did not answer in time" in out and "run again" in out
    status, out, _ = screen("--json", answers={"tensorflow": facts | {"late": True}})
    assert status == 2 and json.loads(out)["ok"] is False
    both = {"tensorflow": WORKS, "jax": facts | {"late": True}}
    assert states(backends.findings(both, "tensorflow", lambda: None))["JAX"] == NOTE


def test_devices_that_there_was_no_time_for(screen):
    status, out, _ = screen(answers={"tensorflow": WORKS | {"untried": "gpu:1, gpu:2"}})
    assert status == 0 and "not tried for want of time: gpu:1, gpu:2" in " ".join(out.split())


def test_bad_input(screen, monkeypatch):
    status, out, said = screen("--model=gatys")
    assert (status, out) == (1, "") and "--model: not an option of experiments.doctor" in said
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    status, out, _ = screen()
    assert status == 1 and "KERAS_BACKEND=torch" in out


def test_a_check_that_fails_is_said(screen, monkeypatch):
    monkeypatch.setattr(findings, "programs", lambda: 1 / 0)
    status, out, said = screen()
    assert status == 0 and said == ""  # training does without
    assert "note    ffmpeg             could not be examined (ZeroDivisionError" in out
    monkeypatch.setattr(findings, "packages", lambda: 1 / 0)
    assert screen()[0] == 2


@pytest.mark.parametrize(("check", "status"), [("system", 2), ("programs", 0)])
def test_a_check_that_hangs_is_passed_over(screen, monkeypatch, check, status):
    end = threading.Event()
    monkeypatch.setattr(examination, "LIMIT", 1.5)
    monkeypatch.setattr(findings, check, end.wait)
    got, out, _ = screen()
    end.set()
    assert got == status and "did not answer in time" in out and "TensorFlow" in out


def test_a_person_without_a_home(screen, monkeypatch):
    """As in a container whose user has no name."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("USERPROFILE", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    status, out, _ = screen(answers={"tensorflow": WORKS | {"weights": {"hed": "/hed.h5"}}})
    assert status == 0 and "weights            hed: /hed.h5" in out


# --- packages, folders, network


def test_packages():
    installed = findings.version("numpy")
    (found, *_) = findings.packages([f"numpy=={installed}", 'nothing==1; extra == "web"'])
    assert found.state == OK and "all 1 that" in found.text
    wrong = ["numpy>=99", "surely-not-installed", "nothing==1; python_version < '3'"]
    (found, *_) = findings.packages(wrong)
    assert found.state == BROKEN and found.remedy == "pip install -e ."
    assert found.text == f"numpy {installed}, expected >=99; surely-not-installed is missing"


def test_tensorflow_of_another_build_is_tensorflow(monkeypatch):
    monkeypatch.setattr(
        findings, "version", lambda name: "2.21.0" if name == "tensorflow-cpu" else None
    )
    (found, *_) = findings.packages(["tensorflow>=2.17"])
    assert found.state == OK


def test_versions_beside_those_tested(monkeypatch):
    there = {"keras": "3.15.9", "numpy": "2.4.1"}
    monkeypatch.setattr(findings, "version", there.get)
    found = findings.packages([])[1]
    assert found.state == OK
    assert found.text == "keras 3.15.9, numpy 2.4.1; none is newer than tested"
    there["keras"] = "4.0.0rc1"
    found = findings.packages([])[1]
    assert found.state == NOTE and found.text.endswith("newer than tested: keras")
    assert found.remedy == "where something fails: pip install 'keras==3.15.*'"


def test_folders(tmp_path):
    (tmp_path / "file").write_text("")
    good, bad = tmp_path / "not" / "yet", tmp_path / "file" / "below"
    found = findings.disk("runs folder", good, essential=True)
    assert found.state == OK and "GiB free" in found.text
    found = findings.disk("data sets folder", bad, essential=False)
    assert found.state == NOTE and "cannot be written" in found.text
    assert findings.disk("runs folder", bad, essential=True).state == BROKEN
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]  # nothing is left


def test_a_disk_that_is_nearly_full(tmp_path, monkeypatch):
    usage = findings.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(findings.shutil, "disk_usage", lambda path: usage._replace(free=2**20))
    found = findings.disk("runs folder", tmp_path, essential=True)
    assert found.state == NOTE and found.remedy == "make room"


def test_network():
    class Open:
        def close(self):
            pass

    def some(address, timeout):
        if address[0] == "b":
            raise OSError(-2, "Name or service not known")
        if address[0] == "c":
            raise UnicodeError("label too long")
        return Open()

    assert states(findings.network(some, ("a",))) == {"network": OK}
    (found,) = findings.network(some, ("a", "b", "c"))
    assert found.state == NOTE
    assert found.text == "b: Name or service not known; c: UnicodeError: label too long"


def test_a_network_that_never_answers(monkeypatch):
    monkeypatch.setattr(findings, "PATIENCE", 0.1)
    end = threading.Event()

    def wait(address, timeout):
        end.wait()
        raise OSError("too late")

    (found,) = findings.network(wait, ("a", "b"))
    end.set()
    assert found.state == NOTE and found.text == "a: no answer; b: no answer"


# --- why a GPU is not used


@pytest.fixture
def nothing_hides_it(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)


@pytest.mark.parametrize(
    ("backend", "gpu", "system", "there", "why", "fix"),
    [
        ("tensorflow", machine.Gpu("NVIDIA", False), "linux", (), "no driver is loaded",
         "ubuntu-drivers"),
        ("tensorflow", GPU, "win32", (), "only programs inside WSL 2", "wsl --install"),
        ("tensorflow", GPU, "linux", ("tensorflow-cpu",), "a build without CUDA",
         "pip uninstall tensorflow-cpu"),
        ("tensorflow", GPU, "linux", (), "the CUDA libraries are missing",
         "pip install 'tensorflow[and-cuda]'"),
        ("tensorflow", GPU, "linux", ("nvidia-cudnn-cu12",), "driver is too old",
         "--force-reinstall 'tensorflow[and-cuda]'"),
        ("jax", GPU, "linux", (), "a build for CPUs", "pip install 'jax[cuda12]'"),
        ("jax", GPU, "linux", ("jax-cuda13-plugin",), "driver is too old", "--force-reinstall"),
    ],
)  # fmt: skip
def test_the_reason_and_the_command(nothing_hides_it, backend, gpu, system, there, why, fix):
    def installed(name):
        return "1" if name in there else None

    found = machine.gpu_reason(backend, gpu, system=system, installed=installed)
    assert why in found[0] and fix in found[1]


@pytest.mark.parametrize(
    ("name", "value", "hides"),
    [
        ("CUDA_VISIBLE_DEVICES", "", ("tensorflow", "jax")),
        ("CUDA_VISIBLE_DEVICES", "-1", ("tensorflow", "jax")),
        ("CUDA_VISIBLE_DEVICES", "0", ()),
        ("JAX_PLATFORMS", "cpu", ("jax",)),
        ("JAX_PLATFORMS", "CPU,cuda", ("jax",)),
        ("JAX_PLATFORMS", "cuda,cpu", ()),
    ],
)
def test_what_hides_a_gpu_from_which_backend(nothing_hides_it, monkeypatch, name, value, hides):
    monkeypatch.setenv(name, value)
    for backend in ("tensorflow", "jax"):
        assert machine.hidden_by(backend) == (name if backend in hides else "")
        why, fix = machine.gpu_reason(backend, GPU, system="linux", installed=lambda name: None)
        assert (fix == f"unset {name}" and name in why) is (backend in hides)


def test_a_gpu_that_is_not_used_is_noted(nothing_hides_it):
    found = {f.name: f for f in backends.findings({"jax": WORKS}, "jax", lambda: GPU)}
    assert found["gpu"].text == "NVIDIA H100" and found["gpu for JAX"].state == NOTE
    assert found["gpu for JAX"].text.startswith("not used: ") and found["gpu for JAX"].remedy
    found = states(backends.findings({"jax": WORKS | {"cpu": False}}, "jax", lambda: GPU))
    assert found["gpu"] == OK and "gpu for JAX" not in found


def test_a_driver_that_names_no_gpu_is_noted(monkeypatch):
    """It hangs, say: this is not the same as a machine without a GPU."""
    for program, state in ((None, OK), ("/bin/nvidia-smi", NOTE)):
        monkeypatch.setattr(backends.shutil, "which", lambda name, program=program: program)
        found = {f.name: f for f in backends.findings({"jax": WORKS}, "jax", lambda: None)}
        assert found["gpu"].state == state
    assert "names no GPU" in found["gpu"].text and "run nvidia-smi" in found["gpu"].remedy


def test_a_driver_that_hangs_is_noted():
    def hang():
        raise TimeoutError

    found = {f.name: f for f in backends.findings({"jax": WORKS}, "jax", hang)}
    assert found["gpu"].state == NOTE and "could not be looked for (Timeout" in found["gpu"].text


# --- processes


def python(code):
    return sys.executable, "-c", code


def test_processes_that_hang_are_ended_and_what_they_said_counts():
    code = "import time\nprint('a word', flush=True)\nprint('{\"device\": \"X\"}', flush=True)\n"
    answers = backends.ask(["jax"], command=python(code + "time.sleep(60)"), limit=5)
    assert answers["jax"]["device"] == "X" and answers["jax"]["late"] is True


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are of Unix")
def test_processes_that_cannot_be_ended_are_left_behind(monkeypatch):
    """A driver may keep one in the system, where no signal reaches it."""
    kept, begin, end = [], backends._start, os.killpg
    monkeypatch.setattr(backends, "_start", lambda *a: kept.append(begin(*a)) or kept[-1])
    monkeypatch.setattr(os, "killpg", lambda *a: None)
    start = time.monotonic()
    command = python("import time; time.sleep(600)")
    answers = backends.ask(["tensorflow", "jax"], command=command, limit=0.5)
    took = time.monotonic() - start
    for process, _ in kept:
        end(process.pid, 9)
        process.wait()
    assert took < 300 and all(answer["late"] for answer in answers.values())


@pytest.mark.parametrize(("code", "ended"), [("raise SystemExit(3)", "status 3"), ("", None)])
def test_processes_that_end(code, ended):
    facts = backends.ask(["jax"], command=python(code), limit=60)["jax"]
    assert facts.get("ended") == ended and facts["late"] is False


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


# --- a Python without packages


WITHOUT = """
import runpy, sys
for name in ("absl", "psutil", "keras", "numpy"):
    sys.modules[name] = None  # cannot be imported
{more}
sys.argv[1:] = {arguments}
runpy.run_module("experiments.doctor", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("more", "name", "remedy"),
    [
        ("", "packages", "pip install -e . in the folder of this repository"),
        ("sys.version_info = (3, 8, 1)", "python", "install Python 3.10 or newer"),
    ],
)
def test_a_machine_where_nothing_is_installed(more, name, remedy):
    for arguments in ([], ["--json"]):
        code = WITHOUT.format(more=more, arguments=arguments)
        done = subprocess.run(python(code), capture_output=True, text=True, cwd=backends.CHECKOUT)
        assert done.returncode == 1 and done.stderr == ""
        if arguments:
            told = json.loads(done.stdout)
            assert told["ok"] is False and told["checks"][0]["name"] == name
            assert told["checks"][0]["remedy"] == remedy
        else:
            assert done.stdout.startswith(f"broken  {name} ") and remedy in done.stdout
