"""The examination of a machine: all checks side by side, each with a limit of time."""

import json
import os
import textwrap
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late  # Python 3.10 has two of this name
from functools import partial

from core import machine
from core.errors import one_line
from core.names import reason
from experiments import cli
from experiments.cli import FLAGS
from experiments.doctor import backends, findings
from experiments.doctor.findings import BROKEN, NOTE, TITLES, UNCLEAR, Finding
from experiments.doctor.waiting import begin
from experiments.flag_values import BACKENDS, refuse_others

TAKES = ("json", "backend")
WIDTH = 100
LIMIT = 17.0  # seconds from here on, as Python may take three until it is here


def main(argv: list[str]) -> int:
    """Examines the machine; returns the exit status."""
    return cli.command(_examine, _check_flags, computes=False)(argv)


def start() -> None:
    """Examines the machine and ends the process with the exit status."""
    cli.start(_examine, _check_flags, computes=False)


def _check_flags() -> None:
    refuse_others(TAKES, "experiments.doctor")


def _examine() -> int:
    deadline = time.monotonic() + LIMIT
    before = {name: begin(check) for name, check in _checks().items()}
    after = {"ffmpeg": begin(findings.programs), "network": begin(findings.network)}
    gpu = begin(machine.nvidia_gpu)
    told = _safely("backends", lambda: _backends(gpu, deadline - 1), UNCLEAR)
    found = [
        *_answers(before, deadline, UNCLEAR),
        *told,
        *_answers(after, deadline, NOTE),
    ]
    broken, unclear = ([f.name for f in found if f.state == s] for s in (BROKEN, UNCLEAR))
    if FLAGS.json:
        rows = [finding._asdict() for finding in found]
        print(json.dumps({"ok": not broken and not unclear, "checks": rows}, indent=2))
    else:
        print("\n".join([*_lines(found), "", _verdict(found, broken, unclear)]))
    return 1 if broken else 2 if unclear else 0


def _checks() -> dict[str, Callable[[], list[Finding]]]:
    """The checks that come before the backends, by name."""
    return {
        "system": findings.system,
        "packages": findings.packages,
        "runs folder": lambda: [findings.disk("runs folder", "runs", essential=True)],
        "data sets folder": lambda: [
            findings.disk("data sets folder", findings.data_sets(), essential=False)
        ],
    }


def _answers(begun: dict[str, Future], deadline: float, state: str) -> list[Finding]:
    """What checks found, in their order; `state` is that of one that cannot be carried out."""
    found = []
    for name, future in begun.items():
        left = max(0.0, deadline - time.monotonic())
        found += _safely(name, partial(future.result, left), state)
    return found


def _safely(name: str, check: Callable[[], list[Finding]], state: str) -> list[Finding]:
    """What a check finds; on a machine that nobody foresaw, that it could not be carried out."""
    try:
        return check()
    except Late:
        return [
            Finding(name, state, "did not answer in time", "run again; see whether a disk hangs")
        ]
    except Exception as error:
        return [Finding(name, state, f"could not be examined ({reason(error)})")]


def _backends(gpu: "Future[machine.Gpu | None]", deadline: float) -> list[Finding]:
    """The backends that are installed, with the one that training uses first."""
    first = FLAGS.backend or os.environ.get("KERAS_BACKEND") or "tensorflow"
    if first not in BACKENDS:
        advice = "set it to tensorflow or jax, or unset it"
        return [Finding("backend", BROKEN, f"KERAS_BACKEND={first}", advice)]
    there = [n for n in sorted(BACKENDS, key=lambda n: n != first) if findings.build(n)]
    answers = backends.ask(there, limit=deadline - time.monotonic())
    found = backends.findings(answers, first, lambda: gpu.result(0.5))
    if first not in there:
        remedy = "pip install -e '.[jax]'" if first == "jax" else "pip install -e ."
        found.insert(0, Finding(TITLES[first], BROKEN, "not installed", remedy))
    return found


def _lines(found: Sequence[Finding]) -> list[str]:
    """The screen: a line for each finding, with what mends it below."""
    lines = []
    for finding in found:
        lines += _wrapped(f"{finding.state:7} {finding.name:18} ", one_line(finding.text))
        if finding.remedy:
            lines += _wrapped(f"{'':26} -> ", one_line(finding.remedy))
    return lines


def _verdict(found: Sequence[Finding], broken: Sequence[str], unclear: Sequence[str]) -> str:
    """The last line of the screen."""
    if broken:
        return f"Training cannot start: {', '.join(broken)}."
    if unclear:
        return f"Whether training can start was not found out: {', '.join(unclear)}."
    noted = any(finding.state == NOTE for finding in found)
    return "Training can start." + " It does without what is noted above." * noted


def _wrapped(head, text):
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
