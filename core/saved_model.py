"""Reads the variables of a SavedModel, a folder or TF-Hub's `.tar.gz` of one, executing nothing.

The folder has `saved_model.pb`, the graphs, and a checkpoint `variables/variables.*`. Graphs are
not loaded. The checkpoint's keys are the variables' names where TensorFlow 1 wrote it. TensorFlow 2
writes keys such as `net/w/.ATTRIBUTES/VARIABLE_VALUE`, the way to the variable through the saved
objects, and a table of these objects (trackable_object_graph.proto), with the variables' names.

TensorFlow reads the checkpoint. It notices damage by its checksums, but a file forged to do harm,
checksums and all, can make it end the process.
"""

import gzip
import math
import shutil
import tarfile
import tempfile
from collections import Counter
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from core.errors import InputError
from core.files import open_regular
from core.names import reason, short

_ADVICE = "Give the folder that holds saved_model.pb, or a .tar.gz of it"
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"
_MAX_BYTES = 2**30  # of all variables, and of an archive unpacked; Magenta's are 0.04 of it
_MAX_INDEX = 2**24  # bytes of the checkpoint's index
_MAX_GRAPHS = 2**28  # bytes of saved_model.pb
_MAX_COUNT = 10_000  # of variables, and of files in an archive


def read_saved_model(path: str | Path) -> dict[str, np.ndarray]:
    """The variables of a SavedModel by name (`InceptionV3/Conv2d_1a_3x3/weights`), sorted.

    Names are those that the variables had in TensorFlow, without `:0`. A variable without a name,
    and one whose name another has as well, comes under its way through the saved objects:
    `net/layers/0/kernel`.

    Args:
        path: the folder that holds `saved_model.pb`, or a `.tar.gz` of it.

    Returns:
        Arrays of numbers or truth values, of the shape and type saved.

    Raises:
        InputError: no such file, not a SavedModel, damaged, too large, or an archive with members
            that would be unpacked elsewhere.
    """
    try:
        return _read(Path(path))
    except InputError as error:
        raise InputError(f"{path} {error}.") from error
    except (
        Exception
    ) as error:  # no such file, or whatever damage makes tarfile and TensorFlow raise
        raise InputError(
            f"{path} cannot be read ({reason(error)}), expected a "
            "SavedModel: check the path, or copy a truncated or damaged file again."
        ) from error


def _read(path: Path) -> dict[str, np.ndarray]:
    if path.is_dir():
        return _read_folder(path)
    with open_regular(path) as file:
        zipped = file.read(2) == b"\x1f\x8b"
    if not zipped:
        raise InputError(f"is neither a folder nor a .tar.gz. {_ADVICE}")
    # TensorFlow may still hold a file open, which Windows does not remove
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _unpack(path, Path(folder))
        roots = [found.parent for found in Path(folder, "files").rglob("saved_model.pb")]
        if len(roots) != 1:
            raise InputError(f"holds saved_model.pb {len(roots)} times, expected once. {_ADVICE}")
        return _read_folder(roots[0])


# --- archives


def _unpack(path: Path, folder: Path) -> None:
    """Unpacks a `.tar.gz` into the folder `files` of the folder.

    First to a plain `.tar`, of bounded size, since headers of an archive may be of any size, too.
    """
    with gzip.open(path) as packed, (folder / "plain.tar").open("wb") as plain:
        size = 0
        while chunk := packed.read(2**20):
            size += len(chunk)
            if size > _MAX_BYTES:
                raise InputError(f"unpacks to more than {_MAX_BYTES >> 20} MiB, too large")
            plain.write(chunk)
    with tarfile.open(folder / "plain.tar", "r:") as archive:
        count, total = 0, 0
        while member := archive.next():
            count, total = count + 1, total + member.size
            if count > _MAX_COUNT or total > _MAX_BYTES:
                raise InputError(f"has too many or too large members. {_ADVICE}")
            _unpack_member(archive, member, folder / "files")


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Writes a file of an archive; folders come with their files."""
    name = member.name
    outside = ".." in PurePosixPath(name).parts or name.startswith("/")
    if outside or "\\" in name or PureWindowsPath(name).drive:
        raise InputError(
            f"has the member {short(name)!r}, expected names inside the folder. Nothing in it was "
            f"used. {_ADVICE}"
        )
    if member.isdir():
        return
    content = archive.extractfile(member) if member.isreg() and not member.sparse else None
    if content is None:
        raise InputError(f"has the member {short(name)!r}, a link or device. {_ADVICE}")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(content, file)


# --- checkpoints


def _read_folder(folder: Path) -> dict[str, np.ndarray]:
    index, graphs = folder / "variables" / "variables.index", folder / "saved_model.pb"
    for file, limit in ((graphs, _MAX_GRAPHS), (index, _MAX_INDEX)):
        if not file.is_file():
            raise InputError(f"is no SavedModel, {file.relative_to(folder)} is missing. {_ADVICE}")
        if file.stat().st_size > limit:
            raise InputError(
                f"has {file.relative_to(folder)} of more than {limit >> 20} MiB, too large"
            )
    # not above: importing TensorFlow takes seconds, and with JAX most runs do without
    import tensorflow as tf

    checkpoint = tf.train.load_checkpoint(str(index.with_suffix("")))
    keys = _checked_keys(checkpoint, index)
    names = {key: key for key in keys}
    if checkpoint.has_tensor(_OBJECTS):
        names = _names(checkpoint, keys, graphs)
    by_name = {names[key]: key for key in keys}
    return {name: np.asarray(checkpoint.get_tensor(by_name[name])) for name in sorted(by_name)}


def _checked_keys(checkpoint: Any, index: Path) -> list[str]:
    """The keys of the checkpoint's variables, when it is known that they fit in memory."""
    dtypes, shapes = checkpoint.get_variable_to_dtype_map(), checkpoint.get_variable_to_shape_map()
    keys = [
        key
        for key, dtype in dtypes.items()
        if dtype.is_floating or dtype.is_integer or dtype.is_bool
    ]
    if len(dtypes) > _MAX_COUNT:
        raise InputError(f"has {len(dtypes)} variables, expected at most {_MAX_COUNT}. {_ADVICE}")
    size = sum(math.prod(shapes[key]) * dtypes[key].size for key in keys)
    if size > _MAX_BYTES:
        raise InputError(f"has variables of {size >> 20} MiB, expected at most {_MAX_BYTES >> 20}")
    on_disk = sum(file.stat().st_size for file in index.parent.glob("variables.data-*"))
    if size > on_disk:  # the elements are not compressed
        raise InputError(
            f"is truncated or damaged: {on_disk} bytes of variables, expected {size} or more. "
            "Download or copy it again"
        )
    return keys


# --- names


def _names(checkpoint: Any, keys: list[str], graphs: Path) -> dict[str, str]:
    """The name of the variable of every key, where TensorFlow 2 wrote the checkpoint."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    table = trackable_object_graph_pb2.TrackableObjectGraph()
    table.ParseFromString(checkpoint.get_tensor(_OBJECTS))
    entries = [
        (number, item) for number, node in enumerate(table.nodes) for item in node.attributes
    ]
    names = {item.checkpoint_key: item.full_name for _, item in entries if item.full_name}
    if not all(key in names for key in keys):
        others = _names_in_graphs(table.nodes, graphs)
        names = {item.checkpoint_key: others.get(number, "") for number, item in entries} | names
    names = {key: names.get(key, "").partition(":")[0] for key in keys}
    count = Counter(names.values())
    return {
        key: name if name and count[name] == 1 else key.removesuffix(_ENDING)
        for key, name in names.items()
    }


def _names_in_graphs(nodes: Any, graphs: Path) -> dict[int, str]:
    """The names that `saved_model.pb` gives to the checkpoint's objects, by their number.

    An object there and one here are the same if the same way leads to them from the first.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    model.ParseFromString(graphs.read_bytes())
    saved = model.meta_graphs[0].object_graph_def.nodes
    names, pairs, seen = {}, [(0, 0)], {0}
    while pairs and saved:
        here, there = pairs.pop()
        names[here] = saved[there].variable.name
        ways = {child.local_name: child.node_id for child in saved[there].children}
        for child in nodes[here].children:
            if child.node_id not in seen and child.local_name in ways:
                seen.add(child.node_id)
                pairs.append((child.node_id, ways[child.local_name]))
    return names
