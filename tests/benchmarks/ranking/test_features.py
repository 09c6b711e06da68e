"""What the peers of the ranking heads are told, counted by hand."""

import numpy as np
import pytest

from benchmarks.ranking import comparison, features
from models.metrics import ranking as metrics
from tests.models.conftest import (
    MODEL,
    NUM_USERS,
    STEPS,
    tiny_shop,  # noqa: F401
    walk,
)
from tests.slow import slow

pytestmark = slow


@pytest.fixture(scope="module", name="table")
def _table(tiny_shop, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("features")
    return features.read(
        tiny_shop, "train", MODEL, validation_share=0.2, folder=str(folder)
    )


def test_a_row_for_each_impression(table):
    # Two candidates for every second step of each user.
    count = NUM_USERS * STEPS
    assert all(values.shape == (count,) for values in table.columns.values())
    assert table.labels.shape == (count, 2)
    assert table.labels[::2, 0].tolist() == [1.0] * (count // 2)
    assert 0 < table.held_out.sum() < count / 2
    by_user = {u: table.held_out[table.users == u] for u in set(table.users)}
    assert all(len(set(values)) == 1 for values in by_user.values())


def test_what_is_counted_of_the_history(table):
    """User 0 walks in steps of 3 through items of one group."""
    stops = range(0, STEPS, 2)
    rows = slice(0, 2 * len(stops), 2)
    assert table.columns["history"][rows].tolist() == [
        min(stop, MODEL.max_history) for stop in stops
    ]
    group = table.columns["same_category_1"][rows].tolist()
    walked = walk(0)
    # Item 4 alone has no category.
    assert group == [
        0
        if walked[stop] == 4
        else sum(item != 4 for item in walked[:stop][-MODEL.max_history :])
        for stop in stops
    ]
    own = table.columns["own_click"][rows].tolist()
    assert own == [
        walked[:stop][-MODEL.max_history :].count(walked[stop])
        for stop in stops
    ]
    assert np.isnan(table.columns["days_since_own"][0])
    assert table.columns["hour"].min() >= 0


def test_no_choice_is_counted_that_was_still_to_come(table):
    """Nobody had chosen anything before the first user's first step."""
    every = table.columns["choices_10000_days"]
    assert every[0] == every[1] == 0
    last = every[table.users == f"u{NUM_USERS - 1}".encode()]
    assert last.max() > NUM_USERS * STEPS / 24 / 2
    assert (table.columns["choices_1_days"] <= every).all()


def test_names_have_no_order(table):
    names = features.categories(list(table.columns))
    assert {"brand_index", "city_index", "weekday"} <= set(names)
    assert not {"hour", "log_price", "history", "same_brand_index"} & set(names)


def test_users_are_drawn_alike_for_both():
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 400).astype(float)
    good, bad = labels + random.normal(size=400), random.normal(size=400)
    users, weights = random.integers(0, 50, 400), np.ones(400)
    order = random.permutation(400)
    one = comparison._auc_draws(good, labels, weights, users)
    again = comparison._auc_draws(
        good[order], labels[order], weights, users[order]
    )
    np.testing.assert_allclose(one, again)
    leads = one - comparison._auc_draws(bad, labels, weights, users)
    lead = metrics.auc(labels, good) - metrics.auc(labels, bad)
    assert leads.mean() == pytest.approx(lead, abs=0.03)
    assert (leads > 0).mean() > 0.99
