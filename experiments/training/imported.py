"""Describes how official weights become runs, and refuses networks that were not imported."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
from absl.flags import FlagValues

from core.errors import InputError
from core.files import read_json
from experiments.training import declared

RECORD = "imported.json"  # file in the run directory: network -> the file that it came from


class Importers(Protocol):
    """A module that reads official files: `gan.importers` or `nst.importers`."""

    def import_network(self, kind: str, state: Path | None) -> keras.Model: ...

    def guess_config(self, kind: str, state: Path | None) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Import:
    """A kind of official weights that become a run of a model.

    Attributes:
        kind: the name that `importers` has for it, such as "cyclegan/resnet_generator".
        importers: the module that reads the file.
        networks: the networks of the algorithm that it may become; the first is the default.
        changes: a function of (hyper-parameters of the file, options) that returns changes of the
            preset by dotted key. The options are the flags of `scripts.import_weights`, or None.
        preset: the preset that is changed.
        packaged: whether a package brings the file, or Keras downloads it, so that no path is
            needed.
        read: a function from the network made of the file to further hyper-parameters, which the
            file alone does not tell.
        parts: a function from the network made of the file to the networks of the algorithm that it
            fills, by name, where one file has several. None: it fills the one that is chosen.
        refusal: a function from the options to what the message adds when a file does not fit the
            configuration.
    """

    kind: str
    importers: Importers
    networks: tuple[str, ...]
    changes: Callable[[dict[str, Any], Any], dict[str, Any]]
    preset: str = "paper"
    packaged: bool = False
    read: Callable[[keras.Model], dict[str, Any]] = lambda network: {}
    parts: Callable[[Any], dict[str, keras.Model]] | None = None
    refusal: Callable[[FlagValues], str] = lambda options: "of this configuration"

    def filled(self, network: Any, name: str = "") -> dict[str, keras.Model]:
        """The networks of the algorithm that a network made of a file fills, by name.

        Args:
            network: as `importers` made it.
            name: which one it becomes, where the file has one; empty: the first of `networks`.
        """
        return self.parts(network) if self.parts else {name or self.networks[0]: network}


def read_record(run_dir: Path) -> dict[str, str]:
    """Returns the files that the networks of a run came from, by network; {} without a record.

    Raises:
        InputError: the record cannot be read, or is something else.
    """
    path = run_dir / RECORD
    if not path.exists():
        return {}
    content = read_json(path)
    try:
        declared.check_imported(content)
    except ValueError as error:
        raise InputError(
            f"'{path}' does not name the networks of a run ({error}). Import them again."
        ) from error
    return content


def check_imported(run: Any, name: str, use: str) -> None:
    """Refuses to use a network that no weights were imported for.

    Args:
        run: any run; one that was trained is never refused.
        name: the name of the network.
        use: what it is needed for, for the message, such as "--mode=sample".

    Raises:
        InputError: it has no weights; the message says how to import them.
    """
    if not (run.run_dir / RECORD).exists() or int(run.algorithm.images.numpy()):
        return  # it was trained, perhaps after the import
    if not {name, f"raw_{name}"} & set(read_record(run.run_dir)):
        raise InputError(
            f"{use}: {run.run_dir} was imported without {name}. Import it with "
            "scripts.import_weights, or use what is there."
        )
