import copy
import dataclasses
import math

import pytest

from components.quality_gate.gate import checks, message
from components.quality_gate.settings import GateSettings
from schema.settings import SettingsError

SETTINGS = GateSettings(
    min_recall_at_50_over_popularity=1.1,
    min_recall_at_50_over_item_knn=1.0,
    min_ndcg_at_10_over_popularity=1.0,
    min_ndcg_at_10_over_item_knn=1.0,
    min_queries=100,
    min_auc=0.6,
    min_positives=10,
    min_index_recall_at_100=0.9,
    max_milliseconds=50.0,
)


def _model(recall, ndcg):
    return {"overall": {"recall@50": recall, "ndcg@10": ndcg}}


GOOD = {
    "ranking": {
        "click": {
            "overall": {
                "auc": 0.7,
                "log_loss": 0.5,
                "prior_log_loss": 0.6,
                "examples": 1000,
                "positives": 300,
            }
        }
    },
    "retrieval": {
        "queries": 500,
        "models": {
            "model": _model(0.3, 0.1),
            "popularity": _model(0.2, 0.05),
            "item_knn": _model(0.25, 0.1),
        },
    },
    "index": {"recall@100": 0.97, "tail_recall@100": 0.95},
    "serving": {"signatures": {"recommend": {"milliseconds": 12.0}}},
}


def failed(settings=SETTINGS, **changes):
    reports = copy.deepcopy(GOOD) | changes
    return [c for c in checks(settings, **reports) if not c.ok]


def test_good_reports_pass_every_check():
    made = checks(SETTINGS, **GOOD)
    assert [check.metric for check in made] == [
        "retrieval.model.recall@50 / popularity.recall@50",
        "retrieval.model.recall@50 / item_knn.recall@50",
        "retrieval.model.ndcg@10 / popularity.ndcg@10",
        "retrieval.model.ndcg@10 / item_knn.ndcg@10",
        "ranking.click.auc",
        "ranking.click.log_loss",
        "index.recall@100",
        "index.tail_recall@100",
        "serving.recommend.milliseconds",
    ]
    assert all(check.ok and check.made for check in made)
    assert made[0].value == pytest.approx(1.5)


def _retrieval(model, popularity=(0.2, 0.05), queries=500):
    return {
        "queries": queries,
        "models": {
            "model": _model(*model),
            "popularity": _model(*popularity),
            "item_knn": _model(0.25, 0.1),
        },
    }


def test_each_ratio_is_held_against_its_own_threshold():
    (check,) = failed(retrieval=_retrieval((0.249, 0.1)))
    assert check.metric == "retrieval.model.recall@50 / item_knn.recall@50"
    checked = failed(retrieval=_retrieval((0.21, 0.2)))
    assert [check.threshold for check in checked] == [1.1, 1.0]


def test_finding_nothing_fails_even_beside_a_baseline_that_finds_nothing():
    names = [
        check.metric
        for check in failed(retrieval=_retrieval((0.0, 0.2), (0.0, 0.0)))
    ]
    assert "retrieval.model.recall@50 / popularity.recall@50" in names
    assert "retrieval.model.ndcg@10 / popularity.ndcg@10" not in names


def test_few_queries_are_not_judged_and_say_so():
    reports = {**GOOD, "retrieval": _retrieval((0.0, 0.0), queries=99)}
    made = checks(SETTINGS, **reports)[:4]
    assert all(check.ok and not check.made for check in made)
    assert made[0].note == "99 queries, judged from 100 on"


@pytest.mark.parametrize(
    ("figures", "metric"),
    [
        ({"auc": 0.59}, "ranking.click.auc"),
        ({"auc": None}, "ranking.click.auc"),
        ({"log_loss": 0.6}, "ranking.click.log_loss"),
        ({"log_loss": math.nan}, "ranking.click.log_loss"),
    ],
)
def test_heads_have_to_beat_the_prior(figures, metric):
    ranking = copy.deepcopy(GOOD["ranking"])
    ranking["click"]["overall"].update(figures)
    (check,) = failed(ranking=ranking)
    assert check.metric == metric


def test_a_head_without_positives_is_not_judged():
    ranking = copy.deepcopy(GOOD["ranking"])
    ranking["buy"] = {
        "overall": {
            "auc": None,
            "log_loss": 0.1,
            "prior_log_loss": 0.0,
            "examples": 1000,
            "positives": 0,
        }
    }
    made = checks(SETTINGS, **{**GOOD, "ranking": ranking})
    buy = [check for check in made if check.metric.startswith("ranking.buy")]
    assert len(buy) == 2
    assert all(check.ok and not check.made for check in buy)
    assert "0 positives" in buy[0].note


def test_index_and_latency():
    good = GOOD["index"]
    for name in good:
        (check,) = failed(index=good | {name: 0.89})
        assert check.metric == f"index.{name}"
    first, second = failed(index={})
    assert (first.value, second.value) == (None, None)
    slow = {"signatures": {"rank": {"milliseconds": 50.1}}}
    (check,) = failed(serving=slow)
    assert check.metric == "serving.rank.milliseconds"
    unchecked = GateSettings(max_milliseconds=0.0)
    assert not failed(settings=unchecked, serving=slow)


def test_the_message_names_metric_value_and_threshold():
    text = message(failed(index=GOOD["index"] | {"recall@100": 0.5}), 9)
    assert text == (
        "quality gate: 1 of 9 checks failed, nothing was pushed; "
        "index.recall@100 is 0.5, must be at least 0.9"
    )


def test_settings_name_the_field():
    with pytest.raises(SettingsError, match=r"min_auc is 1\.5; allowed: 0"):
        GateSettings(min_auc=1.5)
    with pytest.raises(SettingsError, match="max_log_loss_over_prior"):
        GateSettings(max_log_loss_over_prior=0.0)
    assert GateSettings.from_json(SETTINGS.to_json()) == SETTINGS


def test_an_update_is_held_against_the_version_it_went_on_with():
    settings = dataclasses.replace(
        SETTINGS, min_recall_at_50_over_last=0.95, min_ndcg_at_10_over_last=0.95
    )

    def against(recall, ndcg, queries=500):
        last = {"recall@50": recall, "ndcg@10": ndcg}
        found = GOOD["retrieval"] | {"queries": queries, "last_version": last}
        return [check.metric for check in failed(settings, retrieval=found)]

    # The model has 0.3 and 0.1.
    assert against(0.31, 0.104) == []
    assert against(0.32, 0.104) == [
        "retrieval.model.recall@50 / last_version.recall@50"
    ]
    assert against(0.31, 0.2) == [
        "retrieval.model.ndcg@10 / last_version.ndcg@10"
    ]
    assert against(0.32, 0.2, queries=99) == []
