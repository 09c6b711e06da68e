"""Shoppers who join campaigns by taste, where the mall has such."""

import dataclasses

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from datasets import mall
from datasets.mall.generator import build_world
from datasets.mall.joining import JOIN_CHANCE, join_chance, leaves_covered
from schema.settings import SettingsError

ALIKE = mall.MallSettings(
    num_items=400,
    num_users=200,
    num_days=4,
    new_items_per_day=8,
    sessions_per_user_day=1.0,
    duplicate_share=0.0,
    bad_row_share=0.0,
    num_bots=1,
)
BY_TASTE = dataclasses.replace(ALIKE, joining_taste=1.0)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    found = []
    for settings in (ALIKE, BY_TASTE):
        folder = tmp_path_factory.mktemp("mall")
        mall.generate(settings, folder)
        found.append(pq.read_table(folder / "events"))
    return found


def test_taste_changes_joins_and_nothing_else(tables):
    joins, others = [], []
    for table in tables:
        joined = pc.equal(table["event_type"], "campaign_join")
        joins.append(table.filter(joined))
        others.append(table.filter(pc.invert(joined)))
    assert others[0].num_rows > 5000
    assert others[0].equals(others[1])
    assert joins[0].num_rows > 20
    assert not joins[0].equals(joins[1])


def test_chances_by_hand():
    world, tastes = build_world(BY_TASTE)
    campaigns, shoppers = world.campaigns, world.shoppers
    covered = leaves_covered(campaigns, world.catalogue)
    coupon = campaigns.kinds.index("coupon")
    # Interests: the first in the scope, seven others alike strong outside.
    inside = np.flatnonzero(covered[coupon])[0]
    outside = np.flatnonzero(~covered[coupon])[:7]
    leaves = np.array([[inside, *outside]])
    tastes = dataclasses.replace(
        tastes, leaves=leaves, strengths=np.ones((1, 8))
    )
    level = np.array([0.25])
    shoppers = dataclasses.replace(shoppers, price_level=level)
    discount = float(campaigns.discount[coupon])

    def chance(settings, wanted):
        return join_chance(
            settings,
            campaigns,
            covered=covered,
            shoppers=shoppers,
            tastes=tastes,
            users=np.array([0]),
            wanted=np.array([wanted]),
            campaign=np.array([coupon]),
        )[0]

    # 4 (1/8 - .15) + 1.5 (.45 - .25) + 2 (discount - .17), and 1.2 if wanted.
    logit = np.log(0.22 / 0.78) - 0.1 + 0.3 + 2 * (discount - 0.17)
    assert chance(BY_TASTE, -1) == pytest.approx(1 / (1 + np.exp(-logit)))
    assert chance(BY_TASTE, inside) == pytest.approx(
        1 / (1 + np.exp(-logit - 1.2))
    )
    assert chance(ALIKE, inside) == JOIN_CHANCE


def test_a_taste_out_of_bounds_is_named():
    with pytest.raises(SettingsError, match="joining_taste"):
        mall.MallSettings(joining_taste=5.5)
