"""Where JAX keeps what it has compiled, so that the next process need not compile it again."""

import hashlib
import importlib.util
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

import jax

LARGEST = 2 * 2**30  # bytes of all kept files; the ones unused for longest go


def keep_compiled() -> None:
    """Lets JAX keep compiled functions that took a second or more in `folder()`.

    A function is found again by its whole program, the compiler's options and the versions of JAX
    and XLA, so results are the same bits as without. Nothing is done where the user has chosen by
    JAX's own settings (`JAX_COMPILATION_CACHE_DIR`, or `JAX_ENABLE_COMPILATION_CACHE=false`, which
    turns it off), or where the folder cannot be made.
    """
    if getattr(jax.config, "jax_compilation_cache_dir", "") is not None:
        return
    wanted = getattr(jax.config, "jax_enable_compilation_cache", False)
    if not wanted or not importlib.util.find_spec("filelock"):
        return  # without filelock, JAX cannot keep to a size
    with suppress(OSError, RuntimeError, AttributeError):  # no home; a JAX without such a setting
        place = folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(place, os.W_OK):
            jax.config.update("jax_compilation_cache_max_size", LARGEST)
            jax.config.update("jax_compilation_cache_dir", str(place))


def folder() -> Path:
    """The folder for this kind of processor, below the user's folder of caches.

    JAX does not tell processors apart, whose instructions differ; a home may be shared by several.
    """
    return _caches() / "style-transfer-and-image-gans" / "jax" / _processor()


def _caches():
    """The system's folder for what can be made again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _processor():
    """A short name that processors with the same instructions share."""
    text = f"{platform.machine()} {platform.processor()}"
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        known = ("model name", "flags", "Features")  # the last is ARM's
        text += "".join(sorted({line for line in lines if line.startswith(known)}))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
