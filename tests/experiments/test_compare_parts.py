"""Parts of a comparison: its numbers, records, locks and signals."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
from test_compare import here, main, untrained  # noqa: F401

from core.errors import InputError
from experiments import api
from experiments.compare import events, inputs, methods, processes, results, worker
from experiments.compare.inputs import Cell, Row
from experiments.data import pictures
from experiments.training.rundir import RunDir, take_lock
from experiments.training.writer import read_metrics

# --- numbers


def test_the_line_with_the_compiling_does_not_count():
    lines = [{"images": i, "images_per_second": rate} for i, rate in [(1, 0.1), (2, 4), (3, 2)]]
    assert worker.elapsed([*lines, {"images": 3, "objective/total": 1.0}]) == 3 * 0.375
    assert worker.elapsed(lines[:1]) == 10  # there is no other


def cell(score, seconds, memory):
    record = {"seconds": seconds, "memory": memory * 2**20, "parameters": 1000, "images": 0,
              "environment": {"device": "x", "machine": "y", "commit": None}}  # fmt: skip
    return Cell(np.zeros((8, 8, 3), np.uint8), record, {"psnr": score})


def test_all_numbers_are_of_the_rows_that_all_methods_have():
    """A method without any does not count among them."""
    rows = [Row(name, {}) for name in "abc"]
    one = {"a": cell(20, 1.0, 10), "b": cell(30, 9.0, 90)}
    two = {"a": cell(10, 2.0, 20), "c": cell(10, 5.0, 50)}
    named = [SimpleNamespace(name=name, run_dir=None) for name in ("one", "two", "none")]
    header, lines = inputs.table(named, {"one": one, "two": two, "none": {}}, rows)
    assert header[1:4] == ["PSNR, dB", "s / picture", "peak memory, MiB"]
    assert lines[0] == ["one", "20.00", "1", "10", "1,000", "0", "2 of 3"]
    assert lines[1] == ["two", "10.00", "2", "20", "1,000", "0", "2 of 3"]
    assert lines[2] == ["none", *"–––––", "0 of 3"]


def test_nothing_in_common_is_no_number(tmp_path):
    rows, named = [Row(name, {}) for name in "ab"], [SimpleNamespace(name=n) for n in "xy"]
    for method in named:
        method.run_dir = None
    found = {"x": {"a": cell(20, 1.0, 10)}, "y": {"b": cell(30, 2.0, 20)}}
    header, lines = inputs.table(named, found, rows)
    assert len(header) == 7
    assert [line[1:4] for line in lines] == [["–"] * 3] * 2
    for name, method in zip(found, named, strict=True):
        data = SimpleNamespace(style_scale=1.0)
        method.config = SimpleNamespace(model=name, preset="smoke", images=4, data=data)
        method.translates, method.styles = False, None
    for row in rows:
        row.files["content"] = tmp_path / "content.png"
    pictures.write_png(tmp_path / "content.png", np.zeros((8, 8, 3), np.uint8))
    results.write(tmp_path, named, rows, found, SimpleNamespace(network=None), print)
    said = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert "No picture is there of all methods: what they measure does not compare" in said


def test_curves_of_one_name_have_one_meaning(tmp_path):
    """Metrics of trained runs for all; losses, with their model, for its runs."""
    line = {"images": 4, "time": 1.0, "loss/G": 2.0, "metrics/lpips_hed": 1.0,
            "learning_rate/G": 0.1}  # fmt: skip
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    found = []
    for model in ("johnson", "johnson", "adain"):
        method = SimpleNamespace(run_dir=tmp_path, config=SimpleNamespace(model=model))
        found.append(inputs.curves(method, tmp_path))
    assert results.shared(found) == ["johnson/loss/G", "metrics/lpips_hed"]
    assert results.shared(found[1:]) == ["metrics/lpips_hed"]


def test_a_torn_last_line_of_a_log_is_left_out(tmp_path):
    path, whole = tmp_path / "metrics.jsonl", '{"images": 1}\n'
    assert read_metrics(tmp_path) == []
    for text in (whole + '{"images": 2, "lo', whole + "\0\0", whole):
        path.write_text(text)
        assert read_metrics(tmp_path) == [{"images": 1}]
    for damaged in ('{"ima\n', "5\n", '{"time": 1}\n', '{"images": "x"}\n'):
        path.write_text(whole + damaged + whole)
        with pytest.raises(InputError, match="metrics.jsonl, line 2: not a line of a record"):
            read_metrics(tmp_path)


def test_events_of_methods_that_left_are_removed(tmp_path):
    for name in ("stays", "goes", "kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.out.tfevents.1").touch()
    (tmp_path / "kept" / "notes").touch()
    events.keep_only(tmp_path, {"stays"})
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")]
    assert sorted(left) == ["kept/notes", "stays/events.out.tfevents.1"]
    assert not (tmp_path / "goes").exists()


def test_inputs_may_change_until_a_method_has_begun(tmp_path):
    """Such as after weights that could not be had."""
    tiny.noise(tmp_path / "in", 1, 0)
    for size in (32, 48):
        rows = inputs.stylizing(
            f"{tmp_path}/in", [f"{tmp_path}/in"], size, tmp_path / "inputs", print
        )
        assert max(pictures.shape(rows[0].files["style"])) == size
    (tmp_path / "gatys").mkdir()
    (tmp_path / "gatys" / worker.PLAN).touch()
    with pytest.raises(InputError, match="the input 0 is not the one of the comparison"):
        inputs.stylizing(f"{tmp_path}/in", [f"{tmp_path}/in"], 32, tmp_path / "inputs", print)


# --- styles that were learned


def method(run_dir):
    options = {"preset": "quick", "changes": {}, "checkpoint": "last", "say": str}
    return methods.find([], [f"mine={run_dir}"], **options)[0]


def test_a_learned_style_is_known_by_its_pixels(here, tmp_path):  # noqa: F811
    """Whatever its name; another picture of the same name is another style."""
    (tmp_path / "in").mkdir()
    shutil.copy(here / "style" / "a.png", tmp_path / "in" / "renamed.png")
    shutil.copy(here / "style" / "c.png", tmp_path / "in" / "b.png")
    rows = inputs.stylizing(f"{here}/b.png", [f"{tmp_path}/in"], 40, tmp_path / "inputs", print)
    found = method(here / "dumoulin")
    learned = {row.name: found.learned(row.files["style"].stem, row.style) for row in rows}
    assert learned == {"b-renamed": "a", "b-b": None}
    assert [row.name for row in rows if found.takes(row)] == ["b-renamed"]


def test_styles_of_a_base_are_known_and_those_of_an_import_by_name(here, tmp_path):  # noqa: F811
    options = {"algorithm.weights": f"{here}/vgg16.npz", "algorithm.style_size": 40,
               "algorithm.width": 0.1, "algorithm.base": str(here / "dumoulin"),
               "algorithm.style": f"{here}/style/c.png"}  # fmt: skip
    untrained(tmp_path / "more", "dumoulin", **options)
    before = methods.style_pixels(here / "dumoulin")
    assert methods.style_pixels(tmp_path / "more")[:2] == before and None not in before
    path = tmp_path / "more" / "config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"data": {}}))
    assert methods.style_pixels(tmp_path / "more") == [*before, None]
    assert method(tmp_path / "more").learned("c", "other pixels") == "c"


# --- what a method cannot take, and what stops


def plan(here, folder, size, **changes):  # noqa: F811
    tiny.noise(folder / "in", 2, 0, (size, size))
    changes = {"algorithm.weights": f"{here}/vgg19.npz", "data.size": 0, "images": 2} | changes
    inputs = {"content": f"{folder}/in/0.png", "style": f"{folder}/in/1.png"}
    return {"folder": str(folder), "model": "gatys", "run_dir": "", "preset": "smoke",
            "changes": changes, "cells": [{"name": "0-1", "inputs": inputs,
                                           "made_from": {}}]}  # fmt: skip


def test_a_refused_run_directory_stops(here, tmp_path):  # noqa: F811
    """With its message: it is not the input that is at fault."""
    given = plan(here, tmp_path, 48)
    pair = {"data.content": f"{tmp_path}/in/0.png", "data.style": f"{tmp_path}/in/1.png"}
    config = api.make_config("gatys", "smoke", given["changes"] | pair | {"images": 400})
    directory = RunDir(tmp_path / "runs" / "0-1", config)
    with pytest.raises(InputError, match="another process .* is training in it"):
        worker.make(given)
    directory.store(config, {})
    directory.close()
    with pytest.raises(InputError, match="another configuration:\n  images: 400 -> 2"):
        worker.make(given)
    for wrong, message in (("algorithm.style_layers", "relu9_9"), ("algorithm.weights", "no.npz")):
        with pytest.raises(InputError, match=message):
            worker.make(plan(here, tmp_path / wrong, 48, **{wrong: message}))
    assert not list(tmp_path.glob("**/0-1.png"))


def test_an_input_that_is_too_small_is_left_out(here, tmp_path, capsys):  # noqa: F811
    worker.make(plan(here, tmp_path, 8))
    assert "left out: 0-1: " in capsys.readouterr().err
    assert not (tmp_path / "0-1.png").exists()


# --- locks and signals


def test_one_comparison_at_a_time(here, tmp_path, capsys):  # noqa: F811
    arguments = [f"--runs={here}/adain", f"--content={here}/content", f"--style={here}/style",
                 f"--weights={here}/vgg19.npz", f"--output={tmp_path}"]  # fmt: skip
    with take_lock(tmp_path, "--output", "another comparison", "is at work there"):
        assert main(*arguments) == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "lock.pid"]
    assert f"another comparison (pid {os.getpid()}) is at work there" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_closed_terminal_ends_the_process_of_a_column(tmp_path, monkeypatch):
    start = subprocess.Popen
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(processes.subprocess, "Popen", lambda _, **options: start(sleep, **options))
    old = signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def hang_up():
        while signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGHUP)

    thread = threading.Thread(target=hang_up)
    thread.start()
    try:
        assert processes.run(tmp_path / "plan.json") == (-signal.SIGTERM, True)
        thread.join()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, old)


def test_a_column_ends_with_a_comparison_that_is_killed():
    column = ("import time; from experiments.compare import processes; "
              "processes.end_with_parent(); print('ready', flush=True); "
              "time.sleep(60)")  # fmt: skip
    parent = ("import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]], "
              "start_new_session=True); print(p.pid, flush=True); p.wait()")  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", parent, column], stdout=subprocess.PIPE,
                               cwd=Path(__file__).parents[2], text=True)  # fmt: skip
    with process:
        said = {process.stdout.readline().strip(), process.stdout.readline().strip()}
        assert "ready" in said
        process.kill()
        assert process.stdout.read() == ""  # ends when the last of both does, long before 60 s
