"""Words in items, in the graph."""

import numpy as np
import pytest
import tensorflow as tf

from models.index.lexical import LexicalIndex

TEXTS = [
    "罗技 无线鼠标 静音",
    "雷蛇 机械键盘 USB",
    "华为 无线路由器 WiFi7",
    "鼠标垫",
    "",
]


@pytest.fixture(scope="module")
def index():
    return LexicalIndex([text.encode() for text in TEXTS])


def scores(index, *queries):
    return index.score_all(tf.constant(queries, tf.string)).numpy()


def test_all_words_or_none(index):
    found = scores(index, "静音", "usb 键盘", "电视", "")
    np.testing.assert_allclose(found[0], [1, 0, 0, 0, 0], atol=1e-6)
    # The pair `usb键` stands in no text, the rest in one.
    assert found[1].argmax() == 1
    assert found[1][1] > 0.5
    assert not found[2:].any()


def test_by_hand():
    """Two rows: 甲 in both, 乙 and 甲乙 in one."""
    index = LexicalIndex(["甲乙".encode(), "甲".encode()])
    both, one = np.log1p(2 / 2), np.log1p(2 / 1)
    np.testing.assert_allclose(
        scores(index, "甲乙")[0],
        [1, both / (both + 2 * one)],
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("無線滑鼠 羅技", 0),
        ("ＷＩＦＩ７", 2),
        ("路油器", 2),
        ("键盆", 1),
    ],
)
def test_other_writing_and_one_wrong_character(index, query, row):
    assert scores(index, query)[0].argmax() == row


def test_a_batch_answers_as_one_by_one(index):
    queries = ("无线鼠标", "", "键盘", "华为路由器")
    together = scores(index, *queries)
    assert together.shape == (4, len(TEXTS))
    for query, row in zip(queries, together, strict=True):
        np.testing.assert_allclose(scores(index, query)[0], row, rtol=1e-6)


def test_no_items_and_no_words():
    assert LexicalIndex([]).score_all(tf.constant(["鼠标"])).shape == (1, 0)
    assert not scores(LexicalIndex([b"", b" "]), "鼠标").any()
