import math

import numpy as np
import pytest

from models.baselines import (
    ItemKnn,
    ItemKnnSettings,
    Popularity,
    PopularitySettings,
)
from models.cooccurrence.sequences import ItemSequences

DAY = 86_400
# Items 0 and 1 share two users, 0 and 2 one, 3 stands alone, 4 is cold.
TRAIN = ItemSequences.from_lists([[0, 1], [1, 0], [0, 2], [3], [0]])
PLAIN = ItemKnnSettings(
    shrink=0.0, neighbours=10, half_life_steps=0.0, repeat=0.0
)


def test_popularity_counts_steps():
    method = Popularity.fit(TRAIN, 5, PopularitySettings())
    scores = method.scores(ItemSequences.from_lists([[0], []]))
    assert scores.tolist() == [[4, 2, 1, 1, 0]] * 2
    scores[0, 0] = -1  # Each query may be masked by itself.
    assert scores[1, 0] == 4


def test_popularity_decays_with_age():
    sequences = ItemSequences.from_lists(
        [[0, 1], [0]], [[0, 10 * DAY], [5 * DAY]]
    )
    method = Popularity.fit(
        sequences, 2, PopularitySettings(half_life_days=5.0)
    )
    assert method.counts == pytest.approx([0.25 + 0.5, 1.0])


def test_popularity_counts_what_is_to_be_predicted():
    marked = ItemSequences(
        rows=np.array([0, 0, 1], np.int32),
        offsets=np.array([0, 3]),
        timestamps=np.zeros(3, np.int64),
        positive=np.array([False, False, True]),
    )
    method = Popularity.fit(marked, 2, PopularitySettings())
    assert method.counts.tolist() == [0, 1]


def test_cosine_by_hand():
    similarity = ItemKnn.fit(TRAIN, 5, PLAIN).similarity.toarray()
    assert similarity[0, 1] == pytest.approx(2 / math.sqrt(4 * 2))
    assert similarity[0, 2] == pytest.approx(1 / math.sqrt(4 * 1))
    assert similarity[1, 2] == 0
    assert np.diag(similarity).tolist() == [0] * 5
    assert similarity == pytest.approx(similarity.T)


def test_shrink_lowers_what_few_users_say():
    shrunk = ItemKnnSettings(shrink=3.0, neighbours=10, half_life_steps=0.0)
    similarity = ItemKnn.fit(TRAIN, 5, shrunk).similarity.toarray()
    assert similarity[0, 1] == pytest.approx(2 / (math.sqrt(8) + 3))


def test_only_the_nearest_stay():
    one = ItemKnnSettings(shrink=0.0, neighbours=1, half_life_steps=0.0)
    similarity = ItemKnn.fit(TRAIN, 5, one).similarity.toarray()
    assert similarity[0].nonzero()[0].tolist() == [1]
    # Fewer neighbours afterwards are the same as fewer from the start.
    later = ItemKnn.fit(TRAIN, 5, PLAIN).with_settings(one)
    assert (later.similarity.toarray() == similarity).all()


def test_scores_sum_over_the_history_and_fall_back_to_popularity():
    method = ItemKnn.fit(TRAIN, 5, PLAIN)
    scores = method.scores(ItemSequences.from_lists([[1, 2], [], [0]]))
    assert scores[0, 0] == pytest.approx(2 / math.sqrt(8) + 1 / 2)
    assert (scores[0, 1:] < 0).all()
    # Nobody's history: order of popularity, which is 0, 1, then 2 and 3.
    assert np.argmax(scores[1]) == 0
    assert scores[1, 0] > scores[1, 1] > scores[1, 2] == scores[1, 3]
    assert scores[1, 3] > scores[1, 4]
    # Supported items come before every other, popular or not.
    assert scores[2, 2] > scores[2, 0]


def test_what_no_neighbour_supports_follows_the_popularity_given():
    popularity = Popularity(np.array([0, 0, 1, 2, 9.0]))
    method = ItemKnn.fit(TRAIN, 5, PLAIN, popularity)
    scores = method.scores(ItemSequences.from_lists([[1]]))
    assert np.argsort(-scores[0])[:4].tolist() == [0, 4, 3, 2]


def test_recent_steps_count_more():
    recent = ItemKnnSettings(shrink=0.0, neighbours=10, half_life_steps=1.0)
    method = ItemKnn.fit(TRAIN, 5, recent)
    scores = method.scores(ItemSequences.from_lists([[1, 2], [2, 1]]))
    near, far = 2 / math.sqrt(8), 1 / 2
    assert scores[0, 0] == pytest.approx(near / 2 + far)
    assert scores[1, 0] == pytest.approx(near + far / 2)


def test_repeat_brings_seen_items_back():
    again = ItemKnnSettings(
        shrink=0.0, neighbours=10, half_life_steps=0.0, repeat=0.25
    )
    method = ItemKnn.fit(TRAIN, 5, PLAIN).with_settings(again)
    scores = method.scores(ItemSequences.from_lists([[0, 3, 3]]))
    assert scores[0, 0] == pytest.approx(0.25)
    assert scores[0, 3] == pytest.approx(0.5)


def test_blocks_give_the_same_as_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    lists = [rng.integers(0, 60, rng.integers(1, 12)) for _ in range(200)]
    sequences = ItemSequences.from_lists(lists)
    whole = ItemKnn.fit(sequences, 60, ItemKnnSettings()).similarity
    monkeypatch.setattr("models.cooccurrence.counting._BLOCK_PRODUCTS", 500)
    parts = ItemKnn.fit(sequences, 60, ItemKnnSettings()).similarity
    assert (whole.toarray() == parts.toarray()).all()


def test_no_training_at_all_still_scores():
    empty = ItemSequences.from_lists([])
    histories = ItemSequences.from_lists([[1], []])
    for method in (
        Popularity.fit(empty, 3, PopularitySettings()),
        ItemKnn.fit(empty, 3, PLAIN),
    ):
        scores = method.scores(histories)
        assert scores.shape == (2, 3)
        assert np.isfinite(scores).all()


def test_fitting_leaves_the_sequences_as_they_were():
    sequences = ItemSequences.from_lists([[3, 1, 1, 0], [2, 0]])
    method = ItemKnn.fit(sequences, 5, ItemKnnSettings(repeat=0.5))
    method.scores(sequences)
    assert sequences.rows.tolist() == [3, 1, 1, 0, 2, 0]


def test_slices_and_kept_steps_hold_together():
    middle = TRAIN.slice(1, 3)
    assert middle.rows.tolist() == [1, 0, 0, 2]
    assert middle.offsets.tolist() == [0, 2, 4]
    kept = TRAIN.keep(TRAIN.rows != 0)
    assert kept.rows.tolist() == [1, 1, 2, 3]
    assert kept.lengths.tolist() == [1, 1, 1, 1, 0]
