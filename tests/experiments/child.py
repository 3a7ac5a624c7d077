"""The runner in a process that comes to harm: `python child.py FAULT FLAGS…`.

FAULT is `<signal>@<point>:<n>`: the process sends itself the signal when it passes the point for
the n-th time. Points: `step` (an update was made), `logged` (a line of metrics.jsonl was written),
`write` (half of a checkpoint file is on the disk), `replaced` (a checkpoint is complete, older ones
are not removed yet). Or `pause@<point>:<n>`, or `fsize:<bytes>`, the largest file it may write
(not on Windows).
"""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


def hit(what):
    if what == "pause":
        time.sleep(600)
    os.kill(os.getpid(), getattr(signal, what))


def harm(fault):
    """Puts the fault into the code."""
    what, _, place = fault.partition("@")
    if what.startswith("fsize:"):
        import resource

        limit = int(what.partition(":")[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return
    point, _, count = place.partition(":")
    left = [int(count)]

    def passed(before=None):
        left[0] -= 1
        if left[0] == 0:
            if before:
                before()
            hit(what)

    def after(owner, name, applies=lambda *_: True):
        old = getattr(owner, name)

        def new(*args, **kwargs):
            out = old(*args, **kwargs)
            if applies(*args):
                passed()
            return out

        setattr(owner, name, new)

    if point == "step":
        from core.phases import Algorithm

        after(Algorithm, "step")
    elif point == "logged":
        from experiments.training.writer import Writer

        after(Writer, "scalars")
    elif point == "replaced":
        after(os, "replace", lambda source, target: str(target).endswith(".npz"))
    elif point == "write":
        replace = os.replace

        def half(source, target):
            if str(target).endswith(".npz"):
                size = os.stat(source).st_size
                passed(lambda: os.truncate(source, size // 2))
            replace(source, target)

        os.replace = half
    else:
        raise SystemExit(f"no point '{point}'")


if __name__ == "__main__":
    from absl import app

    from experiments import cli, run

    fault = sys.argv.pop(1)
    if fault != "none":
        cli.FLAGS(sys.argv)
        cli.select_backend()
        for name in cli.FLAGS:  # app.run reads them again, and adds to those that may come twice
            cli.FLAGS[name].unparse()
        harm(fault)
    app.run(run.main)
