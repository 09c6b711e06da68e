import numpy as np
import pytest

from components.retrieval_evaluator.evaluation import (
    Queries,
    evaluate,
    make_slices,
    scores_of,
    scores_of_vectors,
)
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.baselines import Popularity
from models.cooccurrence.sequences import ItemSequences
from models.metrics import retrieval
from schema.settings import SettingsError


def test_queries_of_steps_hold_only_what_came_before():
    sequences = ItemSequences.from_lists([[5, 6], [1, 2, 3, 4]])
    queries = Queries.of_steps(sequences, np.array([0, 3, 5]), 2)
    assert queries.targets.tolist() == [5, 2, 4]
    assert queries.histories.lengths.tolist() == [0, 1, 2]
    assert queries.histories.rows.tolist() == [1, 2, 3]


def test_vectors_rank_by_hand():
    items = np.eye(4, dtype=np.float32)
    vectors = np.array([[3, 1, 2, 0], [0, 0, 1, 5]], np.float32)
    queries = Queries(
        ItemSequences.from_lists([[0], [3]]), np.array([2, 2], np.int32)
    )
    scores = scores_of_vectors(vectors, items)
    free = evaluate(scores, queries, 4, RetrievalEvaluationSettings())
    assert free.ranks.tolist() == [1, 1]
    assert free.top[:, 0].tolist() == [0, 3]
    bound = evaluate(
        scores, queries, 4, RetrievalEvaluationSettings(exclude_seen=True)
    )
    assert bound.ranks.tolist() == [0, 0]
    assert bound.top[0].tolist() == [2, 1, 3, -1]
    assert bound.top_scores[0, 0] == 2.0


def test_blocks_rank_as_the_whole_does():
    rng = np.random.default_rng(0)
    num_items = 40_000
    targets = rng.integers(0, num_items, 30).astype(np.int32)
    histories = [rng.integers(0, num_items, 5) for _ in targets]
    queries = Queries(ItemSequences.from_lists(histories), targets)
    vectors = rng.normal(size=(30, 3)).astype(np.float32)
    items = np.round(rng.normal(size=(num_items, 3)), 1).astype(np.float32)
    results = [
        evaluate(
            scores_of_vectors(vectors, items),
            queries,
            num_items,
            RetrievalEvaluationSettings(
                exclude_seen=True, chunk_megabytes=megabytes
            ),
        )
        for megabytes in (1, 64)
    ]
    # Multiplying blocks of other sizes may round the last bit differently.
    assert np.abs(results[0].ranks - results[1].ranks).max() <= 2
    assert (results[0].top == results[1].top).mean() > 0.99


def test_a_baseline_is_ranked_in_blocks_of_its_histories():
    rng = np.random.default_rng(1)
    num_items = 50_000
    counts = rng.permutation(num_items)
    targets = rng.integers(0, num_items, 7).astype(np.int32)
    queries = Queries(ItemSequences.from_lists([[0]] * 7), targets)
    result = evaluate(
        scores_of(Popularity(counts), queries),
        queries,
        num_items,
        RetrievalEvaluationSettings(chunk_megabytes=1),
    )
    assert result.ranks.tolist() == (num_items - 1 - counts[targets]).tolist()


def test_slices_by_hand():
    # Item 0 is the one of five that many chose; 4 is cold.
    counts = np.array([50, 5, 4, 2, 0])
    slices = make_slices(
        np.array([0, 1, 4, 5, 19, 20]),
        np.array([0, 0, 1, 2, 3, 4], np.int32),
        counts,
        np.array([True, False, False, False, False, False]),
    )
    marked = {
        name: np.flatnonzero(mask).tolist() for name, mask in slices.items()
    }
    assert marked == {
        "history 0": [0],
        "history 1-4": [1, 2],
        "history 5-19": [3, 4],
        "history 20+": [5],
        "target cold": [5],
        "target tail": [2, 3, 4],
        "target head": [0, 1],
        "with query": [0],
        "without query": [1, 2, 3, 4, 5],
    }


def test_slices_add_up():
    rng = np.random.default_rng(2)
    num_items = 30
    targets = rng.integers(0, num_items, 200).astype(np.int32)
    queries = Queries(ItemSequences.from_lists([[]] * 200), targets)
    result = evaluate(
        scores_of(Popularity(rng.random(num_items)), queries),
        queries,
        num_items,
        RetrievalEvaluationSettings(),
    )
    slices = make_slices(
        rng.integers(0, 40, 200),
        targets,
        rng.integers(0, 20, num_items),
        rng.random(200) < 0.3,
    )
    by_slice = result.by_slice(slices)
    for family in ("history", "target", "with"):
        parts = [
            value
            for name, value in by_slice.items()
            if name.startswith(family) or family in name
        ]
        assert sum(part["queries"] for part in parts) == 200
        mean = sum(part["queries"] * part["recall@10"] for part in parts) / 200
        assert mean == pytest.approx(result.overall()["recall@10"])
    assert result.overall()["recall@10"] == retrieval.recall_at_k(
        result.ranks, 10
    )


def test_settings_name_the_field():
    with pytest.raises(SettingsError, match=r"max_history is 0; allowed"):
        RetrievalEvaluationSettings(max_history=0)
    with pytest.raises(SettingsError, match="positive_event_types"):
        RetrievalEvaluationSettings(positive_event_types=("search",))
    settings = RetrievalEvaluationSettings(shrink=(1.0, 2.0))
    assert settings.from_json(settings.to_json()) == settings
