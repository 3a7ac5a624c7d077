"""The queue, which is a folder: a job is a folder in it, and its state is where that folder is.

    drafts/   being uploaded, or being deleted
    waiting/  in line; the name begins with the time, so sorted names are the order
    running/  at the worker
    finished/ with result.png or result.gif, or error.txt

A job moves by renaming, which is atomic: a process that is killed at any moment leaves each job in
one state. There is no database.
"""

import json
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core.files import write_json_whole, write_text_whole
from web import secret
from web.refused import Refused

STATES = ("waiting", "running", "finished")
RESULTS = {"result.png": "image/png", "result.gif": "image/gif"}
SMALL = "small.jpg"  # the result, small, for the gallery
ABANDONED = 3600  # seconds after which a draft is what a killed process left behind
KILLED = gettext_noop("The server was stopped twice during this job. Please try again.")


@dataclass(frozen=True)
class Job:
    """A job as it was when it was looked up.

    Attributes:
        id: its name, which nobody can guess.
        state: "waiting", "running", "done" or "failed".
        folder: where its files are.
        record: what was ordered: kind, model, values.
    """

    id: str
    state: str
    folder: Path
    record: dict[str, Any]

    @property
    def result(self) -> Path | None:
        """The file of the result; None if there is none yet."""
        if self.state != "done":
            return None
        return next(path for name in RESULTS if (path := self.folder / name).exists())

    @property
    def error(self) -> str:
        """Why it failed, in a sentence."""
        return (self.folder / "error.txt").read_text(encoding="utf-8")

    @property
    def progress(self) -> float:
        """How much is done, from 0 to 1, as far as that is known."""
        with suppress(OSError, ValueError):
            return float((self.folder / "progress.txt").read_text(encoding="utf-8"))
        return 0.0


class Store:
    """The jobs in a folder, for several threads and processes at once."""

    def __init__(self, root: Path):
        """Takes the folder; its parts are made if they are not there."""
        self.root = secret.folder(root)
        for name in ("drafts", *STATES):
            (root / name).mkdir(exist_ok=True)
        self._entering = threading.Lock()

    # --- ordering

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A folder for the files of a new job; what `enqueue` did not take is removed."""
        folder = self.root / "drafts" / f"{time.time_ns():016x}{secrets.token_hex(16)}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def enqueue(self, draft: Path, record: dict[str, Any], limit: int) -> Job:
        """Puts a job in line.

        Args:
            draft: the folder with its files.
            record: what is to be done.
            limit: how many may wait.

        Raises:
            Refused: as many are waiting.
        """
        write_json_whole(draft / "job.json", record)
        with self._entering:
            self.check_room(limit)
            # the time at which it is complete: a slow upload does not overtake
            name = f"{time.time_ns():016x}{draft.name[16:]}"
            _move(draft, self.root / "waiting" / name)
        return Job(name, "waiting", self.root / "waiting" / name, record)

    def check_room(self, limit: int) -> None:
        """Raises Refused if `limit` jobs are waiting."""
        if self.waiting() >= limit:
            raise Refused(_("Too many pictures are in line. Please try again in a minute."), 503)

    # --- looking

    def find(self, name: str) -> Job | None:
        """Returns a job by its name; None if there is none, or no longer."""
        if not (len(name) == 48 and set(name) <= set("0123456789abcdef")):
            return None
        for state in 2 * STATES:  # twice: it may move while we look
            folder = self.root / state / name
            with suppress(OSError):
                record = json.loads((folder / "job.json").read_text(encoding="utf-8"))
                if state == "finished":
                    state = "failed" if (folder / "error.txt").exists() else "done"
                return Job(name, state, folder, record)
        return None

    def place(self, name: str) -> int:
        """Returns how many jobs will be done before this one begins, the running one included."""
        before = sum(other < name for other in self._names("waiting"))
        return before + len(self._names("running"))

    def waiting(self) -> int:
        """Returns how many jobs are in line."""
        return len(self._names("waiting"))

    def _names(self, state):
        return sorted(path.name for path in (self.root / state).iterdir())

    # --- the worker's part

    def take(self) -> Job | None:
        """Moves the first job in line to the worker; None if there is none."""
        for name in self._names("waiting"):
            with suppress(FileNotFoundError):  # deleted by its owner at this moment
                _move(self.root / "waiting" / name, self.root / "running" / name)
                return self.find(name)
        return None

    def tell(self, job: Job, progress: float) -> None:
        """Records how much of a running job is done, from 0 to 1."""
        write_text_whole(job.folder / "progress.txt", f"{progress:.3f}")

    def finish(self, job: Job) -> None:
        """Ends a job whose result was written."""
        _move(job.folder, self.root / "finished" / job.id)

    def fail(self, job: Job, sentence: str) -> None:
        """Ends a job without a result."""
        write_text_whole(job.folder / "error.txt", sentence)
        self.finish(job)

    def recover(self) -> None:
        """Puts jobs that a killed worker left back in line; a second time they fail."""
        for name in self._names("running"):
            folder = self.root / "running" / name
            job = self.find(name)
            if job is None:
                shutil.rmtree(folder, ignore_errors=True)
            elif (folder / SMALL).exists():  # written last
                self.finish(job)
            elif (folder / "again").exists():
                self.fail(job, KILLED)
            else:
                (folder / "again").touch()
                _move(folder, self.root / "waiting" / name)

    def expire(self, hours: float, most: int) -> None:
        """Deletes old results, and what killed processes left.

        Args:
            hours: how long a result is kept after it was ordered.
            most: how many are kept; the oldest are deleted first.
        """
        names, oldest = self._names("finished"), time.time() - hours * 3600
        surplus = names[: max(0, len(names) - most)]
        for name in names:
            if name in surplus or int(name[:16], 16) < oldest * 1e9:
                self._remove(self.root / "finished" / name)
        for path in (self.root / "drafts").iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - ABANDONED:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def delete(self, job: Job) -> bool:
        """Deletes a job, unless it is running; returns whether it did."""
        if job.state == "running":
            return False
        with suppress(OSError):
            self._remove(job.folder)
            return True
        return False

    def _remove(self, folder):
        """Takes a job away at once, and then deletes its files."""
        target = self.root / "drafts" / folder.name
        _move(folder, target)
        shutil.rmtree(target, ignore_errors=True)


def _move(folder, target):
    """Renames a folder; waits a little where Windows refuses because a file in it is being read."""
    for attempt in range(20):
        try:
            folder.rename(target)
            return
        except PermissionError:
            if attempt == 19:
                raise
            time.sleep(0.05)
