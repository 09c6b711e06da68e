"""Two devices learn what one does, in a process that has two of them."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.models.training.shop_model import assert_alike
from tests.slow import slow

ROOT = pathlib.Path(__file__).parents[3]


def found_in_a_process(what, sources, folder):
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.models.training.on_devices",
            what,
            json.dumps(dataclasses.asdict(sources)),
            str(folder),
        ],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr[-4000:]
    return json.loads(made.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found(tiny_shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    return found_in_a_process("trainings", tiny_shop, folder)


@pytest.fixture(scope="module")
def step(tiny_shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("steps")
    return found_in_a_process("steps", tiny_shop, folder)


def curve(found, strategy, part, name):
    rows = found[strategy]["history"][part]
    return [row[name] for row in rows if name in row]


@slow
def test_the_loss_curve_is_that_of_one_device(found):
    one, two, turned = (
        curve(found, strategy, "retrieval", "retrieval_loss")
        for strategy in ("default", "mirrored", "turned")
    )
    assert len(one) == len(two) == 4
    # Sums in another order, no more: nothing is drawn in the towers.
    assert_alike(two, one, turned)
    assert one[-2] < 0.9 * one[0]
    # The heads draw what they drop, so theirs is alike and not the same.
    one, two = (
        curve(found, strategy, "ranking", "ranking_loss")
        for strategy in ("default", "mirrored")
    )
    np.testing.assert_allclose(two, one, rtol=0.1)


@slow
def test_what_they_validate_and_export_is_the_same_too(found):
    one, two, turned = (
        np.array(found[name]["items"])
        for name in ("default", "mirrored", "turned")
    )
    assert_alike(two, one, turned)
    one, two = (
        curve(found, strategy, "retrieval", "val_gain")
        for strategy in ("default", "mirrored")
    )
    # A target that is one place off, of the few that are held out.
    np.testing.assert_allclose(two, one, atol=0.05)


def test_each_choice_of_a_batch_counts_alike(step):
    """Parts differ in what they have to learn from, and that is seen."""
    assert step["devices"] == 2
    assert step["parts"][0] != step["parts"][1]
    np.testing.assert_allclose(*step["losses"], rtol=1e-5)
    apart, far = step["together"]
    assert apart < 1e-4 * far
    # Divided by its own weight, each part counts as much as the batch.
    apart, far = step["wrong"]
    assert apart > 0.5 * far


def test_a_batch_that_cannot_be_divided_is_named(step):
    assert step["odd"] == (
        "TrainingSettings.sequence_batch is 9; allowed: a multiple of the 2 "
        "devices that divide a batch"
    )
