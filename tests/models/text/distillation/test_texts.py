"""Texts that a student reads, and a vocabulary that is made of them."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from models.text.distillation.fast_wordpiece import FastWordPiece
from models.text.distillation.texts import is_held_out, read_texts
from models.text.distillation.wordpiece_learning import learn_vocabulary
from models.text.wordpiece import WordPiece
from schema.errors import DataError


def test_reads_every_form_once(tmp_path):
    (tmp_path / "queries.tsv").write_text(
        "1\t无线鼠标\n2\t连衣裙\n\n3\t无线  鼠标\n", encoding="utf-8"
    )
    (tmp_path / "plain.txt").write_text("连衣裙\n电饭煲\n", encoding="utf-8")
    (tmp_path / "reviews.csv").write_text(
        '\ufeffcat,review\n书,"很好,\n推荐"\n书,\n', encoding="utf-8"
    )
    pq.write_table(
        pa.table({"item_id": ["a", "b"], "title": ["手机", None]}),
        tmp_path / "items.parquet",
    )
    assert read_texts(
        [
            f"{tmp_path}/queries.tsv",
            f"{tmp_path}/plain.txt",
            f"{tmp_path}/reviews.csv:review",
            f"{tmp_path}/items.parquet:title",
        ]
    ) == ("无线鼠标", "连衣裙", "无线 鼠标", "电饭煲", "很好, 推荐", "手机")


@pytest.mark.parametrize(
    ("name", "content", "column", "message"),
    [
        ("a.txt", None, "", "is missing"),
        ("a.txt", b" \n\n", "", "has no text"),
        ("a.txt", b"\xff\xfe\n", "", "is not UTF-8"),
        ("a.txt", b"a\n", ":b", "read line by line"),
        ("a.csv", b"b,c\n1,2\n", ":d", "no column 'd'; allowed: b, c"),
        ("a.parquet", b"b,c\n1,2\n", ":b", "is not Parquet"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, column, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_texts([f"{tmp_path / name}{column}"])
    assert name in str(error.value)


def test_one_in_fifty_is_held_out_for_ever():
    held_out = [text for n in range(10_000) if is_held_out(text := f"词{n}")]
    assert 150 < len(held_out) < 250
    # Changing the choice would make old students' figures too good.
    assert held_out[:3] == ["词12", "词58", "词61"]


def test_vocabulary_of_texts():
    texts = ["无线鼠标 logitech 102", "鼠标 logitech", "无 logi 102"] * 3
    vocabulary = learn_vocabulary(texts, 200)
    assert vocabulary[:4] == ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    assert {"无", "线", "鼠", "标", "logitech", "102"} <= set(vocabulary)
    assert "##鼠" not in vocabulary
    assert len(set(vocabulary)) == len(vocabulary) <= 200
    tokenizer = FastWordPiece(vocabulary)
    cut = tokenizer.tokenize(tf.constant(["鼠标Logitech 21", "龘"])).to_list()
    words = [[vocabulary[row] for row in text] for text in cut]
    # A new number is made of pieces, a character never seen is unknown.
    assert words == [["鼠", "标", "logitech", "2", "##1"], ["[UNK]"]]


def test_vocabulary_keeps_to_its_size():
    texts = [f"{chr(0x4E00 + n)}{chr(0x4E00 + n)}" for n in range(300)]
    assert len(learn_vocabulary(texts, 104)) == 104
    with pytest.raises(DataError, match="no word"):
        learn_vocabulary([" "], 200)


def test_fast_pieces_are_the_exact_ones(tmp_path):
    texts = ["无线鼠标 ab12", "Pro 14 é", "abc,键盘!", "龘"]
    vocabulary = learn_vocabulary(texts[:3] * 2, 200)
    fast = FastWordPiece(vocabulary).tokenize(tf.constant(texts))
    exact = WordPiece(vocabulary, tmp_path).tokenize(tf.constant(texts))
    assert fast.to_list() == exact.merge_dims(1, 2).to_list()
