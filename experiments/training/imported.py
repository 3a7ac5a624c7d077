"""Runs that were imported, not trained: only some of their networks have weights."""

from core.errors import InputError
from experiments.training.rundir import read_json

RECORD = "imported.json"  # in the run directory: network -> the file it came from


def check_imported(run, name: str, use: str) -> None:
    """Refuses to use a network that no weights were imported for.

    Args:
        run: any run; one that was trained is never refused.
        name: of the network.
        use: what it is wanted for, for the message, such as "--mode=sample".

    Raises:
        InputError: says how to import it.
    """
    record = run.run_dir / RECORD
    if not record.exists() or int(run.algorithm.images.numpy()):  # or trained since
        return
    if name not in read_json(record):
        raise InputError(
            f"{use}: {run.run_dir} was imported without {name}. Import it with "
            "scripts.import_weights, or use what is there."
        )
