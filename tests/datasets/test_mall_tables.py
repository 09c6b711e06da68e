"""The tables that the simulated mall writes."""

import dataclasses
import hashlib

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from datasets import mall
from datasets.mall.catalogue import build_catalogue
from datasets.mall.dirt import WRONG_EVENT_TYPE
from datasets.mall.tables import items_table
from datasets.tables import arrow_schema
from schema.contract import (
    CAMPAIGN_EVENT_TYPES,
    CAMPAIGN_KINDS,
    EVENT_TYPES,
    ITEM_EVENT_TYPES,
    TABLES,
)

TINY = mall.MallSettings(
    num_items=400,
    num_users=200,
    num_days=10,
    start_date="2025-11-03",
    new_items_per_day=8,
    sessions_per_user_day=0.3,
    duplicate_share=0.01,
    bad_row_share=0.01,
    num_bots=2,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mall")
    return folder, mall.generate(TINY, folder)


@pytest.fixture(scope="module")
def tables(made):
    return {name: pq.read_table(made[0] / name) for name in TABLES}


@pytest.fixture(scope="module")
def dirt(made):
    return pq.read_table(made[0] / "ground_truth" / "dirt").to_pandas()


@pytest.fixture(scope="module")
def clean(tables, dirt):
    """Events without any dirt."""
    events = tables["events"].to_pandas()
    return events.drop(index=dirt["row"])


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_one_seed_gives_identical_files(made, tmp_path):
    assert mall.generate(TINY, tmp_path / "again") == made[1]
    assert digests(tmp_path / "again") == digests(made[0])
    other = dataclasses.replace(TINY, seed=8)
    mall.generate(other, tmp_path / "other")
    first, second = digests(made[0]), digests(tmp_path / "other")
    assert first.keys() == second.keys()
    same = [name for name in first if first[name] == second[name]]
    assert same == ["SIMULATED.md"]


def test_an_earlier_mall_is_replaced(made, tmp_path):
    longer = dataclasses.replace(TINY, num_days=12)
    mall.generate(longer, tmp_path)
    mall.generate(TINY, tmp_path)
    assert digests(tmp_path) == digests(made[0])


def test_tables_have_the_contract_form(made, tables):
    for name, table in tables.items():
        assert table.schema.equals(arrow_schema(name)), name
        assert table.num_rows == made[1][name]
        for column in TABLES[name]:
            if column.required:
                assert table[column.name].null_count == 0, column.name
    assert 12_000 < tables["events"].num_rows < 25_000
    for name, key in (
        ("items", "item_id"),
        ("users", "user_id"),
        ("campaigns", "campaign_id"),
    ):
        ids = tables[name][key].to_pylist()
        assert ids == sorted(set(ids)), name
    items = tables["items"].to_pandas()
    assert items["category"].nunique() >= 100
    assert (items["price"] > 0).all()
    assert set(tables["campaigns"]["kind"].to_pylist()) <= set(CAMPAIGN_KINDS)
    assert "双十一全球狂欢" in tables["campaigns"]["title"].to_pylist()
    notice = (made[0] / "SIMULATED.md").read_text(encoding="utf-8")
    assert "simulated" in notice
    assert "模拟" in notice


def test_events_are_well_formed_where_they_are_clean(clean, tables):
    assert clean["timestamp"].is_monotonic_increasing
    assert set(clean["event_type"]) == set(EVENT_TYPES)
    on_item = clean["event_type"].isin(ITEM_EVENT_TYPES)
    assert clean["item_id"].notna().equals(on_item)
    ids = tables["items"]["item_id"].to_pylist()
    assert set(clean["item_id"].dropna()) <= set(ids)
    assert set(clean["user_id"]) <= set(tables["users"]["user_id"].to_pylist())
    shown = clean["event_type"] == "impression"
    assert clean["position"].notna().equals(shown)
    assert (clean.loc[on_item, "price"] > 0).all()
    searched = clean["scene"] == "search"
    assert clean["query"].notna().equals(searched)
    about = clean["event_type"].isin(CAMPAIGN_EVENT_TYPES)
    assert clean.loc[about, "campaign_id"].notna().all()
    wanted = clean["event_type"].isin(["cart", "buy"])
    assert clean["quantity"].notna().equals(wanted)
    assert not clean.duplicated().any()


def test_nothing_is_shown_before_it_is_listed(clean, tables):
    items = tables["items"].to_pandas()[["item_id", "listed_at"]]
    seen = clean.dropna(subset="item_id").merge(items, on="item_id")
    assert (seen["listed_at"] <= seen["timestamp"]).all()
    start = TINY.day_start(0)
    assert (seen["listed_at"] >= start).sum() > 50


def test_a_page_shows_each_item_once(clean):
    shown = clean[clean["event_type"] == "impression"]
    page = shown.groupby(["session_id", "timestamp"])
    assert (page["item_id"].nunique() == page.size()).all()
    assert (page["position"].nunique() == page.size()).all()
    # Positions are without gaps, but for impressions that were spoilt.
    whole = page["position"].max() == page.size() - 1
    assert whole.mean() > 0.9
    assert page.size().max() == TINY.page_size


def test_every_click_was_shown_in_its_session(clean):
    shown = clean[clean["event_type"] == "impression"]
    clicks = clean[clean["event_type"] == "click"]
    key = ["session_id", "item_id"]
    first = shown.groupby(key)["timestamp"].min().rename("shown_at")
    joined = clicks.join(first, on=key)
    # A spoilt impression may be missing.
    assert joined["shown_at"].notna().mean() > 0.97
    joined = joined.dropna(subset="shown_at")
    assert (joined["shown_at"] < joined["timestamp"]).mean() > 0.99


def test_sessions_of_a_user_do_not_overlap(clean):
    spans = clean.groupby(["user_id", "session_id"])["timestamp"]
    spans = spans.agg(["min", "max"]).sort_values(["user_id", "min"])
    before = spans["max"].groupby("user_id").shift()
    assert (spans["min"] > before.fillna(0)).all()
    assert (spans["max"] - spans["min"]).max() < 5400


def test_people_come_after_they_registered_and_mostly_in_the_evening(
    clean, tables
):
    users = tables["users"].to_pandas().set_index("user_id")
    registered = users.loc[clean["user_id"], "registered_at"].to_numpy()
    # Only bots, which `clean` is without, have no session.
    assert clean["session_id"].notna().all()
    assert (registered < clean["timestamp"].to_numpy()).all()
    assert (users["registered_at"] > TINY.day_start(0)).any()
    hour = (clean["timestamp"] + 8 * 3600) // 3600 % 24
    share = hour.value_counts(normalize=True)
    assert share[[20, 21, 22]].sum() > 1.5 * share[[9, 10, 11]].sum()
    assert share.reindex([3, 4, 5], fill_value=0).sum() < 0.03


def test_prices_of_campaigns_are_reduced(clean, tables):
    items = tables["items"].to_pandas().set_index("item_id")
    campaigns = tables["campaigns"].to_pandas().set_index("campaign_id")
    events = clean.dropna(subset=["item_id"])
    full = items.loc[events["item_id"], "price"].to_numpy()
    plain = events["campaign_id"].isna().to_numpy()
    paid = events["price"].to_numpy()
    np.testing.assert_allclose(paid[plain], full[plain], rtol=1e-6)
    reduced = events[~plain]
    assert len(reduced) > 100
    rows = campaigns.loc[reduced["campaign_id"]]
    expected = full[~plain] * (1 - rows["discount"].to_numpy())
    np.testing.assert_allclose(paid[~plain], expected, atol=0.0051)
    categories = items.loc[reduced["item_id"], "category"].to_numpy()
    for item, category, scope in zip(
        reduced["item_id"], categories, rows["scope"], strict=True
    ):
        inside = any(f"{category}/".startswith(f"{s}/") for s in scope)
        assert inside or item in scope


def test_planted_dirt_is_what_the_truth_says(made, tables, dirt):
    events = tables["events"].to_pandas()
    counts = made[1]["dirt"]
    assert dirt["kind"].value_counts().to_dict() == counts
    assert all(counts.values())
    assert dirt["row"].is_unique
    row_of = {
        kind: group["row"].to_numpy() for kind, group in dirt.groupby("kind")
    }

    def rows(found):
        return np.flatnonzero(found.to_numpy()).tolist()

    def planted(kind):
        return row_of[kind].tolist()

    items = set(tables["items"]["item_id"].to_pylist())
    unknown = events["item_id"].notna() & ~events["item_id"].isin(items)
    assert rows(unknown) == planted("unknown_item")
    assert rows(events["user_id"] == "") == planted("empty_user")
    assert rows(events["price"] < 0) == planted("negative_price")
    wrong = events["event_type"] == WRONG_EVENT_TYPE
    assert rows(wrong) == planted("unknown_event_type")
    late = events["timestamp"] > 10**11
    assert rows(late) == planted("millisecond_timestamp")
    assert rows(events.duplicated()) == planted("duplicate")
    for row in row_of["duplicate"]:
        assert events.iloc[row].equals(events.iloc[row - 1])


def test_bots_do_hundreds_of_events_an_hour(made, tables, dirt):
    truth = pq.read_table(made[0] / "ground_truth" / "users").to_pandas()
    bots = set(truth.loc[truth["is_bot"], "user_id"])
    assert len(bots) == TINY.num_bots
    events = tables["events"].to_pandas()
    found = np.flatnonzero(events["user_id"].isin(bots))
    planted = dirt.loc[dirt["kind"] == "bot", "row"].tolist()
    assert found.tolist() == planted
    hours = events.loc[planted].groupby(
        ["user_id", events["timestamp"] // 3600]
    )
    assert (hours.size() % TINY.bot_events_per_hour == 0).all()


def test_dirt_can_be_left_out(tmp_path):
    settings = dataclasses.replace(
        TINY, duplicate_share=0.0, bad_row_share=0.0, num_bots=0, num_days=3
    )
    counts = mall.generate(settings, tmp_path)
    assert not any(counts["dirt"].values())
    events = pq.read_table(tmp_path / "events").to_pandas()
    assert not events.duplicated().any()
    assert set(events["event_type"]) <= set(EVENT_TYPES)
    assert sum(counts["event_types"].values()) == len(events)


def test_uncategorised_items_lose_their_category_and_nothing_else():
    catalogue = build_catalogue(TINY)
    hidden = np.arange(TINY.num_items) % 7 == 0
    whole = items_table(catalogue, np.zeros(TINY.num_items, bool))
    some = items_table(catalogue, hidden)
    assert some.drop(["category"]).equals(whole.drop(["category"]))
    without = some.filter(pc.is_null(some["category"]))["item_id"].to_pylist()
    ids = np.array(catalogue.item_ids, object)
    assert sorted(without) == sorted(ids[hidden])
    rest = pc.is_valid(some["category"])
    assert some.filter(rest).equals(whole.filter(rest))
