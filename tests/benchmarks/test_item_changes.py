"""The shop that items are added to is as large as wanted and of real parts."""

import numpy as np
import tensorflow as tf

from benchmarks.item_changes import _mixed
from tests import small_shop

TITLES = ("北极星无线鼠标", "手工竹编猫窝", "夏季连衣裙")


def examples():
    return [
        small_shop.serialize(
            {
                "item_id": [f"i{row}"],
                "title": [title],
                "text": [title + " 品牌"],
                "category": ["家居"],
                "price": [5.0 + row],
                "in_stock": [1],
            }
        )
        for row, title in enumerate(TITLES)
    ]


def test_made_up_items_are_of_the_catalogue():
    titles, made = _mixed(examples(), 40, 5, np.random.default_rng(0))
    # What is added has a title of its own, to be found by.
    assert len(set(titles)) == len(titles) == 5
    parsed = [tf.train.Example.FromString(row).features.feature for row in made]
    ids = {row["item_id"].bytes_list.value[0] for row in parsed}
    assert ids == {f"filled-{row}".encode() for row in range(40)}
    starts = {title[: len(title) // 2] for title in TITLES}
    ends = {title[len(title) // 2 :] for title in TITLES}
    both = {start + end for start in starts for end in ends}
    for row in parsed:
        (title,) = row["title"].bytes_list.value
        assert title.decode() in both
        assert row["text"].bytes_list.value[0] == title
        assert row["category"].bytes_list.value[0] == "家居".encode()
    assert {row["price"].float_list.value[0] for row in parsed} == {5, 6, 7}
