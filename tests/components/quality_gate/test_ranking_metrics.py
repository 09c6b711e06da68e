import numpy as np
import pytest

from models.metrics.ranking import auc, log_loss


@pytest.fixture(scope="module")
def ranking(evaluation_dir):
    from components.quality_gate.ranking_metrics import read_ranking

    return read_ranking(evaluation_dir)


def test_tfma_agrees_with_our_own_metrics(ranking, columns):
    label, chance = columns["label"], columns["chance"]
    weight = columns["weight"]
    overall = ranking["click"]["overall"]
    assert overall["auc"] == pytest.approx(auc(label, chance, weight), abs=1e-3)
    assert overall["log_loss"] == pytest.approx(
        log_loss(label, chance, weight), rel=1e-4
    )
    mean = np.average(label, weights=weight)
    assert overall["mean_label"] == pytest.approx(mean)
    assert overall["prior_log_loss"] == pytest.approx(
        log_loss(label, np.full(300, mean), weight)
    )
    # Rows, not weights.
    assert overall["examples"] == 300
    assert overall["positives"] == label.sum()


def test_slices_are_those_rows(ranking, columns):
    assert set(ranking["click"]) == {
        "overall",
        "device=ios",
        "device=web",
        "device=unknown",
        "scene=首页",
    }
    web = columns["device"] == "web"
    assert ranking["click"]["device=web"]["auc"] == pytest.approx(
        auc(
            columns["label"][web],
            columns["chance"][web],
            columns["weight"][web],
        ),
        abs=1e-3,
    )


def test_one_class_has_no_auc(ranking):
    overall = ranking["buy"]["overall"]
    assert overall["auc"] is None
    assert overall["prior_log_loss"] == 0.0
    assert overall["positives"] == 0
    assert overall["log_loss"] == pytest.approx(-np.log(0.75), rel=1e-4)


def test_calibration_sums_to_what_was_evaluated(evaluation_dir, columns):
    from components.quality_gate.ranking_metrics import read_calibration

    calibration = read_calibration(evaluation_dir)
    buckets = calibration["click"]
    total = sum(bucket["weight"] for bucket in buckets)
    assert total == columns["weight"].sum()
    first = (columns["chance"] < 0.05).nonzero()[0]
    assert buckets[0]["label"] == pytest.approx(
        np.average(columns["label"][first], weights=columns["weight"][first])
    )
    assert [bucket["label"] for bucket in calibration["buy"]] == [0.0]
    assert calibration["buy"][0]["prediction"] == pytest.approx(0.25)


def test_a_single_head_keeps_its_name(evaluate, columns):
    from components.quality_gate.ranking_metrics import (
        read_calibration,
        read_ranking,
    )

    folder = evaluate(["click"])
    ranking = read_ranking(folder)
    assert set(ranking) == set(read_calibration(folder)) == {"click"}
    assert ranking["click"]["overall"]["auc"] == pytest.approx(
        auc(columns["label"], columns["chance"], columns["weight"]),
        abs=1e-3,
    )
