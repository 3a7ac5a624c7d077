"""Metrics of two sets of pictures that anyone made, see `experiments.measure`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from core.errors import InputError
from core.names import hint
from experiments.metrics import exchange, protocols, reals
from experiments.metrics.features import extractor
from experiments.metrics.named import BETTER, SETS, Protocol
from experiments.metrics.picture_scores import PAIRS, STYLING
from experiments.metrics.sets import Named, Opened

Wanted = Mapping[str, Protocol]
Folder = str | Path | None
WIDTHS = {"inception": 2048, "vgg16": 4096, "hed": 512}  # numbers of a picture's features


class Measured(NamedTuple):
    """A metric of two sets.

    Attributes:
        name: of the metric.
        values: the numbers by name.
        better: for each, 1 where higher ones are better, -1 where lower ones are, else 0.
        pictures: how many there were, "real" and "generated"; None where statistics do not say it,
            0 where none are needed.
        note: a line about sets that are too small to trust the numbers; "" for none.
    """

    name: str
    values: dict[str, float]
    better: dict[str, int]
    pictures: dict[str, int | None]
    note: str


def wanted(names: Sequence[str]) -> dict[str, Protocol]:
    """Returns what the names of metrics stand for.

    Raises:
        InputError: one is empty, is of runs alone, or does not exist; names the nearest one.
    """
    for name in names:
        if not name:
            raise InputError(
                "--metrics: one of the names is empty, expected names with single commas between "
                "them, such as fd_hed,pr_hed."
            )
        if name in (*protocols.NAMES, *PAIRS, *STYLING) and name not in SETS:
            whole = name.removesuffix("_test")
            advice = f" Take {whole}." if whole in SETS else ""
            raise InputError(
                f"--metrics={name}: is measured of a run (--mode=evaluate), not of two sets of "
                f"pictures.{advice} Of two sets: {', '.join(SETS)}."
            )
        if name not in SETS:
            raise InputError(
                f"--metrics={name}: there is no such metric.{hint(name, SETS)} All: "
                f"{', '.join(SETS)}."
            )
    return {name: SETS[name] for name in names}


def check_statistics_are_enough(metrics: Wanted, named: Named) -> None:
    """Refuses metrics that mean and covariance are not enough for.

    Raises:
        InputError: says which, and why.
    """
    for name, protocol in metrics.items():
        unused = named.title == "real" and protocol.real == 0
        if protocol.statistic != "frechet" and not unused:
            raise InputError(
                f"{named}: holds mean and covariance alone, and {name} needs the features of "
                "single pictures. Give the pictures, or take a metric that begins with fid or "
                "fd_hed."
            )


def check(metrics: Wanted, opened: Opened, folder: Folder) -> None:
    """Refuses, before the work, what `measure` would refuse.

    Args:
        metrics: see `wanted`.
        opened: the sets.
        folder: the folder of published networks, see `experiments.metrics.published.find`.

    Raises:
        InputError: there are too few pictures, a network is not available, or statistics are of
            another network or of another number of pictures.
    """
    for name, protocol in metrics.items():
        real = opened.real if protocol.real != 0 else None
        generated = opened.generated
        sides = (("real", real, protocol.real), ("generated", generated, protocol.generated))
        given = [(opened.named[t], s, n) for t, s, n in sides if s and s.given]
        for named, statistics, count in given:
            _check_given(name, protocol, named, statistics, count)
        if len(given) == 2:
            continue  # no network is needed
        for named, statistics, _ in given:
            _check_network(name, named, statistics, extractor(protocol.network, folder))
        if generated:
            made = generated.count
            protocols.check_protocol(name, protocol, opened.sides, real, made=made, folder=folder)


def _check_given(name, protocol, named, statistics, count):
    known = statistics.count != exchange.UNKNOWN
    if known and count is not None and statistics.count != count:
        raise InputError(
            f"{named}: are statistics of {statistics.count:,} pictures, {name} takes {count:,}. "
            f"Take {'fid' if protocol.network == 'inception' else 'fd_hed'}, which takes all."
        )
    width, expected = len(statistics.given.mean), WIDTHS[protocol.network]
    if width != expected:
        raise InputError(
            f"{named}: are statistics of {width:,} numbers a picture, {name} takes the "
            f"{expected:,} of {protocol.network}. Give statistics of that network, or the pictures."
        )


def _check_network(name, named, statistics, network):
    if statistics.key and statistics.key != network.name:
        raise InputError(
            f"{named}: are statistics of the network {statistics.key}, {name} takes "
            f"{network.name}. Give the pictures, or statistics of that network."
        )


def save(path: Path, metrics: Wanted, opened: Opened, folder: Folder, cache: Path | None) -> Opened:
    """Writes the statistics of the real pictures; returns the sets with them in place of these.

    Args:
        path: see `experiments.metrics.exchange.place`.
        metrics: one that compares means and covariances.
        opened: the sets.
        folder: see `check`.
        cache: the folder that keeps features; None keeps none.

    Raises:
        InputError: too few pictures can be read, or the file cannot be written.
    """
    ((name, protocol),) = metrics.items()
    real = opened.real
    if real is None or (not real.given and real.count < max(2, protocol.real or 0)):
        count = real.count if real else 0
        raise InputError(
            f"{name}: needs {max(2, protocol.real or 0):,} real images, got {count:,}."
        )
    if real.given:
        raise InputError(f"--save_statistics: {opened.named['real']} is such a file already.")
    network = extractor(protocol.network, folder)
    moments = reals.moments(real, network, protocol.real, cache)
    exchange.write(path, moments, network.name, opened.sides)
    kept = replace(real, given=moments, count=moments.count, key=network.name)
    return opened._replace(real=kept)


def measure(
    metrics: Wanted, opened: Opened, folder: Folder, cache: Path | None
) -> Iterator[Measured]:
    """Yields one metric after the other; arguments and errors are those of `check` and `save`.

    Fréchet distances come last: what the others keep in the cache gives their moments, too.
    """
    if opened.generated is None:
        return
    for name, protocol in sorted(metrics.items(), key=lambda item: item[1].statistic == "frechet"):
        real = opened.real if protocol.real != 0 else None
        taken = protocols.compare(
            name, protocol, opened.generated, real, folder=folder, cache=cache
        )
        used = {
            "real": _known(real, taken.real),
            "generated": _known(opened.generated, taken.generated),
        }
        sign = BETTER[protocol.statistic]
        better = {value: 0 if value.endswith("_std") else sign for value in taken.values}
        yield Measured(name, taken.values, better, used, _note(name, protocol, used))


def _known(pictures, count):
    """Returns the count, or None where it is that of statistics which do not say it."""
    unknown = pictures and pictures.given and pictures.count == exchange.UNKNOWN
    return None if unknown else count


def _note(name, protocol, used):
    """Returns a line where there are fewer pictures than a covariance has dimensions."""
    width = WIDTHS.get(protocol.network, 0)
    few = [f"{n:,} {title}" for title, n in used.items() if n is not None and n < width]
    if protocol.statistic != "frechet" or not few:
        return ""
    return (
        f"{name}: {' and '.join(few)} pictures are few for features of {width:,} numbers: the "
        "distance comes out too large, and compares only with one of as many pictures"
    )
