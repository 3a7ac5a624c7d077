"""Run configurations: frozen dataclasses, overridden by `--set key=value`, stored as JSON."""

import dataclasses
import math
import typing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from core.errors import InputError
from core.names import nearest
from experiments.data.config import DataConfig

Config = TypeVar("Config")  # a frozen dataclass
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# may change between two runs of one run directory: nothing that is learned depends on them
CADENCE = (
    *("log_every", "sample_every", "eval_every", "checkpoint_every", "keep", "eval_images"),
    *("metrics", "metrics_every", "metrics_weights", "best", "data.threads"),
)


@dataclass(frozen=True)
class RunConfig:
    """All that a run depends on. Lengths and intervals count images (of each domain)."""

    model: str
    preset: str
    algorithm: Any  # the model's own, gan/<model>/config.py or nst/<model>/config.py
    data: DataConfig = field(default_factory=DataConfig)
    batch_size: int = 1
    epochs: float = 0.0  # length of training in epochs of the data set, or
    images: int = 0  # in images; exactly one of both is above 0
    seed: int = 0
    backend: str = "tensorflow"  # tensorflow | jax
    precision: str = "float32"  # float32 | mixed_bfloat16 | mixed_float16
    xla: bool = False  # compile the step with XLA on TensorFlow (JAX always does)
    # the same command on the same machine gives the same bits; False is faster on a GPU, and there
    # a run that was interrupted does not end with the bits of one that was not
    deterministic: bool = True
    log_every: int = 100
    sample_every: int = 1000
    eval_every: int = 5000
    eval_images: int = 100  # test images of each domain
    checkpoint_every: int = 1000
    keep: int = 2  # checkpoints
    metrics: tuple[str, ...] = ()  # such as fd_hed5k, see experiments/metrics/protocols.py
    metrics_every: int = 0  # 0: when training ends
    metrics_weights: str = ""  # folder of the published networks; empty: they are downloaded
    best: str = ""  # score whose best checkpoint is kept: a metric's, or one of the model's own

    def __post_init__(self):
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision={self.precision!r}: expected one of {', '.join(PRECISIONS)}"
            )
        if (self.epochs > 0) == (self.images > 0) or self.epochs == math.inf:
            raise ValueError(
                f"epochs={self.epochs}, images={self.images}: expected one of them above 0"
            )
        for key in ("batch_size", "log_every", "sample_every", "eval_every", "eval_images",
                    "checkpoint_every", "keep"):  # fmt: skip
            if getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: expected 1 or more")
        if self.metrics_every < 0 or (self.metrics_every and not self.metrics):
            raise ValueError(
                f"metrics_every={self.metrics_every}: expected 0 (at the end), or more with "
                "metrics such as fd_hed5k"
            )
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed={self.seed}: expected 0 to {2**31 - 1}")

    def budget(self, epoch: int) -> int:
        """The length of training in images, in whole batches, for a data set of `epoch` images."""
        images = self.images or round(self.epochs * epoch)
        return max(1, -(-images // self.batch_size)) * self.batch_size


def flatten(config: Any) -> dict[str, Any]:
    """`{"data.size": 64, …}`: every leaf of a nested dataclass by its dotted key."""
    leaves = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            leaves |= {f"{f.name}.{key}": leaf for key, leaf in flatten(value).items()}
        else:
            leaves[f.name] = value
    return leaves


def defaults(config: Any) -> dict[str, Any]:
    """The defaults of all leaves that have one, by dotted key.

    They are what a stored configuration means that is older than a leaf.
    """
    leaves = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            leaves |= {f"{f.name}.{key}": leaf for key, leaf in defaults(value).items()}
        elif f.default is not dataclasses.MISSING:
            leaves[f.name] = f.default
    return leaves


def override(config: Config, changes: dict[str, Any]) -> Config:
    """A copy of `config` with leaves changed by dotted key; text is read as the leaf's type.

    Raises:
        InputError: unknown key (the nearest one is named), wrong type, value out of range.
    """
    known = flatten(config)
    for key in changes:
        if key not in known:
            raise InputError(f"--set {key}: no such key. {_nearest(key, known)}")
    try:
        return _replace(config, changes)
    except ValueError as error:
        raise InputError(f"configuration: {error}") from error


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """`["data.size=64", …]` of `--set` as a mapping.

    Raises:
        InputError: an entry without `=`.
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
    nested = {}
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
    """A value, given as text or as JSON gives it, converted to the type of its field."""
    if typing.get_origin(kind) is tuple:  # tuple[str, ...]: text with commas, or a list
        parts = [p.strip() for p in value.split(",")] if isinstance(value, str) else value
        return tuple(_read(part, typing.get_args(kind)[0], key) for part in parts if part != "")
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    try:
        if kind is bool:
            return words[str(value).lower()]
        if kind is int and isinstance(value, float):
            raise ValueError
        return kind(value)
    except (KeyError, ValueError, TypeError):
        article = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
        raise ValueError(f"{key}={value!r}: expected {article[kind]}") from None


def columns(
    kind: type[Config], table: dict[str, tuple], fixed: dict[str, Any] | None = None
) -> list[Config]:
    """The configurations of a table that has a row for each setting, a column for each preset.

    Args:
        kind: of configuration.
        table: `{setting: (its value in the first preset, in the second, ...)}`.
        fixed: settings that all presets share.
    """
    count = len(next(iter(table.values())))
    rows = [{key: row[i] for key, row in table.items()} for i in range(count)]
    return [kind(**(fixed or {}), **row) for row in rows]


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Lines `key: old -> new` where two flat configs differ in what training depends on."""
    lines = []
    for key in {**old, **new}:
        before, after = (_plain(leaves.get(key, "(not there)")) for leaves in (old, new))
        if before != after and key not in CADENCE:
            lines.append(f"{key}: {before} -> {after}")
    return lines


def _plain(value):
    """JSON has no tuples."""
    return list(value) if isinstance(value, tuple) else value
