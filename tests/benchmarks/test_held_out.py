"""Steps of held-out items go, with everything that belongs to them."""

import numpy as np
import tensorflow as tf

from benchmarks import held_out
from tests.small_shop import serialize


def sequence(ids, first):
    return {
        "user_id": ["u"],
        "history_item_ids": list(ids),
        "history_queries": [f"找{i}" for i in ids],
        "history_timestamps": [first + n for n in range(len(ids))],
        "history_event_indices": [n % 3 for n in range(len(ids))],
    }


def write(path, rows):
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row in rows:
            writer.write(serialize(row))
    return [str(path)]


def read(folder):
    rows = []
    files = [str(path) for path in folder.iterdir()]
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        found = tf.train.Example.FromString(record).features.feature
        rows.append(
            {
                "ids": [
                    i.decode()
                    for i in found["history_item_ids"].bytes_list.value
                ],
                "queries": [
                    q.decode()
                    for q in found["history_queries"].bytes_list.value
                ],
                "times": list(found["history_timestamps"].int64_list.value),
                "types": list(found["history_event_indices"].int64_list.value),
            }
        )
    return rows


def test_steps_go_from_all_lists_at_once(tmp_path):
    files = write(tmp_path / "in.gz", [sequence("abcab", 10), sequence("c", 5)])
    out = held_out.HeldOut(unseen=frozenset([b"a"]), few_since={b"b": 12})
    held_out.write_split(files, tmp_path / "out", out)
    assert read(tmp_path / "out") == [
        {
            "ids": ["c", "b"],
            "queries": ["找c", "找b"],
            "times": [12, 14],
            "types": [2, 1],
        },
        {"ids": ["c"], "queries": ["找c"], "times": [5], "types": [0]},
    ]


def test_two_samples_one_without_steps_one_with_the_last_few(tmp_path):
    letters = "abcdefghij"
    rows = [sequence(letters, 100 * n) for n in range(20)]
    files = write(tmp_path / "in.gz", rows)
    out = held_out.choose(files, share=0.3, most_events=5, seed=1)
    assert len(out.unseen) == len(out.few_since) == 3
    assert not out.unseen & set(out.few_since)
    held_out.write_split(files, tmp_path / "out", out)
    left = [i for row in read(tmp_path / "out") for i in row["ids"]]
    counts = {letter: left.count(letter) for letter in letters}
    assert [counts[i.decode()] for i in out.unseen] == [0, 0, 0]
    assert [counts[i.decode()] for i in out.few_since] == [5, 5, 5]
    assert sorted(counts.values()) == [0] * 3 + [5] * 3 + [20] * 4
    again = held_out.choose(files, share=0.3, most_events=5, seed=1)
    assert again == out
    np.testing.assert_equal(
        held_out.choose(files, share=0.0, most_events=5, seed=1).few_since, {}
    )
