"""Finds the published files that metrics need, or downloads them once, and checks their digest."""

from pathlib import Path
from typing import NamedTuple

import keras

from core.errors import InputError
from core.files import sha256
from core.paths import keras_folder, user_path


class File(NamedTuple):
    """A published file.

    Attributes:
        name: its file name.
        url: where it can be downloaded.
        sha256: its checksum, or only the first digits, which many authors put into the file name;
            empty where the authors publish none.
    """

    name: str
    url: str
    sha256: str


_FID = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
_FOLDER = "metrics"  # of Keras' folder of downloads
_TORCH = "https://download.pytorch.org/models/"
_LPIPS = "https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/"
_ART = "https://huggingface.co/matthias-wright/art_inception/resolve/main/"


def _named(folder: str, name: str, sha256: str = "") -> File:
    return File(name, folder + name, sha256 or Path(name).stem.rpartition("-")[2])


# http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz for PyTorch
INCEPTION = _named(_FID, "pt_inception-2015-12-05-6726825d.pth")
ART_INCEPTION = File("art_inception.pth", f"{_ART}art_inception.pth", "")
ALEXNET = _named(_TORCH, "alexnet-owt-7be5be79.pth")
VGG16 = _named(_TORCH, "vgg16-397923af.pth")
LPIPS_ALEX = File(
    "lpips_alex.pth",
    f"{_LPIPS}alex.pth",
    "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
)
LPIPS_VGG = File(
    "lpips_vgg.pth",
    f"{_LPIPS}vgg.pth",
    "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
)


def find(file: File, folder: str | Path | None = None) -> Path:
    """Returns the path of a published file, after downloading it if need be and checking it.

    Args:
        file: the published file.
        folder: the folder that has it under its own name; None for Keras' folder of downloads, to
            which it is downloaded once.

    Raises:
        InputError: it is not there, could not be downloaded, is damaged, or is a different file.
    """
    path = user_path(folder) / file.name if folder else _download(file)
    if not path.exists():
        raise InputError(
            f"{path}: no such file. Copy it there from {file.url}, or leave the folder out and go "
            "online once."
        )
    digest = sha256(path)
    if not digest.startswith(file.sha256):
        raise InputError(
            f"{path}: its SHA-256 begins {digest[:8]}, that of {file.name} begins "
            f"{file.sha256[:8]}: another or a damaged file. Delete it and copy it from {file.url}."
        )
    return path


def downloaded(file: File) -> Path | None:
    """Returns the path of the copy that `find` downloaded before; None where there is none."""
    path = Path(keras_folder(), _FOLDER, file.name)
    return path if path.is_file() else None


def _download(file: File) -> Path:
    """Returns the path of Keras' copy of a file, downloaded if it is missing or damaged.

    Keras checks a file whose whole checksum is known; `find` checks the others.
    """
    checksum = file.sha256 if len(file.sha256) == 64 else None
    try:
        path = keras.utils.get_file(
            file.name, file.url, cache_subdir=_FOLDER, file_hash=checksum, hash_algorithm="sha256"
        )
    except Exception as error:  # Keras raises a plain Exception when a download fails
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise InputError(
            f"{file.name} could not be downloaded ({reason}). Go online once; or copy it from "
            f"{file.url} into a folder and give that; or take a metric that needs no download, "
            "such as fd_hed5k or another with hed in its name."
        ) from error
    return Path(path)
