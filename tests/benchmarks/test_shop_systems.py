"""How the figures of churn and of profiles are put together."""

import numpy as np
import pytest

from applications.churn.features import Table
from applications.churn.words import Feature
from benchmarks.churn import comparison
from benchmarks.profile import accuracy
from schema.errors import DataError

FIGURES = {"auc": 0.8, "log_loss": 0.4, "calibration_error": 0.02, "lift": 3.0}


def test_churn_in_the_report_has_peers_beside_ours_and_the_lead():
    system = comparison.system_figures(
        {
            "days": 7,
            "look_back_days": 14,
            "users": {"training": 50, "evaluated": 1234},
            "lost": {"training": 0.3, "evaluated": 0.25},
            "models": {
                "daogou": FIGURES,
                "LightGBM": {**FIGURES, "auc": 0.78},
            },
            "leads": {"LightGBM": {"auc": 0.02, "interval": (-0.01, 0.05)}},
        },
        "daogou bench churn",
    )
    assert "1,234 users, 25% lost" in system.lead
    assert "+0.020 (-0.010 to +0.050)" in system.lead
    by_name = {figure.metric: figure for figure in system.figures}
    assert by_name["auc"].values == {"daogou": 0.8, "LightGBM": 0.78}
    lower = {name for name, one in by_name.items() if one.lower_is_better}
    assert lower == {"log loss", "calibration error"}


def test_peers_get_names_as_numbers_and_unknown_as_such():
    def table(visits, cities):
        empty = np.zeros(len(visits))
        return Table(
            users=np.array(["u"] * len(visits), object),
            columns={
                "visits": np.array(visits, float),
                "city": np.array(cities, object),
            },
            lost=None,
            last_active=empty,
            value=empty,
        )

    features = (Feature("visits", ""), Feature("city", "", is_text=True))
    fit, asked = comparison._numbers(
        features,
        table([1, np.nan], ["杭州", "上海"]),
        table([3, 4], ["杭州", "广州"]),
    )
    np.testing.assert_array_equal(fit, [[1, 1], [np.nan, 0]])
    # A city that nothing was learned of is unknown.
    np.testing.assert_array_equal(asked, [[3, 1], [4, np.nan]])


def test_right_answers_are_counted():
    def question(allowed, ours, other, told=None, sure=None):
        return accuracy._Question(
            frozenset(allowed), {"daogou": ours, "last": other}, told, sure
        )

    found = accuracy._answered(
        [
            question("ab", "a", "c", "a", 0.9),
            question("b", "b", "b", "c", 0.7),
            question("b", "a", "a"),
            question("c", "c", "a"),
        ]
    )
    assert found["accuracy"] == {"daogou": 0.75, "last": 0.25, "majority": 0.75}
    assert found["lead"]["over"] == "majority"
    assert found["told"] == {
        "share": 0.5,
        "accuracy": 0.5,
        "confidence": pytest.approx(0.8),
    }
    with pytest.raises(DataError, match="has made a choice"):
        accuracy._answered([])
