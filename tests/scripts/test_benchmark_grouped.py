"""The forms of a grouped convolution that are compared compute the same."""

import subprocess
import sys

import numpy as np
import pytest
from keras import ops

from gan.r3gan.layers import conv_in_blocks
from scripts import benchmark_grouped


@pytest.mark.parametrize(
    "form", [benchmark_grouped.dense, benchmark_grouped.patches_product, conv_in_blocks]
)
def test_forms_agree_with_a_convolution_of_each_group(form):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 4, 6)).astype("float32")
    kernel = rng.normal(size=(3, 3, 2, 6)).astype("float32")
    parts = zip(np.split(x, 3, 3), np.split(kernel, 3, 3), strict=True)
    wanted = np.concatenate([ops.conv(part, own, 1, "same") for part, own in parts], axis=3)
    found = form(ops.convert_to_tensor(x), ops.convert_to_tensor(kernel), 3)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_milliseconds_of_each_form():
    found = benchmark_grouped.timed(channels=8, group=4, side=4, pictures=2, rounds=1)
    assert list(found) == ["dense", "product", "blocks", "native"]
    assert all(found[name] > 0 for name in ("dense", "product", "blocks"))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--group=3", "--group=3: expected a divisor of 128 channels."),
        ("--grouped_rounds=0", "--grouped_rounds=0: expected a number from 1 up."),
    ],
)
def test_bad_input(flag, message):
    command = [sys.executable, "-m", "scripts.benchmark_grouped", flag]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr == f"error: {message}\n"
