"""`daogou bench index`: that it measures what it says."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.index import peers
from benchmarks.index import vectors as made
from models.index import measuring
from schema.errors import MissingDependencyError
from tests.slow import slow


def test_made_up_vectors_lie_in_clusters():
    vectors, queries = made.made_up(2000, 16, 30)
    assert vectors.shape == (2000, 16)
    assert queries.shape == (30, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    # The nearest of a vector are nearer than those of scattered vectors.
    scattered = np.random.default_rng(1).normal(size=(2000, 16))
    scattered /= np.linalg.norm(scattered, axis=1, keepdims=True)

    def nearest(rows):
        scores = rows @ rows.T
        return np.sort(scores, axis=1)[:, -5:-1].mean()

    assert nearest(vectors) > nearest(scattered) + 0.05
    again, _ = made.made_up(2000, 16, 30)
    np.testing.assert_array_equal(vectors, again)


def test_each_kind_is_measured_and_filters_keep_their_recall(tmp_path):
    """In a process of its own, whose TensorFlow has one thread."""
    path, plot = tmp_path / "index.json", tmp_path / "index.svg"
    words = ["--items", "4000", "--dimension", "16", "--rounds", "1"]
    subprocess.run(
        [
            *(sys.executable, "-m", "cli.main", "bench", "index", *words),
            *("--block-size", "16", "--no-peers", "--recall", "0.95"),
            *("--recall", "0.5", "--json", str(path), "--plot", str(plot)),
        ],
        check=True,
        capture_output=True,
    )
    result = json.loads(path.read_text())
    kinds = result["measured"]["0.95"]
    assert set(kinds) == {"exact", "blocks", "scann, pybind"}
    assert kinds["exact"]["recall"] == 1
    effort = kinds["blocks"]["effort"]
    assert effort < result["built"]["blocks"]["blocks"]
    for told in kinds.values():
        assert told["recall"] > 0.9
        assert set(told["cpu_ms"]) == {"1", "8", "64"}
        assert min(told["cpu_ms"].values()) > 0
    assert result["measured"]["0.5"]["blocks"]["effort"] <= effort
    assert plot.read_text().startswith("<?xml")
    for told in result["filtered"].values():
        assert told["recall"] > 0.9
        assert told["slots"] == 1


@slow
def test_peers_reach_the_recall_they_are_asked_for():
    vectors, queries = made.made_up(3000, 16, 96)
    asked = queries[32:]
    expected = measuring.exact_neighbours(vectors, asked, 20)
    try:
        started = peers.Peers.started(
            vectors,
            tuned=queries[:32],
            tuned_rows=measuring.exact_neighbours(vectors, queries[:32], 20),
            asked=asked,
        )
        with started as run:
            assert {"faiss IVF", "faiss HNSW"} <= set(run.built)
            assert ("hnswlib" in run.built) == (run.missing is None)
            for name in run.built:
                low = run.tune(name, 0.6)
                assert run.tune(name, 0.99) >= low
                found = run.find(name)
                assert measuring.measure_recall(
                    vectors, asked, found, expected
                ) == pytest.approx(0.99, abs=0.02)
                assert run.spend(name, 8, [0, 7]) > 0
    except MissingDependencyError as error:
        pytest.skip(str(error))
