"""The benchmark runs, and what it counts is right. (How fast anything is, is not tested.)"""

import json
import subprocess
import sys

import keras
import pytest

from core.errors import InputError
from core.flops import network_flops
from core.sizes import at_shapes
from gan.progressive import Discriminator, Synthesis
from scripts import beside


@pytest.mark.thorough
def test_a_run_prints_and_stores_a_row(tmp_path):
    results = tmp_path / "rows.jsonl"
    command = [sys.executable, "-m", "scripts.benchmark", "--preset=smoke", "--steps=1"]
    done = subprocess.run(
        [*command, f"--results={results}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    row = json.loads(results.read_text())
    assert row.keys() >= {"ms_per_step", "images_per_second", "first_step_s", "peak_memory_gib"}
    assert row.keys() >= {"share_of_matmul", "pipeline_images_per_core_second", "environment"}
    assert row["images_per_second"] == pytest.approx(2 * 1000 / row["ms_per_step"])
    assert "ms_per_step" in done.stdout


def test_operations_of_convolutions_by_hand():
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same")(inputs)  # 8 x 8 -> 4 x 4
    x = keras.layers.Conv2DTranspose(2, 3, strides=2, padding="same")(x)  # 4 x 4 -> 8 x 8
    count = network_flops(at_shapes(keras.Model(inputs, x), [(2, 8, 8, 3)]))
    assert count == 2 * (2 * 16) * (9 * 3 * 5) + 2 * (2 * 16) * (9 * 5 * 2)


def test_operations_of_growing_networks_by_hand():
    """4 and 8 pixels, 4 features, then 2 and 3; the resampling convolutions are of 4x4."""
    network = Synthesis(8, 5, fmap_base=8, fmap_max=4)
    dense, conv4, up, conv8 = 5 * 16 * 4, 16 * 9 * 4 * 4, 16 * 16 * 4 * 2, 64 * 9 * 2 * 2
    count = network_flops(network.functional(3, 8))
    assert count == 2 * 3 * (dense + conv4 + up + conv8 + 64 * 2 * 3)
    network = Discriminator(8, fmap_base=8, fmap_max=4)
    enter, conv8, down, conv4 = 64 * 3 * 2, 64 * 9 * 2 * 2, 16 * 16 * 2 * 4, 16 * 9 * 5 * 4
    dense = 64 * 4 + 4
    count = network_flops(network.functional(3, 8))
    assert count == 2 * 3 * (enter + conv8 + down + conv4 + dense)


def printing(text, status=0):
    """A command that prints a line and ends."""
    return [sys.executable, "-c", f"import sys; print({text!r}); sys.exit({status})"]


def test_two_commands_in_turns(tmp_path):
    order = tmp_path / "order"
    code = "print('x'); print('{{\"images_per_second\": {1}}}'); open({0!r}, 'a').write('{1}')"
    commands = [[sys.executable, "-c", code.format(str(order), rate)] for rate in (6, 4)]
    rows = beside.alternate(*commands, 2)
    assert order.read_text() == "6464"
    assert beside.compared(*rows) == {"ours": 6.0, "peer": 4.0, "ratio": 1.5, "ratios": [1.5, 1.5]}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-program"], "cannot be run"),
        (printing("3"), "its last line is '3'; expected a JSON object"),
        (printing('{"ms_per_step": 3}'), "expected a JSON object with images_per_second"),
        (printing("", 3), "ended with status 3: it said nothing"),
    ],
)
def test_a_peer_without_a_result_is_refused(command, words):
    with pytest.raises(InputError, match=words):
        beside.row_of(command)
