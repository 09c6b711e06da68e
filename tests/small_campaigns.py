"""A servable of forty made-up campaigns over `tests.small_shop`."""

import pathlib

import numpy as np
import tensorflow as tf

import models
from models.campaigns import recommender as campaigns
from models.campaigns.features import NAMES, CampaignFeatures
from models.campaigns.scorer import build_scorer
from models.campaigns.table import CampaignColumns, CampaignTable
from tests import small_shop

assert models
COUNT = 40
SPAN = 1000
IN_STOCK = np.array(
    [item not in small_shop.SOLD_OUT for item in small_shop.ITEM_IDS]
)


def _columns():
    rng = np.random.default_rng(1)
    starts = rng.integers(1, SPAN, COUNT)
    ends = starts + rng.integers(1, SPAN // 2, COUNT)
    members = rng.random((small_shop.NUM_ITEMS, COUNT)) < 0.05
    # Always, not yet over, of nothing, of what is sold out alone.
    starts[0], ends[0], ends[1] = 0, 0, 0
    members[:, 2] = False
    members[:, 3] = ~IN_STOCK
    return CampaignColumns(
        campaign_ids=[f"c{n}" for n in range(COUNT)],
        titles=[f"活动{n}" for n in range(COUNT)],
        kinds=[("coupon", "flash_sale", "festival", "")[n % 4]
               for n in range(COUNT)],
        starts_at=starts,
        ends_at=ends,
        discount=rng.random(COUNT).astype(np.float32),
        members=members,
    )  # fmt: skip


COLUMNS = _columns()


def save_servable(folder: pathlib.Path) -> None:
    """Writes the SavedModel, its scorer not trained."""
    rng = np.random.default_rng(2)
    model = small_shop.SmallModel()
    features = CampaignFeatures(
        CampaignTable(COLUMNS, IN_STOCK),
        model.item_vectors().numpy(),
        rng.normal(size=(small_shop.NUM_ITEMS, COUNT)).astype(np.float32),
    )
    tf.keras.utils.set_random_seed(0)
    made = campaigns.CampaignRecommender(
        model=model,
        features=features,
        scorer=build_scorer(
            rng.normal(size=(50, len(NAMES))).astype(np.float32), 4, 0.01
        ),
        popularity=rng.normal(size=(COUNT, 2)).astype(np.float32),
        goals=("join", "choose"),
        max_history=10,
    )
    campaigns.save(made, folder)
