"""config.json, metrics.jsonl and their like, edited or damaged: refused in one sentence."""

import json
import os

import numpy as np
import pytest
import tiny

from core.errors import InputError
from core.files import parse_json, read_json
from experiments.metrics.reals import _read_features, _read_moments
from experiments.training.declared import check_evaluation
from experiments.training.imported import read_record
from experiments.training.rundir import RunDir, read_config, read_lines, stored_config
from experiments.training.writer import read_metrics
from scripts.records import curve, recorded, spread

PRESETS = {"smoke": tiny.config("x")}
DEEP = "[" * 100_000 + "]" * 100_000
ROW = {"images": 4, "time": 1.5, "loss/G": 0.25}
VALUES = [None, True, "x", 5, -1, 1.5, [], [1], [[1]], {}, {"a": 1}, 10**400, "x" * 10**6]


def refused(call, *args):
    with pytest.raises(InputError) as caught:
        call(*args)
    lines = str(caught.value).splitlines()
    assert all(len(line) < 1000 for line in lines)
    return str(caught.value)


@pytest.fixture
def run_dir(tmp_path):
    directory = RunDir(tmp_path, tiny.config("x"))
    directory.store(tiny.config("x"), {"A": "3:aa"})
    directory.close()
    return tmp_path


BYTES = [
    b"", b"{", b"[]", b"5", b"null", b"\xff\xfe{}", b'{"config": {"model": "\xff"}}', b"\0" * 9,
    DEEP.encode(), b'{"config": ' + DEEP.encode() + b"}", b'{"config": {"model": ' + b"9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("content", BYTES, ids=lambda value: repr(value[:20]))
def test_what_is_no_configuration(run_dir, content):
    (run_dir / "config.json").write_bytes(content)
    for call in (stored_config, read_config, begin):
        refused(call, run_dir / "config.json" if call is read_config else run_dir, *_more(call))


def _more(call):
    return (PRESETS,) if call is stored_config else ()


def begin(run_dir):
    directory = RunDir(run_dir, tiny.config("x"))
    try:
        directory.store(tiny.config("x"), {"A": "3:aa"})
    finally:
        directory.close()


@pytest.mark.parametrize("part", ["config", "data", "ranges", "created", "resumed"])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:20])
def test_parts_of_a_configuration(run_dir, part, value):
    path = run_dir / "config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {part: value}))
    try:
        begin(run_dir)
        stored_config(run_dir, PRESETS)
    except InputError as error:
        assert len(str(error)) < 1000
    else:
        assert value in (None, {}, [], {"a": 1})


@pytest.mark.parametrize("pair", [[1], [2, 1], [1, 1], [0, "1"], [0, 1e300], [float("nan"), 1], 3])
def test_ranges_that_training_never_found(run_dir, pair):
    path = run_dir / "config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"ranges": {"A": {"float": pair}}}))
    assert "'float'" in refused(read_config, path)


@pytest.mark.parametrize(
    "value", [None, -1, 1.5, [[1]], {"a": 1}, "x" * 10**5], ids=lambda x: str(x)[:9]
)
def test_every_setting(run_dir, value):
    path = run_dir / "config.json"
    content = json.loads(path.read_text())
    for name in content["config"]:
        path.write_text(json.dumps(content | {"config": content["config"] | {name: value}}))
        for call in (stored_config, RunDir):
            try:
                found = call(run_dir, PRESETS if call is stored_config else tiny.config("x"))
                if call is RunDir:
                    found.close()
            except InputError as error:
                assert all(len(line) < 1000 for line in str(error).splitlines())


@pytest.mark.parametrize("name", ["checkpoints", "samples", "tensorboard"])
def test_a_file_in_the_place_of_a_folder(run_dir, name):
    (run_dir / name).write_text("")
    assert f"{name}' is a file, expected a folder" in refused(begin, run_dir)


def test_links_to_nothing_in_the_place_of_a_folder(run_dir):
    try:
        (run_dir / "tensorboard").symlink_to("nowhere")
    except OSError:
        pytest.skip("no links here")
    assert "expected a folder" in refused(begin, run_dir)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl"])
def test_pipes_do_not_hang(run_dir, name):
    (run_dir / name).unlink(missing_ok=True)
    os.mkfifo(run_dir / name)
    call = read_metrics if name == "metrics.jsonl" else begin
    assert "expected a regular file" in refused(call, run_dir)


# --- lines


@pytest.mark.parametrize(
    "line",
    [b"{", b"", b"5", b"[]", b'"images"', b"\xff", b'{"images": 4, "a\xff": 1}', DEEP.encode(),
     b'{"images": 1' + b"0" * 400 + b"}", b'{"images": -1}', b'{"images": 4.0}', b'{"time": 1}',
     b'{"images": true}', b'{"images": 4, "x": "text"}', b'{"images": 4, "x": null}',
     b'{"images": 4, "x": [1]}', b'{"images": 4, "x": 1' + b"0" * 400 + b"}"],
    ids=lambda line: repr(line[:30]),
)  # fmt: skip
def test_lines_that_no_run_writes(run_dir, line):
    whole = json.dumps(ROW).encode() + b"\n"
    (run_dir / "metrics.jsonl").write_bytes(whole + line + b"\n" + whole)
    for call in (read_metrics, recorded, curve):
        assert "metrics.jsonl, line 2: not a line of a record" in refused(call, run_dir)
    (run_dir / "metrics.jsonl").write_bytes(whole + line)  # a process was killed here
    assert read_metrics(run_dir) == [ROW]


def test_numbers_that_are_not_finite_are_numbers(run_dir):
    (run_dir / "metrics.jsonl").write_text('{"images": 4, "a": NaN, "b": Infinity, "c": 1e999}\n')
    assert read_metrics(run_dir)[0]["c"] == np.inf
    runs = [{"psnr": np.inf}, {"psnr": 3.0}, {"psnr": np.nan}]
    assert spread(runs[:1], "psnr") == "inf"
    assert "nan" in spread(runs, "psnr") and "inf" in spread(runs[:2], "psnr")


@pytest.mark.parametrize("values", ["5", "[]", '{"a": "x"}', '{"a": null}', "null"])
def test_evaluations_that_no_run_writes(run_dir, values):
    path = run_dir / "evaluations.jsonl"
    path.write_text(f'{{"images": 4, "values": {values}}}\n')
    assert "evaluations.jsonl, line 1" in refused(lambda: read_lines(path, check_evaluation))
    (run_dir / "metrics.jsonl").write_text(json.dumps(ROW) + "\n")
    assert "evaluations.jsonl, line 1" in refused(recorded, run_dir)


@pytest.mark.parametrize("content", ["[]", "5", '{"G": 1}', '{"G": null}', "{", DEEP])
def test_records_of_imports(run_dir, content):
    assert read_record(run_dir) == {}
    (run_dir / "imported.json").write_text(content)
    assert "imported.json" in refused(read_record, run_dir)


def test_json(tmp_path):
    assert parse_json(b'{"a": [1, 2.5, 9223372036854775807]}') == {"a": [1, 2.5, 2**63 - 1]}
    for text in (DEEP, "9" * 5000, "9223372036854775808", b"\xff", b"{}x"):
        with pytest.raises(ValueError):
            parse_json(text)
    for path in (tmp_path, tmp_path / "none.json"):
        assert "cannot be read" in refused(read_json, path)


# --- what metrics keep of real pictures


def test_moments_of_another_network_or_damaged_ones_are_not_used(tmp_path):
    path, good = tmp_path / "a.npz", {"count": 5, "mean": np.zeros(3), "scatter": np.eye(3)}
    np.savez(path, **good)
    assert _read_moments(path, 3).count == 5
    changes = [{"count": 5.5}, {"mean": np.zeros(4)}, {"scatter": np.eye(3) * np.nan},
               {"mean": np.zeros(3, "U1")}, {"scatter": np.zeros(64 << 20, "u1")}]  # fmt: skip
    for change in changes:
        np.savez_compressed(path, **good | change)
        with pytest.raises(InputError):
            _read_moments(path, 3)
    np.save(tmp_path / "a.npy", np.zeros((2, 3), "f4"))
    assert _read_features(tmp_path / "a.npy", 3).shape == (2, 3)
    for length, values in ((4, None), (3, np.zeros((2, 3))), (3, np.zeros(3, "f4"))):
        if values is not None:
            np.save(tmp_path / "a.npy", values)
        with pytest.raises(InputError):
            _read_features(tmp_path / "a.npy", length)
