"""The catalogue, the words and the settings of the simulated mall."""

import numpy as np
import pytest

from datasets.mall.catalogue import build_catalogue
from datasets.mall.life_stages import LIFE_STAGES, leaf_gender, stage_weights
from datasets.mall.queries import KINDS, build_queries
from datasets.mall.settings import MallSettings
from datasets.mall.taxonomy import load_leaves, stocked_leaves
from schema.settings import SettingsError


@pytest.fixture(scope="module")
def settings():
    return MallSettings()


@pytest.fixture(scope="module")
def catalogue(settings):
    return build_catalogue(settings)


def test_leaves_are_three_level_paths_with_what_titles_need():
    leaves = load_leaves()
    assert len(leaves) >= 150
    names = [leaf.name for leaf in leaves]
    assert len(set(names)) == len(names)
    for leaf in leaves:
        assert leaf.category.count("/") == 2, leaf.category
        assert 0 < leaf.low < leaf.high, leaf.category
        assert 0 <= leaf.season <= 12, leaf.category
        assert len(leaf.brands) >= 4, leaf.category
        assert set(leaf.follow_ups) <= set(names), leaf.category
        assert leaf.name not in leaf.follow_ups, leaf.category
        assert all(o for group in leaf.specs for o in group), leaf.category


@pytest.mark.parametrize(
    ("num_items", "at_least"), [(300, 100), (400, 100), (3000, 150)]
)
def test_a_small_mall_stocks_fewer_leaves(num_items, at_least):
    leaves = stocked_leaves(num_items)
    assert at_least <= len(leaves) <= num_items // 3
    catalogue = build_catalogue(
        MallSettings(num_items=num_items, num_days=8, new_items_per_day=5)
    )
    assert len(catalogue) == num_items
    assert (np.diff(catalogue.first) >= 2).all()


def test_titles_are_distinct_and_begin_with_the_brand(catalogue):
    assert len(set(catalogue.titles)) > 0.98 * len(catalogue)
    for row, title in enumerate(catalogue.titles):
        leaf = catalogue.leaves[catalogue.leaf[row]]
        brand = catalogue.offer_brands[catalogue.offer[row]]
        assert title.startswith(f"{brand} ")
        assert brand in leaf.brands
        assert any(name in title for name in leaf.names)
        for tag in catalogue.tags(row):
            assert tag in title


def test_many_items_still_have_distinct_titles():
    catalogue = build_catalogue(MallSettings(num_items=30_000))
    assert len(set(catalogue.titles)) > 0.98 * len(catalogue)


def test_prices_keep_to_their_leaf_and_end_as_in_shops(catalogue):
    leaf = catalogue.leaf
    low = np.array([k.low for k in catalogue.leaves])[leaf]
    high = np.array([k.high for k in catalogue.leaves])[leaf]
    assert (catalogue.price >= low).all()
    assert (catalogue.price <= high + 10).all()
    dear = catalogue.price >= 100
    assert (catalogue.price[dear] % 10 == 9).all()
    tenths = np.round(catalogue.price[~dear] * 10) % 10
    assert set(tenths.tolist()) <= {8.0, 9.0}


def test_dearer_brands_cost_more(catalogue):
    first = catalogue.offer == catalogue.offer_first[catalogue.leaf]
    last = catalogue.offer == catalogue.offer_first[catalogue.leaf + 1] - 1
    levels = catalogue.price_level
    assert levels[first].mean() > levels[last].mean() + 0.3


def test_every_day_lists_new_items_and_no_leaf_is_empty(catalogue, settings):
    day = (catalogue.listed_at - settings.day_start(0)) // 86_400
    new = np.bincount(day[day >= 0], minlength=settings.num_days)
    assert new.tolist() == [settings.new_items_per_day] * settings.num_days
    assert (day[catalogue.first[:-1]] < 0).all()


def test_popularity_has_a_long_tail(catalogue):
    shares = np.sort(catalogue.popularity)[::-1]
    top = shares[: len(shares) // 5].sum() / shares.sum()
    assert 0.5 < top < 0.9


def test_queries_name_brand_attribute_and_synonyms(catalogue, settings):
    queries = build_queries(settings, catalogue)
    assert len(set(queries.texts)) == len(queries.texts)
    assert (np.diff(queries.leaf) >= 0).all()
    names = [leaf.name for leaf in catalogue.leaves]
    meant = {
        text: names[leaf]
        for text, leaf in zip(queries.texts, queries.leaf, strict=True)
    }
    assert meant["充电宝"] == meant["移动电源"] == "充电宝"
    assert meant["冲电宝"] == "充电宝"
    for row, brand in enumerate(catalogue.offer_brands):
        for query in queries.of_offer[row]:
            text = queries.texts[query]
            leaf = queries.leaf[query]
            first, end = catalogue.offer_first[leaf : leaf + 2]
            assert first <= row < end
            assert brand in text
    assert set(queries.kind.tolist()) == set(range(len(KINDS)))


def test_people_look_for_what_their_stage_of_life_needs(catalogue):
    weights = stage_weights(catalogue.leaves)
    np.testing.assert_allclose(weights.sum(2), 1)
    names = [leaf.name for leaf in catalogue.leaves]
    stages = [stage.name for stage in LIFE_STAGES]
    diapers, phone = names.index("纸尿裤"), names.index("智能手机")
    parents, gadgets = stages.index("新手父母"), stages.index("数码爱好者")
    assert (
        weights[parents, :, diapers] > 5 * weights[gadgets, :, diapers]
    ).all()
    assert (weights[gadgets, :, phone] > 5 * weights[parents, :, phone]).all()
    dress = names.index("连衣裙")
    assert leaf_gender(catalogue.leaves[dress]) == "F"
    assert (weights[:, 0, dress] > weights[:, 1, dress]).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_items", 299),
        ("num_users", 0),
        ("num_days", 1),
        ("sessions_per_user_day", 0.0),
        ("new_items_per_day", 1000),
        ("bad_row_share", 0.9),
        ("position_decay", -1.0),
        ("start_date", "20. Oktober"),
        ("seed", -1),
    ],
)
def test_a_bad_setting_is_named(field, value):
    with pytest.raises(SettingsError, match=rf"MallSettings\.{field} is"):
        MallSettings(**{field: value})


def test_settings_travel_as_json(settings):
    assert MallSettings.from_json(settings.to_json()) == settings


def test_days_begin_at_midnight_in_china():
    settings = MallSettings(start_date="2025-11-11")
    assert settings.day_start(0) == 1762790400  # 2025-11-10T16:00:00Z
    assert settings.day_start(1) - settings.day_start(0) == 86_400
