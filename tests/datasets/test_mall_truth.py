"""What is measured in the simulated log is what was planted."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from datasets import mall
from datasets.mall.ground_truth import GroundTruth, true_relevance
from datasets.mall.page_truth import PageTruth
from datasets.mall.relevance import examination
from datasets.mall.shoppers import build_shoppers, first_tastes, next_day
from schema.errors import DataError

SETTINGS = mall.MallSettings(
    num_items=2000,
    num_users=1200,
    num_days=10,
    sessions_per_user_day=0.5,
    new_user_share=0.0,
    duplicate_share=0.0,
    bad_row_share=0.0,
    num_bots=0,
    truth_share=1.0,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mall")
    mall.generate(SETTINGS, folder)
    return folder


@pytest.fixture(scope="module")
def truth(folder):
    return GroundTruth(folder / "ground_truth")


@pytest.fixture(scope="module")
def events(folder):
    return pq.read_table(folder / "events").to_pandas()


@pytest.fixture(scope="module")
def impressions(folder, events):
    """Each impression with its true probability and whether it was clicked."""
    shown = pq.read_table(folder / "ground_truth" / "impressions").to_pandas()
    clicks = events.loc[
        events["event_type"] == "click", ["session_id", "item_id", "timestamp"]
    ]
    shown = shown.sort_values("timestamp").reset_index(names="impression")
    joined = pd.merge_asof(
        clicks.sort_values("timestamp"),
        shown,
        on="timestamp",
        by=["session_id", "item_id"],
    )
    assert joined["impression"].notna().all()
    assert joined["impression"].is_unique
    clicked = shown["impression"].isin(joined["impression"])
    return shown.assign(clicked=clicked)


def test_clicks_come_as_often_as_their_probabilities_say(impressions):
    chance = impressions["click_probability"]
    assert chance.between(0, 1).all()
    for _, part in impressions.groupby(pd.qcut(chance, 10)):
        expected = part["click_probability"].sum()
        deviation = np.sqrt(expected)
        assert abs(part["clicked"].sum() - expected) < 4 * deviation


def test_measured_position_bias_is_the_planted_one(impressions, truth):
    curve = examination(SETTINGS)
    np.testing.assert_allclose(truth.summary["examination"], curve, atol=1e-6)
    slots = impressions.groupby("position")
    # What would be clicked if every slot were looked at.
    position = impressions["position"].to_numpy()
    pleasing = impressions["click_probability"] / curve[position]
    pleasing = pleasing.groupby(impressions["position"]).sum()
    measured = slots["clicked"].sum() / pleasing
    np.testing.assert_allclose(measured, curve, rtol=0.06)
    # The bias is in plain click rates too.
    rates = slots["clicked"].mean().to_numpy()
    assert rates[0] > 1.8 * rates[-1]


def test_the_funnel_is_believable(events):
    count = events["event_type"].value_counts()
    assert 0.05 < count["click"] / count["impression"] < 0.13
    assert 0.08 < count["cart"] / count["click"] < 0.16
    assert 0.03 < count["buy"] / count["click"] < 0.065
    assert 0 < count["uncart"] < 0.15 * count["cart"]
    assert count["search"] > 0
    assert 0 < count["campaign_join"] < count["campaign_view"]
    assert set(events["scene"]) == {"home", "search", "category", "campaign"}


def test_deeper_events_follow_a_click_on_the_item(events):
    deep = events[events["event_type"].isin(["view", "cart", "buy"])]
    clicks = events[events["event_type"] == "click"]
    joined = pd.merge_asof(
        deep,
        clicks.assign(clicked_at=clicks["timestamp"])[
            ["session_id", "item_id", "timestamp", "clicked_at"]
        ],
        on="timestamp",
        by=["session_id", "item_id"],
    )
    assert joined["clicked_at"].notna().all()
    assert (joined["timestamp"] - joined["clicked_at"]).max() < 90


def test_searches_lead_to_clicks_in_the_leaf_that_is_meant(folder, events):
    queries = pq.read_table(folder / "ground_truth" / "queries").to_pandas()
    meant = queries.set_index("query")["category"]
    items = pq.read_table(folder / "items").to_pandas()
    category = items.set_index("item_id")["category"]
    clicks = events[
        (events["event_type"] == "click") & (events["scene"] == "search")
    ]
    fits = (
        category[clicks["item_id"]].to_numpy()
        == meant[clicks["query"]].to_numpy()
    )
    assert fits.mean() > 0.9
    assert events["query"].nunique() > 1000


def recall_at_50(scores, targets):
    better = (scores > scores[np.arange(len(targets)), targets, None]).sum(1)
    return (better < 50).mean()


def test_the_oracle_beats_popularity_by_far(events, truth):
    clicks = events[events["event_type"] == "click"]
    last = SETTINGS.num_days - 1
    held_out = clicks["timestamp"] >= SETTINGS.day_start(last)
    items = clicks["item_id"].map(truth.item_row).to_numpy()
    users = clicks["user_id"].map(truth.user_row).to_numpy()
    count = len(truth.item_row)
    popular = np.bincount(items[~held_out], minlength=count)
    targets, who = items[held_out], users[held_out]
    assert len(targets) > 300
    every = np.broadcast_to(np.arange(count), (len(who), count))
    oracle = truth.relevance(who, every, last)
    popularity = np.broadcast_to(popular, every.shape)
    of_popularity = recall_at_50(popularity, targets)
    of_oracle = recall_at_50(oracle, targets)
    assert of_popularity < 0.25
    assert of_oracle > 0.6
    # Tastes drift: those of the first day are worth less on the last.
    stale = truth.relevance(who, every, 0)
    assert recall_at_50(stale, targets) < of_oracle - 0.1


def test_the_next_click_depends_on_the_last_one(events, truth):
    clicks = events[events["event_type"] == "click"]
    clicks = clicks.sort_values(["user_id", "timestamp"], kind="stable")
    items = clicks["item_id"].map(truth.item_row).to_numpy()
    leaf = truth.world.catalogue.leaf[items]
    follow_ups = truth.world.catalogue.follow_ups

    def follows(first, second):
        return (follow_ups[first] == second[:, None]).any(1).mean()

    user = clicks["user_id"].to_numpy()
    session = clicks["session_id"].to_numpy()
    inside = session[1:] == session[:-1]
    across = (user[1:] == user[:-1]) & ~inside
    same = leaf[1:] == leaf[:-1]
    # A session keeps to a leaf more than a shopper does.
    assert same[inside].mean() > 2 * same[across].mean()
    moves = inside & ~same
    first, second = leaf[:-1][moves], leaf[1:][moves]
    jumps = across & ~same
    usual = follows(leaf[:-1][jumps], leaf[1:][jumps])
    assert follows(first, second) > 2 * usual
    # What follows comes after, not before, though some leaves follow
    # each other.
    assert follows(first, second) > 1.15 * follows(second, first)


def test_what_is_used_up_is_bought_again(events, truth):
    catalogue = truth.world.catalogue
    repeat = np.array([leaf.repeat_days for leaf in catalogue.leaves])
    buys = events[events["event_type"] == "buy"]
    times = buys.groupby(["user_id", "item_id"]).size()
    again = times[times > 1].index.get_level_values("item_id")
    days = repeat[catalogue.leaf[again.map(truth.item_row)]]
    assert len(again) > 5
    assert (days > 0).mean() > 0.6


def test_a_replay_gives_the_written_tastes(folder, truth):
    users = pq.read_table(folder / "ground_truth" / "users").to_pandas()
    names = [leaf.category for leaf in truth.world.catalogue.leaves]
    rows = users["user_id"].map(truth.user_row).to_numpy()
    for when, day in (("start", 0), ("end", SETTINGS.num_days - 1)):
        tastes = truth.tastes(day)
        for field, mine in (
            (f"strengths_{when}", tastes.strengths),
            (f"style_{when}", tastes.style),
        ):
            written = np.stack(users[field].to_list())
            np.testing.assert_allclose(written, mine[rows], atol=1e-5)
        written = [
            [names.index(c) for c in u] for u in users[f"interests_{when}"]
        ]
        np.testing.assert_array_equal(written, tastes.leaves[rows])


def test_tastes_drift_only_as_far_as_the_settings_say(truth):
    still = mall.MallSettings(num_items=400, new_items_per_day=5, drift=0.0)
    catalogue = truth.world.catalogue
    shoppers, first = first_tastes(still, catalogue, build_shoppers(still))
    second = next_day(still, catalogue, shoppers, first, 1)
    np.testing.assert_array_equal(first.leaves, second.leaves)
    np.testing.assert_array_equal(first.strengths, second.strengths)
    np.testing.assert_array_equal(first.style, second.style)
    days = [truth.tastes(day) for day in (0, 1, SETTINGS.num_days - 1)]
    changed = [(days[0].leaves != later.leaves).mean() for later in days[1:]]
    assert 0 < changed[0] < 0.02
    assert changed[1] > 4 * changed[0]
    for tastes in days:
        ordered = np.sort(tastes.leaves, axis=1)
        assert (np.diff(ordered, axis=1) > 0).all()


def test_true_relevance_speaks_ids(folder, truth):
    path = folder / "ground_truth"
    catalogue = truth.world.catalogue
    user_id = truth.world.shoppers.user_ids[3]
    scores = true_relevance(path, user_id, list(catalogue.item_ids), 2)
    wanted = truth.tastes(2).leaves[3]
    liked = np.isin(catalogue.leaf, wanted)
    assert scores.shape == (len(catalogue),)
    assert scores[liked].mean() > scores[~liked].mean() + 1
    part = true_relevance(path, user_id, list(catalogue.item_ids[5:7]), 2)
    np.testing.assert_allclose(part, scores[5:7])


def test_pages_are_clicked_as_their_truth_says(impressions, truth):
    """Asked about what was shown, it is near what the mall drew from."""
    pages = PageTruth(truth)
    late = impressions[impressions["timestamp"] >= SETTINGS.day_start(8)]
    shown = late.iloc[::29]
    when = shown["timestamp"].to_numpy()
    wanted = pages.wanted(shown["session_id"].to_numpy(object), when)
    assert (wanted >= 0).all()
    items, column = np.unique(
        shown["item_id"].to_numpy(str), return_inverse=True
    )
    chances = pages.chances(
        shown["user_id"].to_numpy(object), items.astype(object), when, wanted
    )[np.arange(len(shown)), column]
    slot = shown["position"].to_numpy()
    chances = chances * pages.examination[slot]
    drawn = shown["click_probability"].to_numpy()
    # Brand and attribute that were wanted, and what is owned, are not in it.
    assert np.corrcoef(np.log(chances), np.log(drawn))[0, 1] > 0.95
    assert 0.8 < chances.mean() / drawn.mean() < 1.05
    without = pages.chances(
        shown["user_id"].to_numpy(object),
        items.astype(object),
        when,
        np.full(len(shown), -1),
    )[np.arange(len(shown)), column]
    assert np.corrcoef(without, drawn)[0, 1] < np.corrcoef(chances, drawn)[0, 1]
    np.testing.assert_allclose(pages.examination_of(6), examination(SETTINGS))


def test_a_session_is_after_what_its_latest_page_was(folder, truth):
    pages = PageTruth(truth)
    intents = pq.read_table(folder / "ground_truth" / "intents").to_pandas()
    session = intents["session_id"].value_counts().index[0]
    mine = intents[intents["session_id"] == session].sort_values("timestamp")
    times = mine["timestamp"].to_numpy()
    names = [leaf.category for leaf in truth.world.catalogue.leaves]
    leaves = [names.index(name) for name in mine["category"]]
    asked = np.array([session] * len(times), object)
    assert pages.wanted(asked, times).tolist() == leaves
    assert pages.wanted(asked, times + 1)[-1] == leaves[-1]
    early = pages.wanted(np.array([session, "none"], object), times[:1] - 1)
    assert early.tolist() == [-1, -1]
    with pytest.raises(DataError, match="user_id 'nobody' is not in the mall"):
        pages.rows("user", np.array(["nobody"], object))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"user_id": "nobody"}, "nobody"),
        ({"item_ids": ["gone"]}, "gone"),
        ({"day": 10}, "day is 10"),
    ],
)
def test_what_the_mall_does_not_have_is_named(folder, truth, wrong, named):
    right = {
        "user_id": truth.world.shoppers.user_ids[0],
        "item_ids": [],
        "day": 0,
    }
    with pytest.raises(DataError, match=named):
        true_relevance(folder / "ground_truth", **(right | wrong))


def test_a_missing_ground_truth_is_named(tmp_path):
    with pytest.raises(DataError, match=r"settings\.json is missing"):
        GroundTruth(tmp_path)
