"""Says what this machine has for training, and what is missing.

    python -m experiments.doctor
    python -m experiments.doctor --json

Nothing is installed, downloaded or left behind, and it takes 20 seconds at most. The exit status is
0 where training can start, 1 where something that it needs is broken. The backend that training
would use is the one of --backend, else of KERAS_BACKEND, else tensorflow.
"""

import json
import os
import textwrap
from collections.abc import Callable, Sequence

from core.errors import InputError, one_line
from core.names import reason
from experiments import cli
from experiments.cli import FLAGS
from experiments.doctor import backends, findings
from experiments.doctor.findings import BROKEN, NOTE, TITLES, Finding
from experiments.flag_values import BACKENDS

TAKES = ("json", "backend")
WIDTH = 100


def main(argv: list[str]) -> int:
    """Examines the machine; returns the exit status."""
    return cli.command(_examine, _check_flags, computes=False)(argv)


def _check_flags() -> None:
    for flag in FLAGS.flags_by_module_dict()[cli.__name__]:
        if flag.present and flag.name not in TAKES:
            raise InputError(f"--{flag.name}: not an option of experiments.doctor. Leave it out.")


def _examine() -> int:
    network = findings.network()
    first = FLAGS.backend or os.environ.get("KERAS_BACKEND") or "tensorflow"
    checks: dict[str, Callable[[], list[Finding]]] = {
        "system": findings.system,
        "packages": findings.packages,
        "folders": findings.disks,
        "backends": lambda: _backends(first),
        "ffmpeg": lambda: [findings.programs()],
        "network": lambda: [network()],
    }
    found = [finding for name, check in checks.items() for finding in _safely(name, check)]
    broken = [finding.name for finding in found if finding.state == BROKEN]
    if FLAGS.json:
        rows = [finding._asdict() for finding in found]
        print(json.dumps({"ok": not broken, "checks": rows}, indent=2))
    else:
        print("\n".join(_lines(found, broken)))
    return 1 if broken else 0


def _safely(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """What a check finds; on a machine that nobody foresaw, that it could not be carried out."""
    try:
        return check()
    except Exception as error:
        return [Finding(name, NOTE, f"could not be examined ({reason(error)})")]


def _backends(first: str) -> list[Finding]:
    """The backends that are installed, with the one that training uses first."""
    if first not in BACKENDS:
        advice = "set it to tensorflow or jax, or unset it"
        return [Finding("backend", BROKEN, f"KERAS_BACKEND={first}", advice)]
    there = [n for n in sorted(BACKENDS, key=lambda n: n != first) if _installed(n)]
    found = backends.findings(backends.ask(there))
    if first not in there:
        remedy = "pip install -e '.[jax]'" if first == "jax" else "pip install -e ."
        found.insert(0, Finding(TITLES[first], BROKEN, "not installed", remedy))
    return found


def _installed(backend):
    others = ("tensorflow-cpu", "tf-nightly") if backend == "tensorflow" else ()
    return any(findings.version(name) for name in (backend, *others))


def _lines(found: Sequence[Finding], broken: Sequence[str]) -> list[str]:
    """The screen: a line for each finding, with what mends it below."""
    lines = []
    for finding in found:
        head = f"{finding.state:7} {finding.name:18} "
        lines += _wrapped(head, one_line(finding.text))
        if finding.remedy:
            lines += _wrapped(f"{'':26} -> ", one_line(finding.remedy))
    lines.append("")
    if broken:
        return [*lines, f"Training cannot start: {', '.join(broken)}."]
    notes = any(finding.state == NOTE for finding in found)
    return [*lines, "Training can start." + (" It does without what is noted above." * notes)]


def _wrapped(head, text):
    indent = " " * len(head)
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    cli.start(_examine, _check_flags, computes=False)
