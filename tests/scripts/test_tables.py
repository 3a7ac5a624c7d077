"""Tables from recorded lines, and the speed table of AdaIN's paper."""

import json

import pytest
from absl.testing import flagsaver

from core.errors import InputError
from experiments import tables
from experiments.cli import command
from scripts import table_adain_speed

WHERE = {"date": "2026-01-02T00:00:00Z", "commit": "abc", "device": "CPU", "machine": "m"}


def line(method, size, seconds, encoded=None, run="2026-01-02T00:00:00Z"):
    return {"table": "adain_speed", "run": run, "method": method, "size": size, "n": 5,
            "seconds": seconds, "seconds_with_encoding": encoded, "range": [seconds, seconds],
            "weights": "random", "environment": WHERE}  # fmt: skip


def record(folder, *lines):
    tables.append_lines(folder / "adain_speed.jsonl", lines)


@pytest.fixture
def run(tmp_path):
    """The script on the results in `tmp_path`; its exit status."""

    def call(**given):
        with flagsaver.flagsaver(output=str(tmp_path), **given):
            return command(table_adain_speed._run)(["table"])

    return call


def test_three_forms_of_one_table():
    header, rows = ["method", "s"], [["Chen & Schmidt", "1.5×"], ["Gatys", tables.MISSING]]
    assert tables.markdown(header, rows) == (
        "| method | s |\n|---|---:|\n| Chen & Schmidt | 1.5× |\n| Gatys | – |\n"
    )
    assert tables.comma_separated(header, rows) == "method,s\nChen & Schmidt,1.5×\nGatys,–\n"
    assert r"Chen \& Schmidt & 1.5$\times$ \\" in tables.latex(header, rows)
    assert r"Gatys & -- \\" in tables.latex(header, rows)


def test_ratios_published_figures_and_what_was_not_run(run, tmp_path, capfd):
    old = "2026-01-01T00:00:00Z"
    record(tmp_path, line("gatys", 256, 9.0, run=old), line("adain", 256, 0.5, 0.75))
    record(tmp_path, line("style_swap", 256, 2.0, 2.5))
    assert run(measure=False) == 0
    rows = [
        [cell.strip() for cell in text.strip("|").split("|")]
        for text in capfd.readouterr().out.splitlines()
        if text.startswith("| ")
    ]
    found = {row[0]: row[1:] for row in rows}
    assert found["AdaIN"][:4] == ["0.5 (0.75) [0.5, 0.5]", "1×", "0.018 (0.027)", "1×"]
    assert found["Chen & Schmidt"][:4] == ["2 (2.5) [2, 2]", "4×", "0.171 (0.407)", "9.5×"]
    assert found["Gatys et al."][:4] == ["–", "–", "14.17", "787×"]  # of an older run
    assert found["Ulyanov et al."][4:] == ["–", "–", "0.038", "0.58×", "1"]
    assert (tmp_path / "adain_speed.tex").exists() and (tmp_path / "adain_speed.csv").exists()


def test_a_method_is_measured_and_recorded(run, tmp_path, capfd):
    assert run(methods=["johnson"], sizes=["160"], repeats=2) == 0
    (found,) = [json.loads(x) for x in (tmp_path / "adain_speed.jsonl").read_text().splitlines()]
    assert found["method"] == "johnson" and found["n"] == 2
    assert 0 < found["range"][0] <= found["seconds"] <= found["range"][1]
    assert "| Johnson et al. |" in capfd.readouterr().out


@pytest.mark.parametrize(("given", "message"), [
    ({"measure": False}, "no measurement of adain_speed is recorded there"),
    ({"methods": ["sanakoyeu"]}, "'sanakoyeu' is unknown; expected some of gatys"),
    ({"sizes": ["64px"]}, "expected numbers of pixels from 160 up"),
    ({"repeats": 0}, "expected 1 or more"),
])  # fmt: skip
def test_what_it_refuses(given, message, run, capfd):
    assert run(**given) == 1
    out, said = capfd.readouterr()
    assert message in said and out == "" and "Traceback" not in said


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"table": "x"}\n{"table\n')
    with pytest.raises(InputError, match=r"a\.jsonl, line 2: not a line of a record"):
        tables.read_lines(tmp_path, "x")


@pytest.mark.parametrize("change", [{"seconds": "x"}, {"range": [1]}, {"environment": {}}])
def test_a_line_of_another_form_is_named(change, tmp_path, run, capfd):
    line = {"table": "adain_speed", "run": "a", "method": "adain", "size": 256, "seconds": 1.0}
    line |= {"range": [1, 2], "n": 3, "weights": "random"}
    line |= {"environment": {"commit": "a", "device": "CPU", "machine": "b"}}
    (tmp_path / "a.jsonl").write_text(json.dumps(line | change) + "\n")
    assert run(measure=False) == 1
    assert "a.jsonl, line 1: not a line of a record" in capfd.readouterr().err
