"""What the comparison of tuned encoders is made of, by hand."""

import numpy as np
import pytest

from benchmarks.fine_tuning import (
    TOWERS,
    Options,
    _contenders,
    _figures,
    _groups,
    _told,
)
from components.retrieval_evaluator.evaluation import Result


def result(ranks):
    empty = np.zeros((len(ranks), 10))
    return Result(np.array(ranks), empty.astype(np.int32), empty, 100)


def test_all_contenders_have_the_same_passes():
    found = _contenders(
        Options(modes=("adapters", "all"), epochs=6, seconds=9.0)
    )
    assert list(found) == ["frozen", TOWERS, "adapters", "all"]
    with_text = list(found.values())[1:]
    limits = {
        (s.max_epochs, s.max_seconds, s.validate_every) for s in with_text
    }
    assert limits == {(6, 9.0, 2)}
    # The encoder of the control stands still.
    moved = np.float32(1e-6) - np.float32(found[TOWERS].peak)
    assert moved == np.float32(1e-6)
    assert not found[TOWERS].weight_decay


def test_lead_is_over_the_frozen_one_on_the_same_queries():
    frozen, tuned = result([0, 60, 20]), result([0, 2, 20])
    users = np.array([b"a", b"b", b"c"], object)
    everything = np.ones(3, bool)
    found = _figures(tuned, frozen, everything, users)
    assert found["recall@10"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["recall@50"] == 1
    assert found["ndcg@10"] == 0.5
    lead = found["ndcg@10 over frozen"]
    assert lead["mean"] == pytest.approx(0.5 / 3, abs=1e-4)
    assert lead["interval"][0] >= 0
    assert "ndcg@10 over frozen" not in _figures(
        frozen, frozen, everything, users
    )
    one = _figures(tuned, frozen, np.array([True, False, False]), users)
    assert one["ndcg@10 over frozen"]["mean"] == 0


def test_groups_that_nobody_is_in_are_left_out():
    found = _groups(np.array([0, 3, 5, 6]), np.zeros(4, bool))
    assert {name: mask.tolist() for name, mask in found.items()} == {
        "all": [True] * 4,
        "unseen": [True, False, False, False],
        "1 to 5 events": [False, True, True, False],
        "more events": [False, False, False, True],
    }


def test_epochs_with_the_encoder_are_told_apart():
    rows = [
        {"seconds": 1.0, "val_gain": 0.2},
        {"seconds": 3.0, "val_gain": 0.4, "texts": 8.0},
        {"seconds": 3.0, "texts": 8.0},
    ]
    [_, towers] = _contenders(Options(modes=())).values()
    told = _told(rows, towers)
    assert (told["epochs"], told["epochs_with_text"]) == (3, 2)
    assert (told["seconds"], told["seconds_with_text"]) == (7.0, 6.0)
    assert told["val_gain"] == 0.4
