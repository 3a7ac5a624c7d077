"""Checks, before the work, which files are read and whether results can be written."""

import uuid
from collections import Counter
from pathlib import Path

from core.errors import InputError
from experiments.data import pictures


def inputs(flag: str, source: str) -> tuple[list[Path], Path]:
    """Returns the pictures that a flag names, and the folder they are in.

    Args:
        flag: the flag, such as "--input", for messages.
        source: the path of a picture or of a folder of pictures.

    Raises:
        InputError: it does not exist, or is a folder without pictures.
    """
    root = Path(source).expanduser()
    if not root.exists():
        raise InputError(f"{flag}={source}: does not exist. Give a picture or a folder of them.")
    files = pictures.find(root) if root.is_dir() else [root]
    if not files:
        raise InputError(f"{flag}={source}: no pictures in this folder.")
    return files, root if root.is_dir() else root.parent


def names(files: list[Path], root: Path) -> list[Path]:
    """Returns the names of results, below a folder: `<stem>.png` in the same subfolder.

    If two results had the same name, each gets the whole name of its file: `<name>.png`.

    Args:
        files: the files that the results are made from.
        root: a folder that all of them are in.
    """
    short = [path.relative_to(root).with_suffix(".png") for path in files]
    whole = [path.relative_to(root).with_name(f"{path.name}.png") for path in files]
    counts = Counter(short)
    mixed = [s if counts[s] == 1 else w for s, w in zip(short, whole, strict=True)]
    return mixed if len(set(mixed)) == len(mixed) else whole


def file_id(path: Path) -> tuple[int, int] | None:
    """Returns an id that all paths of one file share, whatever links or case they use.

    It is None for a file that does not exist.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def check_overwrites(output: str, targets: list[Path], originals: list[Path]) -> None:
    """Raises InputError if a result would overwrite a picture that is read.

    Args:
        output: the value of `--output`, for the message.
        targets: the files that results are written to.
        originals: the files that are read.
    """
    own = {file_id(path) for path in originals} - {None}
    for target in targets:
        if file_id(target) in own:
            raise InputError(f"--output={output}: would overwrite {target}; give another folder.")


def check_folder(output: str) -> None:
    """Makes the output folder and checks that files can be written there.

    Raises:
        InputError: they cannot be written.
    """
    folder = Path(output).expanduser()
    probe = folder / f".{uuid.uuid4().hex}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"probe")
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"--output={output}: Cannot write there: {error}. Give a folder that can be written to."
        ) from error


def output_file(output: str, name: str, suffixes: tuple[str, ...] = (".png",)) -> Path:
    """Returns the path for a single result, after checking that it can be written.

    Args:
        output: the value of `--output`: a file, or a folder, in which the result is called `name`
            with the first of the suffixes.
        name: the name of the result without suffix.
        suffixes: the suffixes that the file may have.

    Raises:
        InputError: the file has another suffix, or cannot be written.
    """
    path = Path(output).expanduser()
    if path.is_dir() or not path.suffix:
        path = path / f"{name}{suffixes[0]}"
    elif path.suffix.lower() not in suffixes:
        kinds = " or ".join(suffix[1:].upper() for suffix in suffixes)
        raise InputError(
            f"--output={output}: this is written as {kinds}. Give a name that ends in "
            f"{' or '.join(suffixes)}, or a folder."
        )
    check_folder(str(path.parent))
    return path
