import numpy as np
import pyarrow as pa
import pytest

from models.understanding import ngrams


def _by_hand(text, longest):
    """N-grams of the words with a blank at either end, as a set."""
    found = set()
    for word in text.split():
        padded = f" {word} "
        for length in range(1, longest + 1):
            for start in range(len(padded) - length + 1):
                gram = padded[start : start + length]
                if gram.strip():
                    found.add(gram)
    return found


@pytest.mark.parametrize("longest", [1, 2, 3, 4])
def test_counts_what_a_loop_counts(longest):
    texts = ["无线 鼠标", "", "a", "鼠标鼠标 黑"]
    found = ngrams.bags(pa.array(texts), longest, 1 << 40)
    expected = [len(_by_hand(text, longest)) for text in texts]
    assert np.diff(found.starts).tolist() == expected


def test_same_words_have_the_same_buckets_wherever_they_stand():
    found = ngrams.bags(pa.array(["鼠标 黑", "红 鼠标", "鼠标"]), 3, 1 << 40)
    rows = [set(found.take(np.array([n])).buckets) for n in range(3)]
    assert rows[2] < rows[0]
    assert rows[2] < rows[1]
    assert len(rows[0] & rows[1]) == len(rows[2])


def test_long_tables_are_counted_in_chunks(monkeypatch):
    texts = pa.array(["无线鼠标", "红", "键盘 黑"] * 3)
    whole = ngrams.bags(texts, 3, 1000)
    monkeypatch.setattr(ngrams, "_CHUNK", 2)
    chunked = ngrams.bags(texts, 3, 1000)
    assert np.array_equal(whole.starts, chunked.starts)
    assert np.array_equal(whole.buckets, chunked.buckets)


def test_known_ngrams_have_norm_one_and_the_rest_is_left_out():
    taught = ngrams.bags(pa.array(["ab", "ab", "cd"]), 1, 1 << 40)
    known = ngrams.Known.of(taught, fewest=2, most=10)
    assert len(known.buckets) == 2
    read = known.read(ngrams.bags(pa.array(["abz", "zz", "c"]), 1, 1 << 40))
    assert np.diff(read.starts).tolist() == [2, 0, 0]
    assert np.allclose(read.counts, 2**-0.5)


def test_normalised_folds_width_case_and_blanks():
    assert ngrams.normalised(
        pa.array(["Ｍ３３０　 静音\n", None])
    ).to_pylist() == [
        "m330 静音",
        "",
    ]
