"""Asks each installed backend what it can do, in processes of their own with a time limit."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core import machine
from experiments.doctor.findings import BROKEN, NOTE, OK, TITLES, Finding, gpu_reason, version

LIMIT = 15.0  # seconds for all of them together
COMMAND = (sys.executable, "-m", "experiments.doctor.probe")
CHECKOUT = Path(__file__).parents[2]


def ask(
    backends: Sequence[str], *, command: Sequence[str] = COMMAND, limit: float = LIMIT
) -> dict[str, dict[str, Any]]:
    """What `experiments.doctor.probe` says of each backend, all asked at the same time.

    Args:
        backends: of "tensorflow" and "jax".
        command: what is run for each.
        limit: seconds after which a process is ended.

    Returns:
        Its facts by backend. Where it ended early or was ended, "ended" says how.
    """
    started = {name: _start(name, command) for name in backends}
    deadline = time.monotonic() + limit
    try:
        return {name: _facts(job, deadline, limit) for name, job in started.items()}
    finally:
        for process, _ in started.values():
            _end(process)


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


def _facts(job, deadline, limit):
    process, output = job
    facts: dict[str, Any] = {"steps": {}}
    try:
        status = process.wait(max(0.0, deadline - time.monotonic()))
        if status:
            facts["ended"] = f"ended by {_signal(-status)}" if status < 0 else f"status {status}"
    except subprocess.TimeoutExpired:
        _end(process)
        facts["ended"] = f"did not answer within {limit:g} s"
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


def _end(process):
    """Ends a process and what it started."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait(5)


def findings(answers: Mapping[str, dict[str, Any]], root: Path = machine.ROOT) -> list[Finding]:
    """What the answers of `ask` mean.

    Args:
        answers: by backend; the first one is the one that training uses.
        root: see `core.machine.nvidia_gpu`.
    """
    gpu, hidden = machine.nvidia_gpu(root), machine.hidden()
    found = [_backend(name, facts, not i) for i, (name, facts) in enumerate(answers.items())]
    for name, facts in answers.items():
        if facts.get("cpu") and gpu:
            reason, fix = gpu_reason(name, gpu, hidden=hidden)
            found.append(Finding(f"gpu for {TITLES[name]}", NOTE, reason, fix))
    if not gpu:
        found.append(Finding("gpu", OK, "no NVIDIA GPU in this machine, as far as it says"))
    weights = next((facts["weights"] for facts in answers.values() if "weights" in facts), None)
    return [*found, _weights(weights)]


def _backend(name, facts, essential):
    bad = BROKEN if essential else NOTE
    title, there = TITLES[name], version(name) or ""
    steps = facts["steps"]
    if "device" not in facts:
        text = f"{there} does not start: {facts.get('error') or facts.get('ended', 'said nothing')}"
        return Finding(title, bad, text, _remedy(name, facts))
    times = [f"{d}: {_time(t)}" for d, t in steps.items()]
    text = f"{there} on {facts['device']}; a small step takes {', '.join(times) or '?'}"
    failed = [t for t in steps.values() if isinstance(t, str)]
    if failed or not steps or not facts.get("done"):
        text += f" ({facts['ended']})" if "ended" in facts else ""
        return Finding(title, bad, text, _remedy(name, facts))
    return Finding(title, OK, text)


def _time(value):
    return f"{value:.1f} ms" if isinstance(value, float) else str(value)


def _remedy(name, facts):
    if "did not answer" in facts.get("ended", ""):
        return "run again when the machine is less busy; if it stays so, a driver hangs: restart"
    return f"pip install --upgrade --force-reinstall {name}"


def _weights(weights):
    if weights is None:
        return Finding("weights", NOTE, "not looked for, as no backend answered")
    home = str(Path.home())
    short = {n: f"~{p[len(home) :]}" if p.startswith(home) else p for n, p in weights.items()}
    there = [f"{name}: {path}" for name, path in short.items() if path]
    missing = [name for name, path in weights.items() if not path]
    text = "; ".join([*there, f"not here: {', '.join(missing)}" if missing else ""]).rstrip("; ")
    advice = "downloaded at first use; hed and magenta: pip install -e '.[hed,magenta]'"
    return Finding("weights", NOTE if missing else OK, text, advice if missing else "")
