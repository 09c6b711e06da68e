"""Folding of characters, in the graph and before every use of a text."""

import numpy as np
import pytest
import tensorflow as tf

from models.text.characters import Folding, digest, table


@pytest.fixture(scope="module")
def folding():
    return Folding()


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("無線滑鼠 藍牙耳機", "无线滑鼠 蓝牙耳机"),
        ("電飯鍋，嬰兒紙尿褲", "电饭锅,婴儿纸尿裤"),
        ("ＵＳＢ　６４ＧＢ～", "USB 64GB~"),
        ("㊣①豈", "正1岂"),
        ("无线鼠标 USB 3.0", "无线鼠标 USB 3.0"),
        ("𠮷野家👟", "𠮷野家👟"),
        ("", ""),
    ],
)
def test_one_way_of_writing(folding, written, plain):
    assert folding(tf.constant([written])).numpy()[0].decode() == plain


def test_folding_twice_changes_nothing():
    np.testing.assert_array_equal(table()[table()], table())


def test_what_gb_2312_writes_stays_but_for_a_few():
    rows = range(0xB0, 0xF8)
    codes = [
        ord(bytes([row, cell]).decode("gb2312", "ignore") or " ")
        for row in rows
        for cell in range(0xA1, 0xFF)
    ]
    changed = table()[codes] != codes
    assert changed.sum() < 20, [chr(c) for c in np.array(codes)[changed]]


def test_saved_and_loaded(folding, tmp_path):
    holder = tf.Module()
    holder.folding = folding
    holder.fold = tf.function(
        folding.__call__, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(holder, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert loaded.fold(["繁體ＡＢ"]).numpy()[0].decode() == "繁体AB"
    assert len(digest()) == 64
