"""Says what in a folder is no data: what systems leave there, and what runs of ours wrote."""

from collections.abc import Collection

# as macOS, NAS systems (Synology, QNAP), Windows, ext4 and Python call them
FOLDERS = {
    *("__macosx", "@eadir", "@synoresource", "@tmp", "@sharebin", "#recycle", "#snapshot"),
    *("@recycle", "@recently-snapshot", "$recycle.bin", "recycler", "system volume information"),
    *("lost+found", "__pycache__"),
}
RUN_PARTS = ("checkpoints", "metrics.jsonl", "lock")  # one of them lies beside the config.json
RESULTS = ".results"  # a file that marks a folder of results inside a data set


def is_junk(name: str) -> bool:
    """Returns whether a file or a folder of this name is passed over: it is hidden, or is made by
    a system for itself, whose pictures (such as a NAS's previews) are no data."""
    return name.startswith(".") or name.casefold() in FOLDERS


def is_own(folders: Collection[str], files: Collection[str]) -> bool:
    """Returns whether a folder is the directory of a run, or marked as one of results.

    A run that writes inside its own data set must not become its data.

    Args:
        folders: the names of the folders in it.
        files: the names of the files in it.
    """
    run = "config.json" in files and any(part in folders or part in files for part in RUN_PARTS)
    return run or RESULTS in files
