import numpy as np
import pyarrow as pa

from applications.understanding import duplicates, planting
from applications.understanding.attributes import Attributes
from applications.understanding.duplicates import Pairs
from applications.understanding.settings import DuplicateSettings


def _pairs(titles, brands=None, threshold=0.6):
    brands = brands or ["b"] * len(titles)
    facts = [
        duplicates.facts_of(title, brand, found)
        for title, brand, found in zip(
            titles, brands, Attributes({}).find(titles), strict=True
        )
    ]
    found = duplicates.similar_pairs(
        pa.array(titles),
        np.zeros((len(titles), 0), np.float32),
        facts,
        [brands],
        DuplicateSettings(threshold=threshold, rows=2),
    )
    return sorted(zip(found.first.tolist(), found.second.tolist(), strict=True))


def test_typography_and_sellers_words_make_no_other_item():
    titles = [
        "美的 电饭煲 球釜",
        "【包邮】美的／电饭煲／球釜",
        "美的 风扇 静音",
    ]
    assert _pairs(titles) == [(0, 1)]


def test_what_differs_in_a_number_is_another_item():
    assert _pairs(["富光 保温杯 500ml", "富光 保温杯 750ml"]) == []
    assert _pairs(["富光 保温杯 500ml", "富光 保温杯 500毫升"]) == [(0, 1)]
    # Saying less is no contradiction.
    assert _pairs(
        ["富光 保温杯 大号 500ml", "富光 保温杯 大号"], threshold=0.4
    ) == [(0, 1)]


def test_only_items_of_one_block_are_compared():
    assert _pairs(["无线鼠标", "无线鼠标"], ["a", "b"]) == []
    assert _pairs(["无线鼠标", "无线鼠标"], ["", ""]) == []


def test_clusters_are_led_by_their_first():
    pairs = Pairs(
        np.array([0, 2, 4]), np.array([2, 3, 5]), np.ones(3, np.float32)
    )
    assert duplicates.representatives(pairs, 7).tolist() == [
        0,
        1,
        0,
        0,
        4,
        4,
        6,
    ]
    none = Pairs(np.zeros(0, int), np.zeros(0, int), np.zeros(0, np.float32))
    assert duplicates.representatives(none, 3).tolist() == [0, 1, 2]


def test_planted_are_never_the_title_itself_and_are_told_apart():
    titles = [f"牌{n} 名{n} {n}00ml 红 大" for n in range(40)]
    planted = planting.plant(titles, 40, seed=3)
    assert len(planted.rows) >= 30
    assert set(planted.kinds) == set(planting.KINDS)
    for row, title in zip(planted.rows, planted.titles, strict=True):
        assert title != titles[row]
    items = pa.table({"item_id": [f"i{n}" for n in range(40)], "title": titles})
    both = planting.with_planted(items, planted)
    assert both["title"].to_pylist()[40:] == planted.titles
    pairs = Pairs(
        np.array([planted.rows[0], 0]),
        np.array([40, 1]),
        np.ones(2, np.float32),
    )
    assert planting.is_planted(pairs, planted, 40).tolist() == [True, False]


def test_threshold_is_between_the_last_right_pair_and_the_next():
    planted = planting.Planted(np.array([0, 1]), ["a", "b"], ["order"] * 2)
    pairs = Pairs(
        np.array([0, 1, 0]),
        np.array([5, 6, 1]),
        np.array([0.9, 0.8, 0.6], np.float32),
    )
    best = planting.best_threshold(pairs, planted, 5, 0.85)
    assert abs(best - 0.7) < 1e-6
    nothing = Pairs(np.zeros(0, int), np.zeros(0, int), np.zeros(0, np.float32))
    assert planting.best_threshold(nothing, planted, 5, 0.85) == 0.85
