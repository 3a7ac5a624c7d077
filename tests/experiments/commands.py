"""Commands in tests: ended without warning, or with a run that is loaded once for many."""

import pytest

from experiments import api


class PowerCut(BaseException):
    """What ends a run without warning, past whatever catches exceptions."""


def cut_power(command, algorithm, steps: int) -> None:
    """Calls a command that trains, and ends it before the step after so many `steps`.

    Args:
        command: takes no arguments.
        algorithm: the class whose `step` is called.
        steps: how many steps the run makes.
    """
    step, made = algorithm.step, []

    def cut(self, *arguments):
        if len(made) == steps:
            raise PowerCut
        made.append(1)
        return step(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(algorithm, "step", cut)
        with pytest.raises(PowerCut):
            command()


def load_once(monkeypatch, run: api.Run) -> None:
    """Commands that use a run without changes get this one, which has compiled its networks; the
    others load theirs."""
    load = api.load

    def once(run_dir, changes=None, *others, **options):
        return load(run_dir, changes, *others, **options) if changes else run

    monkeypatch.setattr(api, "load", once)
