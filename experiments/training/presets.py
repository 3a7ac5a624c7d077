"""Makes presets from tables with a row for each setting and a column for each preset."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.training.config import RunConfig

PAPER_QUICK_SMOKE = ("paper", "quick", "smoke")
Table = Mapping[str, Sequence[Any]]


def presets(
    model: str,
    algorithm: type,
    data: type,
    *tables: Table,
    names: Sequence[str] = PAPER_QUICK_SMOKE,
    fixed: Mapping[str, Any] | None = None,
) -> dict[str, RunConfig]:
    """Returns the presets of a model by name.

    Args:
        model: the name of the model.
        algorithm: the class of `RunConfig.algorithm`.
        data: the class of `RunConfig.data`.
        tables: rows `key: (value in the first preset, in the second, ...)`. A key belongs to
            `RunConfig` ("batch_size"), to its data ("data.size") or to its algorithm
            ("algorithm.ngf"). The value None stands for the default.
        names: the names of the presets, in the order of the columns.
        fixed: keys with one value for all presets.

    Raises:
        ValueError: a row has more or fewer values than there are presets.
        TypeError: a key does not exist.
    """
    rows = {key: row for table in tables for key, row in table.items()}
    rows |= {key: [value] * len(names) for key, value in (fixed or {}).items()}
    for key, row in rows.items():
        if len(row) != len(names):
            raise ValueError(f"{key}: {len(row)} values for the presets {', '.join(names)}")
    columns = [{key: row[i] for key, row in rows.items()} for i in range(len(names))]
    return {
        name: _preset(model, name, algorithm, data, column)
        for name, column in zip(names, columns, strict=True)
    }


def _preset(model, name, algorithm, data, column):
    given = {key: value for key, value in column.items() if value is not None}
    parts = {
        part: {key[len(part) + 1 :]: v for key, v in given.items() if key.startswith(f"{part}.")}
        for part in ("algorithm", "data")
    }
    own = {key: value for key, value in given.items() if "." not in key}
    config = {"algorithm": algorithm(**parts["algorithm"]), "data": data(**parts["data"])}
    return RunConfig(model=model, preset=name, **config, **own)


def prefixed(table: Table, part: str = "algorithm") -> dict[str, Sequence[Any]]:
    """Returns the table with a prefix for its keys: `{"ngf": ...}` as `{"algorithm.ngf": ...}`."""
    return {f"{part}.{key}": row for key, row in table.items()}


def renamed(preset: RunConfig, name: str) -> RunConfig:
    """Returns a preset under another name."""
    return dataclasses.replace(preset, preset=name)
