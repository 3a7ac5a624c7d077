"""Checks, before the work, which files are read and whether results can be written."""

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import InputError
from core.files import file_id
from core.names import plain_name, short_name
from core.paths import user_path
from experiments.data import junk, pictures


def inputs(
    flag: str, source: str, say: Callable[[str], None] | None = None
) -> tuple[list[Path], Path]:
    """Returns the pictures that a flag names, and the folder they are in.

    Args:
        flag: the flag, such as "--input", for messages.
        source: the path of a picture or of a folder of pictures.
        say: takes a line on what looks like a picture in a folder and is passed over.

    Raises:
        InputError: it does not exist, or is a folder without pictures.
    """
    root = user_path(source, flag)
    if not root.exists():
        raise InputError(f"{flag}={source}: does not exist. Give a picture or a folder of them.")
    files = pictures.find(root) if root.is_dir() else [root]
    other = pictures.passed_over(root) if root.is_dir() and (say or not files) else ""
    if not files:
        raise InputError(f"{flag}={source}: no pictures in this folder. {other}".strip())
    if other and say:
        say(other)
    return files, root if root.is_dir() else root.parent


def inside(path: str | Path, folder: Path) -> Path | None:
    """Returns a path as one that begins with `folder`, if it is below it, whatever links say."""
    whole, above = Path(path).expanduser().resolve(), folder.expanduser().resolve()
    return folder / whole.relative_to(above) if above in whole.parents else None


def names(files: list[Path], root: Path) -> list[Path]:
    """Returns the names of results, below a folder: `<stem>.png` in the same subfolder.

    If two results had the same name, each gets the whole name of its file: `<name>.png`. Names that
    would be too long are shortened.

    Args:
        files: the files that the results are made from.
        root: a folder that all of them are in.
    """
    inner = [path.relative_to(root) for path in files]
    short = [path.with_name(short_name(path.stem, ".png")) for path in inner]
    whole = [path.with_name(short_name(path.name, ".png")) for path in inner]
    counts = Counter(short)
    mixed = [s if counts[s] == 1 else w for s, w in zip(short, whole, strict=True)]
    return mixed if len(set(mixed)) == len(mixed) else whole


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


def check_folder(output: str, sources: Sequence[str] = ()) -> None:
    """Makes the output folder and checks that files can be written there.

    Args:
        output: the folder.
        sources: folders whose pictures are read. A new folder inside one of them is marked as one
            of results, so that these are not among the pictures the next time.

    Raises:
        InputError: they cannot be written.
    """
    folder = user_path(output)
    new = not folder.exists()
    probe = folder / f".{uuid.uuid4().hex}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"probe")
        probe.unlink()
        if new and any(inside(folder, Path(source)) for source in sources):
            mark_results(folder)
    except OSError as error:
        raise InputError(
            f"--output={output}: Cannot write there: {error}. Give a folder that can be written to."
        ) from error


def mark_results(folder: Path) -> None:
    """Says of a folder, in a hidden file, that what is in it is no data."""
    (folder / junk.RESULTS).write_text(
        "Results: no part of the pictures around them.\n", encoding="utf-8"
    )


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
    path = user_path(output)
    if path.is_dir() or not path.suffix:
        path = path / short_name(plain_name(name), suffixes[0])
    elif path.suffix.lower() not in suffixes:
        kinds = " or ".join(suffix[1:].upper() for suffix in suffixes)
        raise InputError(
            f"--output={output}: this is written as {kinds}. Give a name that ends in "
            f"{' or '.join(suffixes)}, or a folder."
        )
    check_folder(str(path.parent))
    return path
