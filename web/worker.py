"""The one worker of the site: a thread that carries out jobs in the order of the queue.

Several processes may serve the site. The one that holds the lock file works; when it ends, another
one takes over.
"""

import os
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial

from django.utils.translation import gettext_noop
from filelock import FileLock, Timeout
from PIL import Image

from core.errors import InputError
from core.files import write_whole
from experiments.data import pictures
from web import uploads
from web.jobs import RESULTS, SMALL, Job, Store
from web.kinds import KINDS
from web.options import Options
from web.previews import Previews
from web.registry import Registry

LOOK = 0.5  # seconds between looks at the queue, which other processes fill
EXPIRE = 60.0
SMALL_SIDE = 256
MEMORY = gettext_noop("There was not enough memory for this picture. Choose a smaller size.")
UNFORESEEN = gettext_noop("Something went wrong that we did not foresee. The server has logged it.")


class Worker:
    """Carries out the jobs of a store."""

    def __init__(self, store: Store, registry: Registry, previews: Previews, options: Options):
        self.store, self.registry, self.options = store, registry, options
        self.previews = previews
        self._lock = FileLock(store.root / "worker.lock", thread_local=False)
        self._awake, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._expired = -EXPIRE

    def start(self, warm: Callable[[], None] = lambda: None) -> None:
        """Starts the thread, unless this process has it already.

        Args:
            warm: called when this process becomes the one that works, before the first job.
        """
        if self._process == os.getpid():
            return
        self._process = os.getpid()  # a process that was forked has none of the threads
        self._thread = threading.Thread(target=self._serve, args=(warm,), daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Says that there is a new job."""
        self._awake.set()

    def stop(self) -> None:
        """Ends the thread after the job that it is at."""
        self._stopped.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join()
        self._process = 0

    def _serve(self, warm):
        while not self._stopped.is_set():
            try:
                with self._lock.acquire(timeout=0):
                    self.store.recover()
                    self._attempt(warm)
                    while not self._stopped.is_set():
                        self._attempt(self.turn)
            except Timeout:
                self._stopped.wait(LOOK)

    def _attempt(self, do):
        """Does something; the worker goes on whatever happens, such as a full disk."""
        try:
            do()
        except Exception:
            traceback.print_exc()
            self._stopped.wait(LOOK)

    def turn(self) -> None:
        """Carries out the next job, or waits a moment for one."""
        if time.monotonic() - self._expired > EXPIRE:
            self.store.expire(self.options.hours, self.options.max_kept)
            self._expired = time.monotonic()
        self._awake.clear()
        job = self.store.take()
        if job is not None:
            self.do(job)
        elif not self.previews.make_one():
            self._awake.wait(LOOK)

    def do(self, job: Job) -> None:
        """Carries out a job; whatever happens, it ends as done or failed."""
        tell = partial(self.store.tell, job)
        try:
            run = self.registry.run(job.record["model"])
            tell(0.2)
            KINDS[job.record["kind"]].work(run, job.folder, job.record["values"], tell)
            _write_small(job.folder)
        except InputError as error:
            self.store.fail(job, str(error))
        except MemoryError:
            self.store.fail(job, MEMORY)
        except Exception as error:
            traceback.print_exc()
            out_of_memory = "ResourceExhausted" in type(error).__name__
            self.store.fail(job, MEMORY if out_of_memory else UNFORESEEN)
        else:
            self.store.finish(job)


def _write_small(folder):
    """Writes the result, or its first frame, as a small picture for the gallery."""
    (result,) = (folder / name for name in RESULTS if (folder / name).exists())
    picture = uploads.limited(pictures.read(result), SMALL_SIDE)
    for path in folder.glob("style*.png"):
        path.unlink()  # not needed any more
    write_whole(folder / SMALL, lambda file: Image.fromarray(picture).save(file, "JPEG"))
