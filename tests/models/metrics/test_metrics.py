import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from models.metrics import catalogue_order, lists, ranking, retrieval

ORDER = np.arange(5, dtype=np.int32)


def test_ranks_count_the_items_above():
    scores = np.array([[0.1, 0.2, 0.9, 0.5, 0.0], [5, 4, 3, 2, 1]], np.float32)
    ranks = catalogue_order.target_ranks(scores, np.array([3, 4]), ORDER)
    assert ranks.tolist() == [1, 4]


def test_ties_follow_the_order_not_the_column():
    scores = np.zeros((3, 5), np.float32)
    order = np.array([4, 3, 2, 1, 0], np.int32)
    ranks = catalogue_order.target_ranks(scores, np.array([0, 2, 4]), order)
    assert ranks.tolist() == [4, 2, 0]


def test_constant_scores_are_right_as_often_as_chance():
    num_items = 1000
    order = catalogue_order.tie_order(num_items)
    scores = np.zeros((num_items, num_items), np.float32)
    ranks = catalogue_order.target_ranks(scores, np.arange(num_items), order)
    assert sorted(ranks.tolist()) == list(range(num_items))
    # The head of the catalogue is not favoured.
    assert 0.05 < retrieval.recall_at_k(ranks[:200], 100) < 0.16


def test_tie_order_is_the_same_every_time():
    assert (
        catalogue_order.tie_order(50) == catalogue_order.tie_order(50)
    ).all()
    assert sorted(catalogue_order.tie_order(50)) == list(range(50))


def test_excluded_target_is_a_miss():
    scores = np.array([[1.0, -np.inf, 0.5]], np.float32)
    ranks = catalogue_order.target_ranks(scores, np.array([1]), ORDER[:3])
    assert ranks[0] == catalogue_order.UNREACHABLE
    assert retrieval.retrieval_metrics(ranks) == {
        "recall@10": 0.0,
        "recall@50": 0.0,
        "precision@10": 0.0,
        "f1@10": 0.0,
        "ndcg@10": 0.0,
        "mrr": 0.0,
    }


def test_nan_scores_are_refused():
    scores = np.array([[1.0, 0.5], [0.0, np.nan]], np.float32)
    with pytest.raises(ValueError, match="query 1 for item row 1"):
        catalogue_order.target_ranks(scores, np.array([0, 0]), ORDER[:2])


def test_top_items_agree_with_ranks_under_many_ties():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (40, 30)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.2] = -np.inf
    order = catalogue_order.tie_order(30)
    top = catalogue_order.top_items(scores, 10, order)
    for row in range(40):
        for place, item in enumerate(top[row]):
            if item >= 0:
                rank = catalogue_order.target_ranks(
                    scores[row : row + 1], np.array([item]), order
                )
                assert rank[0] == place


def test_top_items_pads_where_nothing_is_left():
    scores = np.array([[-np.inf, 2.0, -np.inf]], np.float32)
    assert catalogue_order.top_items(scores, 9, ORDER[:3]).tolist() == [
        [1, -1, -1]
    ]


def test_retrieval_metrics_by_hand():
    ranks = np.array([0, 2, 10, 60])
    values = retrieval.retrieval_metrics(ranks)
    assert values["recall@10"] == 0.5
    assert values["recall@50"] == 0.75
    assert values["precision@10"] == pytest.approx((0.1 + 0.1) / 4)
    # Precision .1 and recall 1 where the target is there.
    assert values["f1@10"] == pytest.approx(2 * (2 * 0.1 / 1.1) / 4)
    assert values["ndcg@10"] == pytest.approx((1 + 0.5) / 4)
    assert values["mrr"] == pytest.approx((1 + 1 / 3 + 1 / 11 + 1 / 61) / 4)


def test_no_queries_give_nan_not_zero():
    values = retrieval.retrieval_metrics(np.zeros(0, np.int64))
    assert all(math.isnan(value) for value in values.values())


def test_coverage_counts_distinct_items():
    top = np.array([[0, 1, -1], [1, 2, -1]], np.int32)
    assert retrieval.coverage(top, 6) == 0.5


def test_diversity_by_hand():
    vectors = np.array([[3, 0], [0, 2], [5, 5], [-1, 0], [0, 0]], np.float32)
    half = 2**-0.5
    by_list = {
        # Pairs (0, 1), (0, 2), (1, 2).
        (0, 1, 2): (1 + (1 - half) + (1 - half)) / 3,
        (0, 3, -1): 2.0,
        (0, 0, 0): 0.0,
        # A vector of nothing is unlike everything.
        (0, 4, -1): 1.0,
    }
    for listed, expected in by_list.items():
        found = retrieval.diversity(np.array([listed]), vectors)
        assert found == pytest.approx(expected)
    # A list of one item, or of none, has no pair and does not count.
    every = np.array([*by_list, (1, -1, -1), (-1, -1, -1)])
    assert retrieval.diversity(every, vectors) == pytest.approx(
        sum(by_list.values()) / 4
    )
    assert math.isnan(retrieval.diversity(every[-2:], vectors))


def test_diversity_agrees_with_scipy(monkeypatch):
    monkeypatch.setattr(retrieval, "_LISTS", 7)
    rng = np.random.default_rng(9)
    vectors = rng.normal(size=(50, 6)).astype(np.float32)
    top = np.stack([rng.permutation(50)[:10] for _ in range(30)])
    assert retrieval.diversity(top, vectors) == pytest.approx(
        np.mean([pdist(vectors[row], "cosine").mean() for row in top])
    )


def test_figures_of_hits_by_hand():
    hits = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], bool)
    told = lists.hit_figures(hits, np.array([2, 1, 5]))
    second, third = 1 / math.log2(3), 1 / math.log2(4)
    expected = {
        "precision@3": [2 / 3, 0, 1 / 3],
        "recall@3": [1, 0, 1 / 5],
        "f1@3": [4 / 5, 0, 2 / 8],
        "ndcg@3": [
            (1 + third) / (1 + second),
            0,
            second / (1 + second + third),
        ],
    }
    assert list(told) == list(expected)
    for name, values in expected.items():
        assert told[name] == pytest.approx(values)


def test_figures_of_hits_agree_with_sklearn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(10)
    scores = rng.random((60, 30))
    truth = rng.random((60, 30)) < 0.15
    truth[:, 0] = True
    top = np.argsort(-scores, axis=1)[:, :5]
    told = lists.hit_figures(
        np.take_along_axis(truth, top, axis=1), truth.sum(1)
    )
    listed = np.zeros_like(truth)
    np.put_along_axis(listed, top, True, axis=1)
    for name, value in zip(
        ("precision@5", "recall@5", "f1@5"),
        sklearn.precision_recall_fscore_support(
            truth, listed, average="samples"
        ),
        strict=False,
    ):
        assert told[name].mean() == pytest.approx(value)
    assert told["ndcg@5"].mean() == pytest.approx(
        sklearn.ndcg_score(truth, scores, k=5)
    )


def test_one_target_is_a_list_with_one_hit():
    ranks = np.array([0, 3, 4, 17, catalogue_order.UNREACHABLE])
    hits = ranks[:, None] == np.arange(5)
    told = lists.hit_figures(hits, np.ones(5, np.int64))
    for name, found in (
        ("precision@5", retrieval.precision_at_k(ranks, 5)),
        ("recall@5", retrieval.recall_at_k(ranks, 5)),
        ("f1@5", retrieval.f1_at_k(ranks, 5)),
        ("ndcg@5", retrieval.ndcg_at_k(ranks, 5)),
    ):
        assert told[name].mean() == pytest.approx(found)


def test_log_loss_by_hand():
    value = ranking.log_loss([1, 0], [0.8, 0.4], [3, 1])
    assert value == pytest.approx(-(3 * math.log(0.8) + math.log(0.6)) / 4)
    # Certain and wrong costs much, yet a finite amount.
    assert ranking.log_loss([1], [0.0]) == pytest.approx(-math.log(1e-7))
    assert math.isnan(ranking.log_loss([1], [0.5], [0.0]))


def test_prior_is_what_saying_the_mean_costs():
    labels, weights = np.array([1, 0, 0, 1]), np.array([1.0, 5.0, 2.0, 1.0])
    mean = np.average(labels, weights=weights)
    assert ranking.prior_log_loss(mean) == pytest.approx(
        ranking.log_loss(labels, np.full(4, mean), weights)
    )
    assert ranking.prior_log_loss(1.0) == 0.0


def test_auc_by_hand():
    # Pairs (0.8, 0.3) and (0.3, 0.3): one win, one tie.
    assert ranking.auc([1, 0, 1], [0.8, 0.3, 0.3]) == pytest.approx(0.75)
    # The first positive counts three times.
    assert ranking.auc([1, 0, 1], [0.8, 0.3, 0.3], [3, 1, 1]) == pytest.approx(
        3.5 / 4
    )
    assert math.isnan(ranking.auc([1, 1], [0.1, 0.2]))
    assert math.isnan(ranking.auc([], []))


def test_auc_and_log_loss_agree_with_sklearn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 500)
    scores = np.round(rng.random(500) * 0.6 + labels * 0.2, 2) + 0.01
    weights = rng.random(500) * 4
    assert ranking.auc(labels, scores, weights) == pytest.approx(
        sklearn.roc_auc_score(labels, scores, sample_weight=weights)
    )
    assert ranking.log_loss(labels, scores, weights) == pytest.approx(
        sklearn.log_loss(labels, scores, sample_weight=weights)
    )


def test_ndcg_agrees_with_sklearn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    scores = rng.random((30, 40)).astype(np.float32)
    targets = rng.integers(0, 40, 30)
    truth = np.zeros((30, 40))
    truth[np.arange(30), targets] = 1
    ranks = catalogue_order.target_ranks(
        scores, targets, catalogue_order.tie_order(40)
    )
    assert retrieval.ndcg_at_k(ranks, 10) == pytest.approx(
        sklearn.ndcg_score(truth, scores, k=10)
    )


def test_group_auc_looks_inside_users_only():
    labels = [1, 0, 1, 0, 1, 1]
    scores = [0.2, 0.1, 0.8, 0.9, 0.5, 0.6]
    users = ["b", "b", "a", "a", "c", "c"]
    values, weight = ranking.grouped_auc(labels, scores, users)
    assert values[:2].tolist() == [0.0, 1.0]
    assert math.isnan(values[2])
    assert weight.tolist() == [2.0, 2.0, 2.0]
    assert ranking.group_auc(labels, scores, users) == 0.5
    # Weight 3 on the user whose order is right.
    assert ranking.group_auc(
        labels, scores, users, [3, 3, 1, 1, 1, 1]
    ) == pytest.approx(0.75)


def test_grouped_auc_equals_auc_of_each_group():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 300)
    scores = np.round(rng.random(300), 1)
    users = rng.integers(0, 7, 300)
    weights = rng.random(300)
    values, _ = ranking.grouped_auc(labels, scores, users, weights)
    for user in range(7):
        own = users == user
        assert values[user] == pytest.approx(
            ranking.auc(labels[own], scores[own], weights[own])
        )


def test_calibration_error_by_hand():
    # Bin 0.2: predicts 0.25, is 0.5 (2 examples); bin 0.9: predicts 0.9, is 1.
    value = ranking.calibration_error([1, 0, 1], [0.25, 0.25, 0.9])
    assert value == pytest.approx((2 * 0.25 + 1 * 0.1) / 3)
    assert ranking.calibration_error([1, 0], [1.0, 0.0]) == 0.0


def test_novelty_is_the_surprise_of_what_is_shown():
    counts = np.array([7, 3, 1, 1])  # smoothed 8, 4, 2, 2 of 16
    top = np.array([[0, 2], [1, -1]], np.int32)
    assert retrieval.novelty(top, counts) == pytest.approx((1 + 3 + 2) / 3)
    assert math.isnan(retrieval.novelty(np.array([[-1]]), counts))


def test_by_item_gives_rare_targets_the_weight_of_frequent_ones():
    hits = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    targets = np.array([5, 5, 5, 1, 2])
    assert hits.mean() == 0.6
    assert retrieval.by_item(hits, targets) == pytest.approx(1 / 3)
    assert retrieval.by_item(hits[:1], targets[:1]) == 1.0


def test_query_figures_by_hand():
    ranks = np.array([0, 4, 5, 19, 49, catalogue_order.UNREACHABLE])
    figures = retrieval.query_figures(ranks)
    assert list(figures) == [
        *("hr@5", "hr@10", "hr@20", "hr@50"),
        *("ndcg@5", "ndcg@10", "ndcg@20", "mrr"),
    ]
    assert figures["hr@5"].tolist() == [1, 1, 0, 0, 0, 0]
    assert figures["hr@10"].tolist() == [1, 1, 1, 0, 0, 0]
    assert figures["hr@20"].tolist() == [1, 1, 1, 1, 0, 0]
    assert figures["hr@50"].tolist() == [1, 1, 1, 1, 1, 0]
    assert figures["ndcg@5"] == pytest.approx([1, 1 / math.log2(6), 0, 0, 0, 0])
    assert figures["ndcg@20"][3] == pytest.approx(1 / math.log2(21))
    assert figures["mrr"] == pytest.approx([1, 1 / 5, 1 / 6, 1 / 20, 1 / 50, 0])


def test_query_figures_agree_with_sklearn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(8)
    scores = rng.random((60, 80)).astype(np.float32)
    targets = rng.integers(0, 80, 60)
    truth = np.zeros((60, 80))
    truth[np.arange(60), targets] = 1
    figures = retrieval.query_figures(
        catalogue_order.target_ranks(
            scores, targets, catalogue_order.tie_order(80)
        )
    )
    for k in retrieval.HIT_CUTS:
        assert figures[f"hr@{k}"].mean() == pytest.approx(
            sklearn.top_k_accuracy_score(
                targets, scores, k=k, labels=np.arange(80)
            )
        )
    for k in retrieval.GAIN_CUTS:
        assert figures[f"ndcg@{k}"].mean() == pytest.approx(
            sklearn.ndcg_score(truth, scores, k=k)
        )
    assert figures["mrr"].mean() == pytest.approx(
        sklearn.label_ranking_average_precision_score(truth, scores)
    )
