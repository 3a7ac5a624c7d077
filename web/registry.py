"""The models of the site: which there are, by name, and those that are in memory."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import InputError
from experiments.model import Run

FRESH = 10  # seconds for which a list of the runs is used


@dataclass(frozen=True)
class Entry:
    """A model that the site offers.

    Attributes:
        name: as it stands in addresses.
        title: as people read it.
        kind: "any" (takes any style), "learned", "translate" or "sample".
        open: returns the run with its weights.
        styles: names of the learned styles.
        style_size: shorter side in pixels to which styles are resized.
        directions: of a translation.
        mixes: whether a generator has styles.
        about: one line about the model.
        version: changes when the weights do.
    """

    name: str
    title: str
    kind: str
    open: Callable[[], Run]
    styles: tuple[str, ...] = ()
    style_size: int = 512
    directions: tuple[str, ...] = ()
    mixes: bool = False
    about: str = ""
    version: str = ""


class Registry:
    """Finds models and keeps the last used of them in memory."""

    def __init__(self, find: Callable[[], dict[str, Entry]], limit: int):
        """Takes a function that returns the models by name, and how many may be in memory."""
        self._find, self._limit = find, limit
        self._found: dict[str, Entry] = {}
        self._looked = 0.0
        self._looking, self._loading = threading.Lock(), threading.Lock()
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def entries(self) -> dict[str, Entry]:
        """Returns the models by name; new runs are found within seconds."""
        with self._looking:
            if not self._looked or time.monotonic() - self._looked > FRESH:
                self._found, self._looked = self._find(), time.monotonic()
            return self._found

    def entry(self, name: str) -> Entry:
        """Returns a model by name.

        Raises:
            KeyError: there is none.
        """
        return self.entries()[name]

    def default(self, kind: str) -> Entry | None:
        """Returns the first model of a kind; None if there is none."""
        return next((entry for entry in self.entries().values() if entry.kind == kind), None)

    def run(self, name: str) -> Run:
        """Returns the run of a model, which is loaded if it is not in memory.

        Raises:
            InputError: it is gone, or cannot be loaded.
        """
        with self._loading:
            if name not in self._runs:
                if name not in self.entries():
                    raise InputError(f"{name}: this model is no longer there.")
                while len(self._runs) >= self._limit:
                    self._runs.popitem(last=False)
                self._runs[name] = self.entries()[name].open()
            self._runs.move_to_end(name)
            return self._runs[name]
