import math

import numpy as np
import pytest

from benchmarks.quality import evaluation, sequences

# Four users of four items; rows are 0 to 3. Trained on: 0 1 | 0 1 | 0 | 3.
LINES = "a 0 1 2 3\nb 0 1 3 2\nc 0 2 1\nd 3 1 0\n"


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text(LINES)
    return sequences.read(path)


def fixed(scores):
    """A model that gives each user one row of scores."""
    table = np.array(scores, np.float32)
    return lambda users, split: table[users].copy()


SCORES = [[9, 8, 0, 7], [9, 8, 5, 7], [0, 3, 9, 4], [1, 9, 2, 9]]


def test_ranks_by_hand(data):
    ranked = evaluation.rank(data, fixed(SCORES), "test")
    # a: 0, 1, 2 are out, 3 is left. b: 0, 1, 3 are out. c: 3 is before 1.
    # d: 3 and 1 are out, 2 is before 0.
    assert ranked.ranks.tolist() == [0, 0, 1, 1]
    assert ranked.top[:, :2].tolist() == [[3, -1], [2, -1], [3, 1], [2, 0]]
    # What is asked for in the validation is one step earlier.
    validation = evaluation.rank(data, fixed(SCORES), "validation")
    # a: 2 behind 3. b: 3 before 2. c: 2 first. d: 1 first.
    assert validation.ranks.tolist() == [1, 0, 0, 0]


def test_figures_by_hand(data):
    ranked = evaluation.rank(data, fixed(SCORES), "test")
    figures = evaluation.figures(data, ranked, "test")
    second = 1 / math.log2(3)
    assert figures["hr@10"] == 1.0
    assert figures["ndcg@10"] == pytest.approx((2 + 2 * second) / 4)
    assert figures["mrr"] == pytest.approx(0.75)
    assert figures["coverage@10"] == 1.0
    # Every target came once, so each counts the same.
    assert figures["ndcg@10_by_item"] == pytest.approx(figures["ndcg@10"])
    # Chosen in training: 3, 2, 0 and 1 times; with one more each, of 10.
    bits = -np.log2(np.array([4, 3, 1, 2]) / 10)
    shown = [3, 2, 3, 1, 2, 0]
    assert figures["novelty@10"] == pytest.approx(bits[shown].mean())
    # Only item 2, user b's, was never chosen in training.
    assert figures["slices"]["cold"]["users"] == 1
    assert figures["slices"]["cold"]["ndcg@10"] == 1.0
    assert figures["slices"]["long_tail"]["users"] == 4
    assert "head" not in figures["slices"]


def test_a_target_seen_before_is_a_miss(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("a 0 1 0\nb 1 2 3\n")
    data = sequences.read(path)
    ranked = evaluation.rank(data, fixed([[9, 0, 0, 0]] * 2), "test")
    assert ranked.mean("hr@50") == 0.5


def test_equal_scores_are_worth_what_chance_is(walks):
    score = fixed(np.zeros((300, 40)))
    # 35 items are left after 5 of them, of which 10 are shown.
    hits = evaluation.rank(walks, score, "test").mean("hr@10")
    assert hits == pytest.approx(10 / 35, abs=0.08)


def test_some_users_only(data):
    ranked = evaluation.rank(data, fixed(SCORES), "test", np.array([3, 0]))
    assert ranked.ranks.tolist() == [1, 0]


def test_scores_of_another_shape_are_refused(data):
    with pytest.raises(ValueError, match=r"\(4, 3\) for 4 users and 4 items"):
        evaluation.rank(data, fixed(np.zeros((4, 3))), "test")
