"""What can be set about the site: read from the environment, which `python -m web` fills."""

import os
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.paths import user_path

PREFIX = "STYLE_WEB_"


def state_folder() -> Path:
    """Returns where this user's programs keep what they need between runs."""
    name, home = "style-transfer-web", Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local")) / name
    if sys.platform == "darwin":
        return home / "Library/Application Support" / name
    return Path(os.environ.get("XDG_STATE_HOME") or home / ".local/state") / name


@dataclass(frozen=True)
class Options:
    """The settings of the site.

    Attributes:
        runs: folder of the trained runs that are offered.
        state: folder of the secret key, the queue and the results.
        hosts: further names that the site is called by, beside localhost.
        proxies: how many servers stand in front, whose X-Forwarded-For is believed.
        max_queue: jobs that may wait.
        hours: how long a result is kept.
        max_kept: results that are kept at most; the oldest goes first.
        upload_mb: megabytes (10**6 bytes) of one picture.
        megapixels: millions of pixels of one picture.
        max_side: the longer side of a result at most, in pixels.
        max_styles: style pictures in one request.
        models: models in memory at a time.
        rate: jobs that one address may order a minute; 0 for any number.
    """

    runs: Path = Path("runs")
    state: Path = field(default_factory=state_folder)
    hosts: tuple[str, ...] = ()
    proxies: int = 0
    max_queue: int = 50
    hours: float = 24.0
    max_kept: int = 2000
    upload_mb: float = 20.0
    megapixels: float = 40.0
    max_side: int = 2048
    max_styles: int = 4
    models: int = 2
    rate: int = 30

    def __post_init__(self):
        smallest = {"max_side": 64, "proxies": 0, "rate": 0}
        for name in ("max_queue", "max_kept", "max_side", "max_styles", "models"):
            _check(name, getattr(self, name), smallest.get(name, 1))
        for name in ("proxies", "rate"):
            _check(name, getattr(self, name), smallest[name])
        for name in ("hours", "upload_mb", "megapixels"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}={getattr(self, name)}: expected a number above 0.")

    @property
    def upload_bytes(self) -> int:
        """Bytes of one picture at most."""
        return int(self.upload_mb * 10**6)

    @property
    def request_bytes(self) -> int:
        """Bytes of a whole request at most: a content, all styles, and the other fields."""
        return self.upload_bytes * (1 + self.max_styles) + 10**6


def _check(name, value, smallest):
    if value < smallest:
        raise InputError(f"{name}={value}: expected {smallest} or more.")


def from_environment(environment: Any = os.environ) -> Options:
    """Returns the options that variables such as STYLE_WEB_MAX_QUEUE give; the rest has defaults.

    Raises:
        InputError: a value is no number, or is out of range.
    """
    given = {}
    for option in fields(Options):
        text = environment.get(PREFIX + option.name.upper(), "")
        if text:
            given[option.name] = _parse(option.name, option.type, text)
    return Options(**given)


def _parse(name, kind, text):
    if kind is Path:
        return user_path(text, f"{PREFIX}{name.upper()}").absolute()
    if kind is int or kind is float:
        try:
            return kind(text)
        except ValueError:
            raise InputError(f"{PREFIX}{name.upper()}={text}: expected a number.") from None
    return tuple(part.strip() for part in text.split(",") if part.strip())
