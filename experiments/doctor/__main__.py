"""Says what this machine has for training, and what is missing.

    python -m experiments.doctor
    python -m experiments.doctor --json

Nothing is installed, downloaded or left behind, and it takes 20 seconds at most. The exit status is
0 where training can start, 1 where something that it needs is broken, 2 where nothing is known to
be broken but something that it needs did not answer in time. The backend that training would use is
the one of --backend, else of KERAS_BACKEND, else tensorflow.

This file runs on a Python that is too old for the others, and where no package is installed.
"""

import json
import sys

OLDEST = (3, 10)  # as in setup.py


def main() -> None:
    """Examines the machine and ends the process with the exit status."""
    if sys.version_info < OLDEST:
        there = ".".join(str(n) for n in sys.version_info[:3])
        remedy = "install Python %d.%d or newer" % OLDEST  # noqa: UP031 read by old versions
        sys.exit(broken("python", there + " (" + sys.executable + ")", remedy))
    try:
        from experiments.doctor import examination
    except ImportError as error:  # of a package, which every other check would need
        remedy = "pip install -e . in the folder of this repository"
        sys.exit(broken("packages", str(error), remedy))
    examination.start()


def broken(name: str, text: str, remedy: str) -> int:
    """Prints the one finding that keeps all others from being made; returns the exit status.

    Args:
        name: of the check.
        text: what there is.
        remedy: what mends it.
    """
    if "--json" in sys.argv:
        check = {"name": name, "state": "broken", "text": text, "remedy": remedy}
        print(json.dumps({"ok": False, "checks": [check]}, indent=2))
    else:
        print("broken  %-18s %s\n%26s -> %s" % (name, text, "", remedy))  # noqa: UP031
        print("\nTraining cannot start: " + name + ".")
    return 1


if __name__ == "__main__":
    main()
