"""Models that take no time, and a site with them; as a program, it serves the site."""

import os
import time
from pathlib import Path

import numpy as np

from core.errors import InputError
from web.options import Options
from web.registry import Entry, Registry
from web.service import Service

SLOW, BROKEN, UNFORESEEN = (1, 0, 0), (2, 0, 0), (3, 0, 0)  # colours of contents


class FakeRun:
    """Results have the content's size, and its colour plus a third of the style's."""

    def stylize(self, content, styles, *, alpha=1.0, style_weights=None, colours="style"):
        colour = tuple(content[0, 0])
        if colour == SLOW:
            time.sleep(30)
        if colour == BROKEN:
            raise InputError("content: 16 pixels are too few for this network.")
        if colour == UNFORESEEN:
            raise RuntimeError("/home/somebody/secret.py")
        shares = np.ones(len(styles)) if style_weights is None else np.asarray(style_weights)
        shares = shares / shares.sum()
        means = [style if np.isscalar(style) else style.mean((0, 1)) for style in styles]
        style = sum(share * mean for share, mean in zip(shares, means, strict=True))
        return (content + alpha * style / 3).astype(np.uint8)

    def translate(self, picture, direction):
        return 255 - picture if direction == "AtoB" else picture

    def sample(self, seeds, **options):
        return np.stack([np.full((16, 16, 3), seed % 256, np.uint8) for seed in seeds])


class LearnedRun(FakeRun):
    def stylize(self, content, styles, **controls):
        return super().stylize(content, [60 * style for style in styles], **controls)


def make_site(state: Path, **options) -> Service:
    """A site with a model of each kind; `site.opened` lists what was loaded."""
    site = Service(Options(state=state, **options))
    site.opened = []

    def entry(name, kind, run=FakeRun, **details):
        def opened():
            site.opened.append(name)
            return run()

        return Entry(name, name, kind, opened, **details)

    entries = [
        entry("any", "any"),
        entry("other", "any"),
        entry("learned", "learned", LearnedRun, styles=("first", "second", "세번째")),
        entry("seasons", "translate", directions=("AtoB", "BtoA")),
        entry("faces", "sample"),
    ]
    site.registry = Registry(lambda: {e.name: e for e in entries}, site.options.models)
    return site


def main() -> None:
    """Serves on a free port, which is written into the file that PORT names."""
    import waitress

    from web import service
    from web.options import from_environment

    given = from_environment()
    site = make_site(given.state, rate=0, upload_mb=given.upload_mb)
    service.use(site)
    from web.wsgi import application

    server = waitress.create_server(application, host="127.0.0.1", port=0, threads=8)
    place = Path(os.environ["PORT"])
    place.with_suffix(".new").write_text(str(server.effective_port))
    place.with_suffix(".new").rename(place)
    server.run()


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "web.settings"
    main()
