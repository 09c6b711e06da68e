import numpy as np

from models.text.batching import pack


def test_by_hand():
    batches = pack(np.array([5, 2, 9, 2, 3]), 10)
    # 2, 2, 3 cost 9; with 5 they would cost 20; 5 and 9 would cost 18.
    assert [batch.tolist() for batch in batches] == [[1, 3, 4], [0], [2]]


def test_one_that_is_too_long_goes_alone():
    batches = pack(np.array([200, 1, 1, 300]), 64)
    assert [batch.tolist() for batch in batches] == [[1, 2], [0], [3]]


def test_ends_where_padding_costs_more_than_another_batch():
    # 30 rows that grow by 2 are 60 tokens of padding, by 3 they are 90.
    two, three = (np.array([10] * 30 + [10 + more]) for more in (2, 3))
    assert [len(batch) for batch in pack(two, 1024)] == [31]
    assert [len(batch) for batch in pack(three, 1024)] == [30, 1]


def test_nothing():
    assert pack(np.array([], int), 64) == []


def test_each_once_within_the_budget():
    counts = np.random.default_rng(0).integers(1, 129, 5000)
    batches = pack(counts, 2048)
    together = np.concatenate(batches)
    assert sorted(together.tolist()) == list(range(5000))
    assert all(len(b) * counts[b].max() <= 2048 for b in batches)
    padded = sum(len(b) * counts[b].max() for b in batches)
    assert padded < 1.05 * counts.sum()
