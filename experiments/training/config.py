"""Run configurations: frozen dataclasses, overridden by `--set key=value`, stored as JSON."""

import dataclasses
import math
import typing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from core.bounds import Batch, Count, Epochs, Kept, check_bounds
from core.errors import InputError
from core.names import nearest, short
from core.picture_size import Size, parse
from experiments.data.config import DataConfig

Config = TypeVar("Config")  # a frozen dataclass
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# settings that may change when a run goes on: what is learned does not depend on them
CADENCE = (
    *("log_every", "sample_every", "eval_every", "checkpoint_every", "keep", "eval_images"),
    *("metrics", "metrics_every", "metrics_weights", "best", "data.threads"),
)


@dataclass(frozen=True)
class RunConfig:
    """All that a run depends on. Lengths and intervals are counts of images of each domain."""

    model: str
    preset: str
    algorithm: Any  # of the model, see gan/<model>/config.py or nst/<model>/config.py
    data: Any = field(default_factory=DataConfig)  # or a PictureConfig, for one that is optimised
    batch_size: Batch = 1
    epochs: Epochs = 0.0  # length of training in epochs of the data set
    images: Count = 0  # length of training in images; exactly one of the two is above 0
    seed: Count = 0
    backend: str = "tensorflow"  # tensorflow | jax
    precision: str = "float32"  # float32 | mixed_bfloat16 | mixed_float16
    xla: bool = False  # compile the step with XLA on TensorFlow (JAX always does)
    # whether the same command on the same machine gives the same bits. False is faster on a GPU,
    # but an interrupted run then ends with other bits than one that was not interrupted
    deterministic: bool = True
    log_every: Count = 100
    sample_every: Count = 1000
    eval_every: Count = 5000
    eval_images: Kept = 100  # how many test images of each domain are scored
    checkpoint_every: Count = 1000
    keep: Count = 2  # how many checkpoints are kept
    metrics: tuple[str, ...] = ()  # such as fd_hed5k, see experiments/metrics/protocols.py
    metrics_every: Count = 0  # 0 takes them only when training ends
    metrics_weights: str = ""  # folder of the published networks; empty to download them
    best: str = ""  # score whose best checkpoint is kept: a metric's, or one of the model's own
    start_from: str = ""  # a run of the model whose networks training begins with

    def __post_init__(self):
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision={self.precision!r}: expected one of {', '.join(PRECISIONS)}"
            )
        if (self.epochs > 0) == (self.images > 0) or self.epochs == math.inf:
            raise ValueError(
                f"epochs={self.epochs}, images={self.images}: expected one of them above 0"
            )
        for key in (
            "batch_size",
            "log_every",
            "sample_every",
            "eval_every",
            "eval_images",
            "checkpoint_every",
            "keep",
        ):
            if getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: expected 1 or more")
        if self.metrics_every < 0 or (self.metrics_every and not self.metrics):
            raise ValueError(
                f"metrics_every={self.metrics_every}: expected 0 (at the end), or more with "
                "metrics such as fd_hed5k"
            )
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed={self.seed}: expected 0 to {2**31 - 1}")
        check_bounds(self)

    def budget(self, epoch: int) -> int:
        """Returns the length of training in images, a multiple of the batch size.

        Args:
            epoch: how many images an epoch of the data set has.

        Raises:
            InputError: it is more than can be counted.
        """
        images = self.images or round(self.epochs * epoch)
        if images >= 2**31:
            raise InputError(f"epochs={self.epochs:g}: {images:,} images, expected below 2**31.")
        return max(1, -(-images // self.batch_size)) * self.batch_size


def flatten(config: Any) -> dict[str, Any]:
    """Returns every leaf of a nested dataclass by dotted key: `{"data.size": 64, …}`."""
    leaves: dict[str, Any] = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            leaves |= {f"{f.name}.{key}": leaf for key, leaf in flatten(value).items()}
        else:
            leaves[f.name] = value
    return leaves


def defaults(config: Any) -> dict[str, Any]:
    """Returns the defaults of all leaves that have one, by dotted key.

    A stored configuration that is older than a leaf stands for its default.
    """
    leaves: dict[str, Any] = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            leaves |= {f"{f.name}.{key}": leaf for key, leaf in defaults(value).items()}
        elif f.default is not dataclasses.MISSING:
            leaves[f.name] = f.default
    return leaves


def override(config: Config, changes: dict[str, Any]) -> Config:
    """Returns a copy of `config` in which some leaves are changed.

    Args:
        config: a frozen dataclass.
        changes: new values by dotted key; text is converted to the type of the leaf.

    Raises:
        InputError: a key is unknown (the message names the nearest one), or a value has the wrong
            type or is out of range.
    """
    known = flatten(config)
    for key in changes:
        if key not in known:
            raise InputError(f"--set {key}: no such key. {_nearest(key, known)}")
    try:
        return _replace(config, changes)
    except ValueError as error:
        raise InputError(f"configuration: {short(error, 600)}") from error


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """Returns the values of `--set`, `["data.size=64", …]`, as `{"data.size": "64", …}`.

    Raises:
        InputError: an entry has no `=`.
    """
    changes = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"--set {assignment}: expected key=value, such as --set data.fit=crop")
        changes[key.strip()] = value.strip()
    return changes


def _nearest(key, known):
    by_leaf = [k for k in known if k.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    return f"Did you mean '{by_leaf[0]}'?" if by_leaf else nearest(key, known)


def _replace(config, changes, prefix=""):
    types = typing.get_type_hints(type(config))
    own = {k: _read(v, types[k], prefix + k) for k, v in changes.items() if "." not in k}
    nested: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        head, dot, rest = key.partition(".")
        if dot:
            nested.setdefault(head, {})[rest] = value
    own |= {
        head: _replace(getattr(config, head), inner, f"{prefix}{head}.")
        for head, inner in nested.items()
    }
    return dataclasses.replace(config, **own)


def _read(value, kind, key):
    """Returns a value, given as text or as JSON has it, converted to the type of its field."""
    if typing.get_origin(kind) is tuple:  # tuple[str, ...]: text with commas, or a list
        parts = [p.strip() for p in value.split(",")] if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)):
            raise ValueError(f"{key}={short(value)}: expected a list")
        return tuple(_read(part, typing.get_args(kind)[0], key) for part in parts if part != "")
    if kind == Size:
        return _read_size(value, key)
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    try:
        if kind is bool:
            return words[str(value).lower()]
        if value is None or isinstance(value, (dict, list, tuple)):
            raise ValueError
        if kind is int and isinstance(value, float):
            raise ValueError
        return kind(value)
    except (KeyError, ValueError, TypeError, OverflowError):
        article = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
        raise ValueError(f"{key}={short(repr(value))}: expected {article[kind]}") from None


def _read_size(value, key):
    try:
        return parse(value)
    except ValueError:
        raise ValueError(
            f"{key}={short(repr(value))}: expected pixels, such as 256 for squares or 256x512 for "
            "a height of 256 and a width of 512"
        ) from None


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Returns lines `key: old -> new` for the settings of training in which two configs differ.

    Args:
        old: the values of the first one by dotted key.
        new: those of the second one.
    """
    return [changed_line(key, *pair) for key, pair in changed(old, new).items()]


def changed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Returns the values (before, after) of the settings that `differences` lists, by key."""
    pairs = {
        key: tuple(_plain(leaves.get(key, "(not there)")) for leaves in (old, new))
        for key in {**old, **new}
        if key not in CADENCE
    }
    return {key: (before, after) for key, (before, after) in pairs.items() if before != after}


def changed_line(key: str, before: Any, after: Any) -> str:
    """Returns the line of `differences` for a setting."""
    return f"{key}: {short(before, 200)} -> {short(after, 200)}"


def _plain(value):
    """Returns a tuple as a list, as JSON stores it, and any other value unchanged."""
    return list(value) if isinstance(value, tuple) else value
