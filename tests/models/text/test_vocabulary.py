import numpy as np
import pytest

from models.text import vocabulary

PIECES = (
    *vocabulary.SPECIAL_PIECES,
    "▁",
    "手机",
    "手",
    "机",
    "▁手",
    "телефон",
    "のの",
    "の",
    "Ext",
    "ắ",
    "<mask>",
)
SCORES = np.array(
    [0, 0, 0, 0, -2, -3, -5, -5, -4, -9, -6, -6, -7, -20, 0], np.float32
)


def test_keeps_chinese_latin_and_the_lowest_score():
    rows = vocabulary.kept_rows(PIECES, SCORES)
    # 9 is Cyrillic, 10 a kana word, 14 the mask; 13 is Vietnamese, yet lowest.
    assert rows.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13]


def test_ids_are_rows():
    sentencepiece = pytest.importorskip("sentencepiece")
    rows = vocabulary.kept_rows(PIECES, SCORES)
    pieces = [PIECES[row] for row in rows]
    model = vocabulary.sentencepiece_model(pieces, SCORES[rows])
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    # "▁" + "手机" scores -5, "▁手" + "机" scores -9.
    assert processor.encode("手机") == [4, 5]
    # Full-width letters become plain ones; 鼠 is unknown.
    assert processor.encode("Ｅｘｔ鼠") == [4, 10, vocabulary.UNKNOWN]
    assert model == vocabulary.sentencepiece_model(pieces, SCORES[rows])
