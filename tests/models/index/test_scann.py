import numpy as np
import pytest

from models.index import scann
from models.index.settings import IndexSettings
from schema.errors import DataError
from schema.settings import SettingsError


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 16))
    spread = rng.normal(size=(6000, 16)) * 0.4
    return (centres[rng.integers(0, 40, 6000)] + spread).astype(np.float32)


@pytest.fixture(scope="module")
def queries():
    rng = np.random.default_rng(1)
    return rng.normal(size=(64, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def index(vectors, queries):
    return scann.train(
        vectors, queries, IndexSettings(recall_target=0.95, training_threads=1)
    )


def brute_force(vectors, queries, k):
    return np.argsort(-queries @ vectors.T, axis=1)[:, :k]


def test_reaches_the_recall_asked_for(index, vectors, queries):
    rows, _ = index.search(queries, 100, np.zeros((64, 0), np.int32))
    expected = brute_force(vectors, queries, 100)
    shared = [len(set(a) & set(b)) for a, b in zip(rows, expected, strict=True)]
    assert np.mean(shared) / 100 >= 0.95
    # Scores that are equal but for rounding count as reached.
    assert np.mean(shared) / 100 == pytest.approx(index.plan.recall, abs=2e-3)


def test_looks_into_a_part_of_the_leaves_only(index):
    assert 1 <= index.plan.leaves_searched < index.plan.leaves


def test_more_recall_costs_more_effort(vectors, queries):
    low = scann.train(vectors, queries, IndexSettings(recall_target=0.5))
    high = scann.train(vectors, queries, IndexSettings(recall_target=0.995))
    assert high.plan.recall >= 0.995 > low.plan.recall
    assert high.plan.leaves_searched > low.plan.leaves_searched


def test_says_that_it_cannot(vectors, queries, caplog):
    settings = IndexSettings(recall_target=1.0, k=100, max_reordering=100)
    index = scann.train(vectors, queries, settings)
    assert index.plan.recall < 1
    assert index.plan.leaves_searched == index.plan.leaves
    assert "asked for 1.0000" in caplog.text


def test_no_excluded_row_comes_through(index, vectors, queries):
    best = brute_force(vectors, queries, 60).astype(np.int32)
    exclude = np.concatenate([best, np.full((64, 1), -1, np.int32)], axis=1)
    rows, scores = index.search(queries, 20, exclude)
    assert rows.shape == scores.shape == (64, 20)
    for got, left_out in zip(rows, exclude, strict=True):
        assert not set(got) & set(left_out)
        assert len(set(got)) == 20
    np.testing.assert_allclose(
        scores, np.einsum("qkd,qd->qk", vectors[rows], queries), rtol=1e-4
    )


def test_asks_for_more_than_there_are(queries):
    few = np.eye(16, dtype=np.float32)[:5]
    index = scann.train(few, queries, IndexSettings())
    assert index.plan.leaves == 1
    assert index.plan.recall == 1
    rows, scores = index.search(queries, 8, np.full((64, 1), 2, np.int32))
    assert (np.sort(rows, axis=1) == [-1, -1, -1, -1, 0, 1, 3, 4]).all()
    assert (scores[:, 4:] == scann.LOWEST).all()


def test_reloads_from_another_folder(index, queries, tmp_path):
    index.save(tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    loaded = scann.ScannIndex.load(tmp_path / "there")
    exclude = np.full((64, 1), 3, np.int32)
    for before, after in zip(
        index.search(queries, 10, exclude),
        loaded.search(queries, 10, exclude),
        strict=True,
    ):
        np.testing.assert_array_equal(before, after)
    assert loaded.plan == index.plan


def test_names_the_folder_without_an_index(tmp_path):
    with pytest.raises(DataError, match=r"search\.json is missing"):
        scann.ScannIndex.load(tmp_path)


def test_refuses_vectors_that_are_not_finite(queries):
    bad = np.ones((5, 16), np.float32)
    bad[3, 2] = np.nan
    with pytest.raises(DataError, match="item vectors: row 3 is not finite"):
        scann.train(bad, queries, IndexSettings())


def test_settings_name_what_is_wrong():
    with pytest.raises(SettingsError, match="kind is 'tree'"):
        IndexSettings(kind="tree")
    with pytest.raises(SettingsError, match="max_reordering is 5"):
        IndexSettings(max_reordering=5)
    assert IndexSettings(exact_limit=10).resolve_kind(10) == "exact"
    assert IndexSettings(exact_limit=10).resolve_kind(11) == "blocks"


def test_recall_by_hand():
    vectors = np.array([[3.0], [2.0], [1.0], [0.0]], np.float32)
    one = np.ones((1, 1), np.float32)
    best = np.array([[0, 1]])

    def recall(*found):
        return scann.measure_recall(vectors, one, np.array([found]), best)

    assert recall(1, 0) == 1.0
    assert recall(0, 2) == 0.5
    assert recall(2, -1) == 0.0


def test_equal_items_are_as_good_as_each_other():
    vectors = np.array([[2.0], [1.0], [1.0], [1.0]], np.float32)
    recall = scann.measure_recall(
        vectors,
        np.ones((1, 1), np.float32),
        found=np.array([[0, 3]]),
        expected=np.array([[0, 1]]),
    )
    assert recall == 1.0
