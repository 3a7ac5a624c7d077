"""Which processes train together: what is given, and what is found in a cluster."""

import importlib.util

import keras
import pytest

from core.engine import processes
from core.engine.processes import Hosts
from core.errors import InputError, SettingError

SLURM = {"SLURM_JOB_ID": "5000", "SLURM_STEP_NODELIST": "node[007-010]", "SLURM_NTASKS": "4",
         "SLURM_PROCID": "2", "SLURM_LOCALID": "0"}  # fmt: skip


@pytest.fixture
def jax(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    for name in (*SLURM, "OMPI_MCA_orte_hnp_uri"):
        monkeypatch.delenv(name, raising=False)


def test_given(jax):
    assert processes.given("a:1", 2, 1) == Hosts("a:1", 2, 1)
    assert processes.given(None, None, None) is None
    assert processes.given(None, 1, None) is None


@pytest.mark.parametrize(("values", "message"), [
    (("a:1", 2, None), "process=: expected a value beside coordinator and processes"),
    ((None, 2, 0), "coordinator=: expected a value"),
    (("a:1", None, 1), "processes=: expected a value"),
    (("a:1", 2, 2), "process=2: expected a number from 0 to 1"),
    (("a:1", 2, -1), "process=-1: expected a number from 0 to 1"),
    (("a:1", 0, 0), "processes=0: expected 1 or more"),
    (("a", 2, 0), "coordinator=a: expected HOST:PORT"),
])  # fmt: skip
def test_refused(jax, values, message):
    with pytest.raises(SettingError) as error:
        processes.given(*values)
    assert message in str(error.value)


def test_other_backends_take_none(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert processes.given(None, None, None) is None
    for values, name in ((("a:1", 2, 1), "process=1"), ((None, 2, None), "processes=2"),
                         (("a:1", None, None), "coordinator=a:1")):  # fmt: skip
        with pytest.raises(SettingError, match=f"{name}: expected no value, .* the JAX backend"):
            processes.given(*values)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_found_under_slurm(jax, monkeypatch):
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    port = 65535 - 2**12 + 1 + 5000 % 2**12
    assert processes.given(None, None, None) == Hosts(f"node007:{port}", 4, 2, "slurm")
    assert processes.given(None, 1, None) is None
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert processes.given(None, None, None) is None


class Room:
    """A meeting in which the other process says what it is told."""

    count = 2

    def __init__(self, number, other):
        self.number, self.other = number, other

    def gather(self, value):
        return [value, self.other] if self.number == 0 else [self.other, value]


def test_processes_that_differ(monkeypatch):
    monkeypatch.setattr(processes._State, "meeting", Room(0, {"seed": 0, "data.size": 32}))
    processes.agree("configuration", {"seed": 0, "data.size": 32})
    with pytest.raises(InputError) as error:
        processes.agree("configuration", {"seed": 0, "data.size": 64})
    text = "process 0 and process 1 differ in their configuration: data.size is 64 and 32. Give all"
    assert str(error.value).startswith(text)
    with pytest.raises(InputError, match=r"A is 5:abc and \(not there\)"):
        processes.agree("data", {"seed": 0, "data.size": 32, "A": "5:abc"})


def test_alone():
    assert processes.share() == (0, 1) and processes.first()
    assert processes.alone(lambda: 3) == 3 and processes.from_first(4) == 4
    assert processes.stops(1) == 0 == processes.asked_to_stop()
    with processes.together(None):
        pass
