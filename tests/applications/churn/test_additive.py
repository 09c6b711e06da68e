import numpy as np
import pytest

from applications.churn.additive import train
from applications.churn.features import Table
from applications.churn.shapes import design, fit_shapes
from applications.churn.words import Feature

NUMBER = Feature("number", "数 {value}")
NOISE = Feature("noise", "噪声 {value}")
CITY = Feature("city", "城市 {value}", is_text=True)
SAME = Feature("same", "不变")
FEATURES = (NUMBER, NOISE, CITY, SAME)


def _table(rows=3000, seed=0):
    random = np.random.default_rng(seed)
    number = random.normal(size=rows)
    number[random.random(rows) < 0.1] = np.nan
    city = random.choice(["杭州", "上海", ""], rows).astype(object)
    # A bend at 0, a missing value and a city matter; noise does not.
    logit = -1 + 2 * np.maximum(np.nan_to_num(number), 0)
    logit += 1.5 * np.isnan(number) + 1.0 * (city == "杭州")
    return Table(
        users=np.array([f"u{n}" for n in range(rows)], object),
        columns={
            "number": number,
            "noise": random.normal(size=rows),
            "city": city,
            "same": np.ones(rows),
        },
        lost=random.random(rows) < 1 / (1 + np.exp(-logit)),
        last_active=np.zeros(rows, np.int64),
        value=np.zeros(rows),
    ), logit


def test_curves_go_through_their_knots_and_unknown_has_its_own_column():
    table, _ = _table()
    shapes = fit_shapes(FEATURES, table)
    # What is always the same tells nothing.
    assert [s.feature.name for s in shapes] == ["number", "noise", "city"]
    number = shapes[0]
    assert number.has_missing
    values = np.array([number.knots[0] - 9, number.knots[3], np.nan])
    columns = number.columns(values)
    assert columns[0].tolist() == [-0.5, 1, *[0] * 7, 0]
    assert columns[1].tolist() == pytest.approx(
        [3 / 7 - 0.5, *[0] * 3, 1, *[0] * 4, 0]
    )
    assert columns[2].tolist() == [*[0] * 9, 1]
    assert shapes[2].names == ("上海", "杭州")
    assert design([], table).shape == (3000, 0)


def test_drivers_sum_to_the_logit_of_the_keras_model():
    table, logit = _table()
    model = train(FEATURES, table)
    asked, _ = _table(50, seed=1)
    drivers = model.drivers(asked)
    columns = design(model.shapes, asked)
    np.testing.assert_allclose(
        drivers.base + drivers.contributions.sum(1),
        model.model(columns).numpy(),
        atol=1e-9,
    )
    np.testing.assert_allclose(
        drivers.chances, 1 / (1 + np.exp(-drivers.logits))
    )
    # On what was learned from, contributions have a mean of 0 …
    own = model.drivers(table)
    np.testing.assert_allclose(own.contributions.mean(0), 0, atol=1e-9)
    # … chances are calibrated, and near the truth.
    assert own.chances.mean() == pytest.approx(table.lost.mean(), abs=1e-3)
    assert np.abs(own.logits - logit).mean() < 0.2
    # The noise's curve is flat.
    sizes = dict(zip(own.names, np.abs(own.contributions).mean(0), strict=True))
    assert sizes["noise"] < 0.05
    assert sizes["number"] > 0.5


def test_equal_data_give_equal_models():
    table, _ = _table(300)
    one, other = (train(FEATURES, table).drivers(table) for _ in range(2))
    assert (one.contributions == other.contributions).all()


def test_features_of_one_driver_are_told_together():
    table, _ = _table(300)
    pair = (
        Feature("number", "近期兴趣", driver="interest"),
        Feature("noise", "近期兴趣", driver="interest"),
        CITY,
    )
    drivers = train(pair, table).drivers(table)
    assert drivers.names == ("interest", "city")
    assert drivers.contributions.shape == (300, 2)
