"""The parts of the site that live as long as its process: options, queue, models, worker."""

import threading
from dataclasses import dataclass
from functools import cached_property

from experiments.data import photos, pictures
from web.jobs import Store
from web.options import Options, from_environment
from web.previews import Previews
from web.rate import Rate
from web.registry import Registry
from web.worker import Worker


@dataclass
class Service:
    """The site of one process.

    Attributes:
        options: the settings.
    """

    options: Options

    @cached_property
    def store(self) -> Store:
        """The queue and the results."""
        return Store(self.options.state / "jobs")

    @cached_property
    def registry(self) -> Registry:
        """The models."""
        from web.found import finder

        return Registry(finder(self.options.runs), self.options.models)

    @cached_property
    def rate(self) -> Rate:
        """How much each address has ordered."""
        return Rate(self.options.rate)

    @cached_property
    def previews(self) -> Previews:
        """Pictures of learned styles."""
        return Previews(self.options.state / "previews", self.registry)

    @cached_property
    def worker(self) -> Worker:
        """The worker; of all processes of the site, one works."""
        return Worker(self.store, self.registry, self.previews, self.options)

    def warm(self) -> None:
        """Loads the model of the first page, so that the first visitor need not wait for it."""
        entry = self.registry.default("any") or next(iter(self.registry.entries().values()), None)
        if entry is None:
            return
        run = self.registry.run(entry.name)
        if entry.kind == "any":  # the first call compiles
            content, style = (pictures.fit_side(photos.read(n), 128) for n in ("coffee", "grass"))
            run.stylize(content, [style])


_current: Service | None = None
_making = threading.Lock()


def service() -> Service:
    """Returns the site of this process."""
    global _current
    with _making:
        if _current is None:
            _current = Service(from_environment())
        return _current


def use(site: Service | None) -> None:
    """Replaces the site of this process; None for what the environment says."""
    global _current
    _current = site
