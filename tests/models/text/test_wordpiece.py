"""WordPieces as `BertTokenizerFast` cuts them; expectations are its own."""

import pytest
import tensorflow as tf

from models.text.wordpiece import WordPiece, read_vocabulary
from schema.errors import DataError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = (
    *SPECIAL,
    *"鼠标无线αß",
    "",
    "cafe",
    "café",
    "mouse",
    "Mouse",
    "usb",
    "##3",
    "##s",
    *"!$-.《》",
    "a",
    "##b",
    "の",
)


def pieces(folder, text, **options):
    tokenizer = WordPiece(WORDS, folder, **options)
    [words] = tokenizer.tokenize(tf.constant([text])).to_list()
    return " ".join(
        "".join(["+" * (n > 0) + WORDS[row] for n, row in enumerate(word)])
        for word in words
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Each Han character is a word, whatever stands beside it.
        ("无线USB鼠标", "无 线 usb 鼠 标"),
        ("Mouse MOUSES3", "mouse mouse+##s+##3"),
        # Accents go with the case; ß has no other lower case.
        ("Café ß CAFÉ", "cafe ß cafe"),
        # Punctuation stands alone, ASCII signs too.
        ("《鼠标》$-usb!", "《 鼠 标 》 $ - usb !"),
        # A word with one unknown part is unknown as a whole.
        ("usbx 键 α", "[UNK] [UNK] α"),
        # Control and format characters join, spaces of any script part.
        ("a\u200bb a\x07b a\u00adb", "a+##b a+##b a+##b"),
        ("a\u3000a\u00a0a\ta\u2028a", "a a a a a"),
        # Kana is no Han: it sticks together.
        ("ののの の", "[UNK] の"),
        ("a" * 101, "[UNK]"),
        ("", ""),
        (" \u200b\ufffd\ue000", ""),
    ],
)
def test_pieces(tmp_path, text, expected):
    got = pieces(tmp_path, text).replace("+##", "+")
    assert got == expected.replace("+##", "+")


def test_case_and_accents(tmp_path):
    assert pieces(tmp_path, "Mouse café", lower_case=False) == "Mouse café"
    # Either without the other.
    assert pieces(tmp_path, "MOUSE CAFÉ", strip_accents=False) == "mouse café"
    assert (
        pieces(tmp_path, "Mouse café", lower_case=False, strip_accents=True)
        == "Mouse cafe"
    )


def test_special_tokens(tmp_path):
    words = ("[SEP]", "a", "[CLS]", "[UNK]", "[PAD]")
    tokens = WordPiece(words, tmp_path).tokens
    assert (tokens.vocab_size, tokens.start, tokens.end, tokens.padding) == (
        5,
        2,
        0,
        4,
    )
    with pytest.raises(DataError, match=r"has no \[UNK\]; allowed"):
        WordPiece(("[PAD]", "[CLS]", "[SEP]"), tmp_path)
    with pytest.raises(DataError, match="has 'a' in lines 5 and 6"):
        WordPiece((*SPECIAL, "a", "a"), tmp_path)


def test_vocabulary_file(tmp_path):
    path = tmp_path / "vocab.txt"
    # U+2028 is a piece of Google's vocabulary and ends no line.
    path.write_bytes("[PAD]\r\n\u2028\n鼠\n".encode())
    assert read_vocabulary(path) == ("[PAD]", "\u2028", "鼠")
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"vocab\.txt is empty"):
        read_vocabulary(path)
    path.write_bytes(b"a\n\xff\n")
    with pytest.raises(DataError, match=r"not UTF-8 \(byte 2\)"):
        read_vocabulary(path)
    with pytest.raises(DataError, match=r"none\.txt is missing"):
        read_vocabulary(tmp_path / "none.txt")
