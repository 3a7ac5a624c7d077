"""What the files of a run may hold, checked where they are read.

Each function raises ValueError, and says what is wrong, for content that no run writes. What is
beside the parts named here is for people, and nothing reads it.
"""

from collections.abc import Callable
from typing import Any

LARGEST = 2**53  # images and steps
WIDEST = 1e38  # values of pictures, which are float32 at most


def check_config(content: Any) -> None:
    """Checks a `config.json`: the settings by dotted key, fingerprints by name, and who trained."""
    content = _dict(content, "the file")
    config = _dict(content.get("config"), "config", _check_setting)
    for name in ("model", "preset"):
        if name in config or name == "model":
            _check(isinstance(config.get(name), str), f"config.{name}", "text")
    _dict(content.get("data", {}), "data", _check_text)
    if content.get("created") is not None:
        _dict(content["created"], "created")
    if content.get("contents") is not None:
        _dict(content["contents"], "contents", _check_text)
    for role, own in _dict(content.get("ranges", {}), "ranges").items():
        for kind, pair in _dict(own, role).items():
            _check(len(_list(pair, kind)) == 2, kind, "two numbers")
            _check_number(pair[0], kind)
            _check_number(pair[1], kind)
            _check(-WIDEST <= pair[0] < pair[1] <= WIDEST, kind, "the lower number first")
    for name in ("resumed", "longer", "backends"):
        for part in _list(content.get(name, []), name):
            _dict(part, name)


def check_metrics(row: Any) -> None:
    """Checks a line of `metrics.jsonl`: a count of images, and numbers by name."""
    for name, value in _with_images(row).items():
        _check_number(value, name)


def check_evaluation(row: Any) -> None:
    """Checks a line of `evaluations.jsonl`: a count of images, and numbers by name in `values`."""
    _dict(_with_images(row).get("values"), "values", _check_number)


def check_imported(content: Any) -> None:
    """Checks an `imported.json`: the file of each network, by name."""
    _dict(content, "the file", _check_text)


def check_progress(progress: Any, stages: int) -> None:
    """Checks what a checkpoint holds beside its arrays; `experiments.training.loop` writes it.

    Args:
        progress: the content.
        stages: how many stages the algorithm has.
    """
    progress = _with_images(progress)
    _check_count(progress.get("steps", 0), "steps")
    if progress.get("stage") is not None:
        _check_count(progress["stage"], "stage")
        _check(progress["stage"] < stages, "stage", f"0 to {stages - 1}")
    if progress.get("unreported") is not None:
        _check_count(progress["unreported"], "unreported")
    for row in _list(progress.get("pending", []), "pending"):
        _check(isinstance(row, list) and len(row) == 2, "pending", "pairs")
        _check_count(row[0], "pending")
        _dict(row[1], "pending", _check_number)
    if "best" in progress:
        best = _dict(progress["best"], "best")
        _check(isinstance(best.get("score"), str), "best.score", "text")
        _check_number(best.get("value"), "best.value")


# --- parts


def _check(right: bool, name: str, expected: str) -> None:
    if not right:
        raise ValueError(f"{name[:60]!r}: expected {expected}")


def _with_images(row: Any) -> dict[str, Any]:
    _check_count(_dict(row, "the line").get("images"), "images")
    return row


def _dict(value: Any, name: str, check: Callable[[Any, str], None] | None = None) -> dict[str, Any]:
    _check(isinstance(value, dict), name, "a JSON object")
    if check:
        for key, part in value.items():
            check(part, key)
    return value


def _list(value: Any, name: str) -> list[Any]:
    _check(isinstance(value, list), name, "a list")
    return value


def _check_text(value: Any, name: str) -> None:
    _check(isinstance(value, str), name, "text")


def _check_number(value: Any, name: str) -> None:
    _check(type(value) in (int, float), name, "a number")


def _check_count(value: Any, name: str) -> None:
    _check(type(value) is int and 0 <= value <= LARGEST, name, "a whole number from 0 up")


def _check_setting(value: Any, name: str) -> None:
    for part in value if isinstance(value, list) else [value]:
        _check(part is None or type(part) in (bool, int, float, str), name, "a value or a list")
