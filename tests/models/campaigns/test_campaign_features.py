import math

import numpy as np
import pytest
import tensorflow as tf

from models.campaigns.features import NAMES, CampaignFeatures, Person
from models.campaigns.table import CampaignColumns, CampaignTable

HOUR = 3600
# 2025-11-08 18:00 in Beijing, a Saturday.
NOW = 1_762_596_000


@pytest.fixture(scope="module")
def made():
    """Four items, the last sold out; a coupon of two, a festival of one."""
    columns = CampaignColumns(
        campaign_ids=["c1", "c2"],
        titles=["满减", "双十一"],
        kinds=["coupon", "festival"],
        starts_at=np.array([NOW - HOUR, 0]),
        ends_at=np.array([NOW + 3 * HOUR, 0]),
        discount=np.array([0.1, 0.2], np.float32),
        members=np.array([[1, 0], [1, 0], [0, 1], [0, 1]], bool),
    )
    table = CampaignTable(columns, np.array([True, True, True, False]))
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0, 5]], np.float32)
    match = np.array([[0.5, 0], [0.25, 0], [0, 1], [0, 1]], np.float32)
    features = CampaignFeatures(table, vectors, match)
    log2, none = np.log(2.0), tf.constant([[""]])
    told = features(
        Person(
            tf.constant([[log2, 0.0]], tf.float32),
            tf.constant([[2, -1, 0]]),
            tf.constant([["c1", "c1", "c2"]]),
            tf.constant([["campaign_view", "campaign_join", "campaign_view"]]),
            tf.constant([NOW], tf.int64),
        ),
        tf.constant([[[0.1, 0.2], [0.3, 0.4]]]),
    )
    newcomer = features(
        Person(
            tf.zeros([1, 2]),
            tf.constant([[-1]]),
            none,
            none,
            tf.constant([NOW], tf.int64),
        ),
        tf.zeros([1, 2, 2]),
    )
    return told.numpy()[0], newcomer.numpy()[0]


def _of(told, name):
    return told[:, NAMES.index(name)]


def test_by_hand(made):
    told, _ = made
    # Logits log 2, log 2, 0 of what is in stock: chances .4, .4, .2.
    expected = {
        "chance_in_scope": [0.8, 0.2],
        "lift_of_scope": [math.log(0.8 / (2 / 3)), math.log(0.2 / (1 / 3))],
        # The middle is (.5, 1.5): the centres lie at (.5, -1.5) and (-.5, 1.5).
        "fit_of_vectors": [10**-0.5, -(10**-0.5)],
        # The latest step is in the first scope, the one before in the second;
        # half-lives of 2 and 16 steps.
        "recent_in_scope": [1 / (1 + 0.5**0.5), 1 - 1 / (1 + 0.5**0.5)],
        "history_in_scope": [
            1 / (1 + 0.5 ** (1 / 16)),
            1 - 1 / (1 + 0.5 ** (1 / 16)),
        ],
        "fit_of_texts": [
            0.5 / (1 + 0.5 ** (1 / 16)),
            0.5 ** (1 / 16) / (1 + 0.5 ** (1 / 16)),
        ],
        "known_steps": [math.log(3)] * 2,
        "discount": [0.1, 0.2],
        "hours_left": [math.log(4), math.log(1 + 24 * 365)],
        "hours_running": [math.log(2), math.log(1 + 24 * 365)],
        "share_of_items": [2 / 3, 1 / 3],
        "joined_of_kind": [math.log(2), 0],
        "seen_of_kind": [math.log(2), math.log(2)],
        "joined_before": [math.log(2), 0],
        "seen_before": [math.log(2), math.log(2)],
        "popularity_join": [0.1, 0.3],
        "popularity_choose": [0.2, 0.4],
        "is_coupon": [1, 0],
        "is_flash_sale": [0, 0],
        "is_festival": [0, 1],
        "is_other": [0, 0],
        # 18:00 is three quarters round the clock.
        "hour_sin": [-1, -1],
        "hour_cos": [0, 0],
        "weekend": [1, 1],
    }
    assert set(expected) == set(NAMES)
    for name, values in expected.items():
        np.testing.assert_allclose(
            _of(told, name), values, atol=1e-3, err_msg=name
        )


def test_a_newcomer_has_no_history_and_no_nan(made):
    _, newcomer = made
    assert np.isfinite(newcomer).all()
    for name in ("recent_in_scope", "history_in_scope", "fit_of_texts"):
        assert (_of(newcomer, name) == 0).all()
    np.testing.assert_allclose(
        _of(newcomer, "chance_in_scope"), [2 / 3, 1 / 3], atol=1e-6
    )
