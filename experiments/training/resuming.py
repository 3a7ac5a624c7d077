"""What may differ when a run goes on: where its data lies, how long it is, on which library.

Settings that say where something lies are judged by the fingerprints that a run stores beside its
configuration: data, styles and weights that moved are the same data, styles and weights.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.errors import InputError
from experiments.training.config import RunConfig, changed_line

Leaves = Mapping[str, Any]  # the values of a configuration by dotted key
Changed = Mapping[str, tuple[Any, Any]]  # the values before and after of settings that changed

LENGTH = ("epochs", "images")
# settings with the names of pictures, each of which has a fingerprint under its name
FILES = ("algorithm.style", "data.content", "data.style", "data.mask")
# settings with one place, and the name of its fingerprint
SINGLE = {
    "algorithm.weights": "weights",
    "algorithm.base": "algorithm.base",
    "algorithm.teacher": "source",
    "algorithm.encoder_from": "source",
    "start_from": "start_from",
}
PLACES = ("data.dataset", *FILES, *SINGLE)
OWN_DATA = ("folder:", "zip:")


@dataclass(frozen=True)
class Facts:
    """What is known of a training when its data and its weights are there.

    Attributes:
        data: fingerprints of the training data and of pretrained weights by name.
        contents: returns digests of some files of the training data by role.
        ranges: returns the values of black and white of the training data by role and kind of
            values, see `experiments.data.ranges`.
        epoch: images in an epoch of the data set.
        schedule: `(length before, length now, images seen) -> words`: what becomes of schedules
            that depend on the length.
    """

    data: Mapping[str, str]
    contents: Callable[[], dict[str, str]] = dict
    ranges: Callable[[], Mapping[str, Any]] = dict
    epoch: int = 1
    schedule: Callable[[int, int, int], str] = lambda before, now, seen: ""


def judged_later(key: str, before: Leaves, after: Leaves, data: Mapping[str, str]) -> bool:
    """Returns whether a setting that changed is judged by `judge`, when the facts are there.

    That is so for the length, and for places whose fingerprints the run has stored.

    Args:
        key: the dotted key.
        before, after: the configuration of the run, and the one that came.
        data: the fingerprints of the run.
    """
    if key in LENGTH:
        return True
    if key == "data.dataset":
        return bool(data) and all(_own_data(leaves.get(key)) for leaves in (before, after))
    if key in FILES:
        old, new = (_names(leaves.get(key)) for leaves in (before, after))
        return len(old) == len(new) and all(name in data for name in old)
    return SINGLE.get(key) in data


def judge(
    path: Any, config: RunConfig, before: dict, changed: Changed, images: int, facts: Facts
) -> tuple[dict[str, Any], list[str]]:
    """Returns what `config.json` has to record of the changes, and lines that say them.

    Args:
        path: the run directory, for messages.
        config: the configuration that came.
        before: the content of `config.json` so far.
        changed: the settings that changed; all of them may, as far as the facts agree.
        images: the images seen so far.
        facts: of the training that goes on.

    Raises:
        InputError: data, styles or weights are others, or the training would be shorter.
    """
    places = {key: pair for key, pair in changed.items() if key in PLACES}
    data = _moved(before, changed)
    if before.get("data") and data != facts.data:
        then = {name: digest for name, digest in data.items() if facts.data.get(name) != digest}
        now = {name: digest for name, digest in facts.data.items() if data.get(name) != digest}
        if places:
            raise differs(path, changed, f"({then} then, {now} now.)")
        raise InputError(
            f"--run_dir={path}: the data set has changed since this run began ({then} then, {now} "
            "now). Restore it, or give another --run_dir."
        )
    known = before.get("contents") or {}
    if "data.dataset" in places and known and known != facts.contents():
        raise differs(path, changed, "(The files there have the same names and are others.)")
    lines = [f"{changed_line(k, *pair)}: the same by its fingerprint" for k, pair in places.items()]
    record = {"contents": known or facts.contents()}
    for key, found in (
        ("longer", _longer(path, config, changed, images, facts)),
        ("backends", _other_backend(changed, images)),
    ):
        if found:
            record[key] = [*before.get(key, []), found[0]]
            lines.append(found[1])
    return record, lines


def differs(path: Any, changed: Changed, advice: str = "") -> InputError:
    """Returns the error for a run that was made with another configuration."""
    if "backend" in changed and not advice:
        advice = (
            "--other_backend goes on with it; its bits will then differ from those of a run on one "
            "backend."
        )
    lines = [changed_line(key, *pair) for key, pair in changed.items()]
    lines += [advice] if advice else []
    lines.append("Give the old values to go on with it, or another --run_dir for a new run.")
    return InputError(f"--run_dir={path} was made with another configuration:", lines=lines)


def _moved(before, changed):
    """Returns the fingerprints of a run under the names that they have with the new settings."""
    config, data = before["config"], before.get("data") or {}
    pairs = []
    for key in FILES:
        old = _names(config.get(key, ()))
        new = _names(changed[key][1]) if key in changed else old
        pairs += [(a, b) for a, b in zip(old, new, strict=False) if a in data]
    rest = {name: digest for name, digest in data.items() if name not in dict(pairs)}
    return rest | {b: data[a] for a, b in pairs}


def _longer(path, config, changed, images, facts):
    """Returns the record and the line of a training that became longer; None if it did not."""
    if not changed.keys() & set(LENGTH):
        return None
    own = {key: getattr(config, key) for key in LENGTH}
    own |= {key: changed[key][0] for key in LENGTH if key in changed}
    new = config.budget(facts.epoch)
    try:
        old = replace(config, **own).budget(facts.epoch)
    except (TypeError, ValueError) as error:  # a damaged config.json
        raise differs(path, changed) from error
    if new <= old:
        raise differs(path, changed, f"({new:,} images in place of {old:,}: it can become longer.)")
    words = facts.schedule(old, new, images)
    record = {"from": old, "to": new, "after": images, "schedule": words, "date": _now()}
    return record, f"longer: {new:,} images in place of {old:,}, {images:,} are seen. {words}"


def _other_backend(changed, images):
    """Returns the record and the line of a run that changed its backend; None if it did not."""
    if "backend" not in changed:
        return None
    old, new = changed["backend"]
    return {"from": old, "to": new, "after": images, "date": _now()}, (
        f"backend: {old} -> {new} after {images:,} images: the bits will differ from those of a "
        "run on one backend"
    )


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _own_data(name):
    """Returns whether a data set's name gives folders or archives alone."""
    return isinstance(name, str) and all(part.startswith(OWN_DATA) for part in name.split(","))


def _names(value):
    """Returns the names in a setting, text or a list of texts; none in anything else."""
    names = value if isinstance(value, (list, tuple)) else [value]
    return list(names) if all(isinstance(name, str) for name in names) else []
