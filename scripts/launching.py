"""The flag --launch: makes the cells of a table here, or prints a command for each of them."""

import shlex
import sys

from absl import flags

from core.errors import InputError
from experiments.cli import FLAGS

PRINT = "print"


class _Parser(flags.ArgumentParser):
    """Reads `--launch`, `--nolaunch` and `--launch=print`."""

    def parse(self, argument: bool | str) -> bool | str:
        """Returns True, False, or "print".

        Raises:
            ValueError: the argument is something else.
        """
        words = {"true": True, "false": False, PRINT: PRINT}
        if str(argument).lower() not in words:
            raise ValueError("expected --launch alone, or --launch=print")
        return words[str(argument).lower()]

    def flag_type(self) -> str:
        """Returns what help calls the type."""
        return "bool or 'print'"


def define() -> None:
    """Defines the flag."""
    flag = flags.Flag(
        _Parser(),
        flags.ArgumentSerializer(),
        "launch",
        False,
        "Train the runs that are missing; without it, runs are only read. --launch=print trains "
        "nothing, and prints a command for each of them, for the machines of a cluster.",
    )
    flag.boolean = True  # so that it may stand without a value
    flags.DEFINE_flag(flag)


def prints() -> bool:
    """Returns whether commands are printed in place of launching."""
    return FLAGS.launch == PRINT


def command(**changes: object) -> str:
    """Returns the command line of this program with its flags, some of them changed.

    Args:
        changes: values by the names of flags.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    words = ["python", "-m", spec.name if spec else "scripts"]
    for name in sorted(FLAGS):
        flag = FLAGS[name]
        if flag.present and name == flag.name and name not in ("launch", *changes):
            words += flag.serialize().split("\n")
    words += ["--launch", *(f"--{name}={value}" for name, value in changes.items())]
    return shlex.join(words)


def refuse_printing(why: str) -> None:
    """Refuses `--launch=print` where the cells are not independent.

    Raises:
        InputError: it was given.
    """
    if prints():
        raise InputError(f"--launch=print: {why} Give --launch.")
