"""Several processes, often on several machines, that train one model together (JAX only).

Each has its own devices and reads its own share of every batch. The first one alone writes, and
works alone where a result is not a step of training, while the others wait.

    together(hosts)          joins, for the time of a `with` block
    first()                  whether this process is the first, also where it is the only one
    share()                  (number, count) of this process
    agree(what, values)      refuses processes that differ
    from_first(value)        what the first process has
"""

import atexit
import contextlib
import ctypes
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from core.engine.meeting import Meeting, end_process, split_address
from core.errors import InputError, Interrupted, SettingError

CLUSTERS = ("slurm", "ompi", "gketpu", "gcetpu")  # where JAX finds the processes, by its own names
_LAST_WORDS = 5.0  # seconds in which the meeting may say which process is gone


@dataclass(frozen=True)
class Hosts:
    """The processes that train together.

    Attributes:
        coordinator: HOST:PORT of the machine of process 0.
        processes: how many there are.
        process: the number of this one, from 0 on.
        cluster: JAX's name of the cluster that they were found in; empty where they were given.
        patience: seconds to wait for all to come.
    """

    coordinator: str
    processes: int
    process: int
    cluster: str = ""
    patience: float = 300.0


class _State:
    """This process among the others; `meeting` is None where it is the only one."""

    meeting: Meeting | None = None
    used = False  # JAX connects once
    kept: Any = None  # what C holds a pointer to


def first() -> bool:
    """Whether this is the first process, which alone writes."""
    return share()[0] == 0


def share() -> tuple[int, int]:
    """`(number, count)` of this process; (0, 1) where it is the only one."""
    meeting = _State.meeting
    return (meeting.number, meeting.count) if meeting else (0, 1)


def given(coordinator: str | None, processes: int | None, process: int | None) -> Hosts | None:
    """The processes that were given by three settings, or those that JAX finds in a cluster.

    It finds them under SLURM (`srun`) and Open MPI (`mpirun`), and on a pod of TPUs.

    Args:
        coordinator: HOST:PORT of the machine of process 0.
        processes: how many there are; 1 for a process that trains alone wherever it is.
        process: the number of this one.

    Returns:
        None for a process that trains alone.

    Raises:
        SettingError: some are given and others not, the number is not below the count, or the
            backend is not JAX.
    """
    jax = keras.backend.backend() == "jax"
    settings = {"coordinator": coordinator, "processes": processes, "process": process}
    missing = [name for name, value in settings.items() if value is None]
    if processes is not None and processes < 1:
        raise SettingError("processes", processes, "1 or more")
    if processes == 1 and process in (None, 0):
        return None
    if len(missing) == len(settings):
        return _found() if jax else None
    if not jax:
        name = next(name for name in reversed(settings) if name not in missing)
        raise SettingError(
            name,
            settings[name],
            "no value, as several processes need the JAX backend",
            "Give --backend=jax, or leave it out.",
        )
    if coordinator is None or processes is None or process is None:
        raise SettingError(
            missing[0],
            "",
            f"a value beside {' and '.join(n for n in settings if n not in missing)}",
            "The three go together, for example --coordinator=10.0.0.1:8476 --processes=2 "
            "--process=0; in a cluster that JAX knows none is needed.",
        )
    if not 0 <= process < processes:
        raise SettingError("process", process, f"a number from 0 to {processes - 1}")
    split_address(coordinator)
    return Hosts(coordinator, processes, process)


def _found():
    """The processes of the cluster that this one was started in, as JAX finds them, or None."""
    try:
        from jax._src.clusters import ClusterEnv
    except ImportError:  # another version of JAX
        return None
    for cluster in ClusterEnv._cluster_types:
        if cluster.name in CLUSTERS and cluster.is_env_present():
            count = cluster.get_process_count()
            if count == 1:
                return None
            port = os.environ.get("JAX_COORDINATOR_PORT")
            address = cluster.get_coordinator_address(300, port)
            return Hosts(address, count, cluster.get_process_id(), cluster.name)
    return None


@contextlib.contextmanager
def together(hosts: Hosts | None) -> Iterator[None]:
    """Joins the other processes. An error in one of them ends all, each with one message.

    It must come before JAX is used. With None nothing happens: the process trains alone.

    Raises:
        SettingError: process 0 cannot be reached in time, or has no place for this process.
    """
    if hosts is None:
        yield
        return
    if _State.used:
        raise InputError("processes train together once: start them again for another training.")
    _State.used = True
    meeting = Meeting(hosts.coordinator, hosts.processes, hosts.process, patience=hosts.patience)
    _State.meeting = meeting
    failed = True
    try:
        _start_jax(hosts, meeting)
        yield
        failed = False
    except Interrupted:
        failed = False
        raise
    except InputError as error:
        meeting.leave(str(error))
        raise
    except BaseException as error:
        # of a computation whose other half is gone: the meeting is about to say so
        _wait_for_the_meeting()
        meeting.leave(f"{type(error).__name__}: {error}")
        raise
    finally:
        if failed:
            atexit.register(_end_without_the_others)
        meeting.leave()
        _State.meeting = None


def _start_jax(hosts, meeting):
    """Lets JAX find the devices of all processes."""
    import jax

    _say_nothing_in_c()
    _outlive_abort()
    with contextlib.suppress(AttributeError, KeyError, ValueError):  # its own handler of SIGTERM
        jax.config.update("jax_enable_preemption_service", False)
    host = hosts.coordinator.rpartition(":")[0]
    address = from_first(f"{host}:{_free_port()}" if first() else None)
    jax.distributed.initialize(
        address,
        hosts.processes,
        hosts.process,
        cluster_detection_method=hosts.cluster or "deactivate",
        initialization_timeout=round(max(60, hosts.patience)),
    )


def _free_port():
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]


def _say_nothing_in_c():
    """Sends what C code prints to a file: a line of each process and connection, and at the death
    of a process a page of addresses. What Python prints goes where it went before."""
    handle, path = tempfile.mkstemp(prefix="process-", suffix=".log")
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        stream.flush()
        with contextlib.suppress(OSError, ValueError):  # a notebook's own stream has no number
            if stream.fileno() == number:
                kept = os.fdopen(os.dup(number), "w", encoding=stream.encoding, buffering=1)
                setattr(sys, name, kept)
        os.dup2(handle, number)
    os.close(handle)
    atexit.register(Path(path).unlink, missing_ok=True)


def _outlive_abort():
    """Lets the meeting speak first when JAX aborts the process because another one is gone.

    JAX's own service is in the first process, and its C++ client calls abort() when the connection
    is lost. No option turns that off, and a callback cannot be given (it raises std::bad_cast).
    """

    def aborted(number):
        _wait_for_the_meeting()
        end_process("JAX ended this process, as another one is gone. The same commands go on.")

    if sys.platform == "win32":
        return
    _State.kept = ctypes.CFUNCTYPE(None, ctypes.c_int)(aborted)
    ctypes.CDLL(None).signal(int(signal.SIGABRT), _State.kept)


def _wait_for_the_meeting():
    """Waits while the meeting, in its own thread, may find a process gone and end this one."""
    time.sleep(_LAST_WORDS)


def _end_without_the_others():
    """Ends a process that failed: JAX would wait for the others, which have ended."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def from_first(value: Any) -> Any:
    """The value of the first process; it must fit into JSON. All must call it."""
    return _State.meeting.gather(value if first() else None)[0] if _State.meeting else value


def agree(what: str, values: Mapping[str, Any]) -> None:
    """Refuses processes that have not the same.

    Args:
        what: "configuration" or "data", for the message.
        values: by name; they must fit into JSON.

    Raises:
        InputError: says which process has another value of what; all processes raise it.
    """
    if not _State.meeting:
        return
    ours = _State.meeting.gather(dict(values))
    for number, theirs in enumerate(ours):
        names = [n for n in ours[0] | theirs if ours[0].get(n) != theirs.get(n)]
        if names:
            one, other = (row.get(names[0], "(not there)") for row in (ours[0], theirs))
            raise InputError(
                f"process 0 and process {number} differ in their {what}: {names[0]} is {one} and "
                f"{other}. Give all processes the same command, the same code and the same data."
            )


def alone(work: Callable[[], Any]) -> Any:
    """Does what only the first process does, while the others wait; returns its result there.

    The others return None.

    Raises:
        Interrupted: in all processes, if it is raised in the first one.
    """
    meeting, result = _State.meeting, None
    if meeting is None:
        return work()
    stopped = None
    if first():
        try:
            result = work()
        except Interrupted as error:
            stopped = error
    told = from_first([stopped.signal, stopped.images] if stopped else None)
    if told:
        raise stopped or Interrupted(*told)
    return result


def ask_to_stop(number: int) -> None:
    """Tells all processes that this one got a signal."""
    if _State.meeting:
        _State.meeting.signal(number)


def asked_to_stop() -> int:
    """The number of the signal that another process got, 0 for none."""
    return _State.meeting.asked if _State.meeting else 0


def stops(step: int) -> int:
    """The number of the signal for which all processes stop after this step; 0 to go on.

    Args:
        step: how many steps were done; it must be called after each of them.
    """
    return _State.meeting.stops(step) if _State.meeting else 0
