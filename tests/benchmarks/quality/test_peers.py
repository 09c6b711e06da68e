import json
import sys

import numpy as np
import pytest

from benchmarks.quality import evaluation, peers

# Each item's vector is its place on the ring; a user's is that of the item
# after the last one. It works on what a real peer is given, and no more.
PEER = """
import json, pathlib, sys
import numpy as np

folder = pathlib.Path(sys.argv[1])
settings = json.loads((folder / "settings.json").read_text())
problem = np.load(folder / "problem.npz")
n = int(problem["num_items"])

def users(split):
    offsets, rows = problem[split + "_offsets"], problem[split + "_rows"]
    return np.eye(n, dtype=np.float32)[
        (rows[offsets[1:] - 1] + settings["ahead"]) % n
    ]

assert len(problem["validation_targets"]) == len(problem["asked"])
print("learning with seed", settings["seed"], flush=True)
if settings["ahead"] < 0:
    sys.exit("no way back")
np.savez(
    folder / "vectors.npz",
    items=np.eye(n, dtype=np.float32),
    known=np.arange(n) != 7,
    validation=users("training"),
    test=users("test"),
)
(folder / "about.json").write_text(json.dumps({"ahead": settings["ahead"]}))
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "peer.py"
    path.write_text(PEER)
    return str(path)


def test_a_peer_is_asked_and_its_best_choice_kept(
    walks, tmp_path, script, monkeypatch
):
    monkeypatch.setattr(
        peers.environments, "python_of", lambda requirements: sys.executable
    )
    fit = peers.fit_of(script, ("peer==1",), ({"ahead": 2}, {"ahead": 1}))
    score = fit(walks, seed=5, log_dir=tmp_path)
    ranked = evaluation.rank(walks, score, "test")
    # All but the users whose target the peer does not know.
    unknown = walks.targets("test") == 7
    assert 0 < unknown.sum() < 30
    assert (ranked.ranks[~unknown] == 0).all()
    # 5 items of the history are out; it comes after the 34 others.
    assert (ranked.ranks[unknown] == 34).all()
    about = json.loads((tmp_path / "about.json").read_text())
    assert about == {
        "requirements": ["peer==1"],
        "chosen": {"ahead": 1},
        "ahead": 1,
    }
    assert (tmp_path / "peer.log").read_text() == "learning with seed 5\n" * 2
    assert not (tmp_path / "problem.npz").exists()
    assert not (tmp_path / "vectors.npz").exists()


def test_a_peer_that_fails_says_why(walks, tmp_path, script):
    with pytest.raises(peers.PeerError, match=r"code 1.*no way back"):
        peers.learn(
            sys.executable, script, walks, {"ahead": -1, "seed": 0}, tmp_path
        )


def test_the_test_targets_stay_here(walks, tmp_path, script, monkeypatch):
    given = {}

    def load(command, **_):
        folder = command[-1]
        given.update(np.load(folder / "problem.npz"))
        raise KeyboardInterrupt

    monkeypatch.setattr(peers.subprocess, "run", load)
    with pytest.raises(KeyboardInterrupt):
        peers.learn(sys.executable, script, walks, {}, tmp_path)
    # Each walk has 6 steps: 4 to learn from, 5 before the test's target.
    assert (np.diff(given["training_offsets"]) == 4).all()
    assert (np.diff(given["test_offsets"]) == 5).all()
    assert set(given) == {
        *("num_items", "training_offsets", "training_rows"),
        *("test_offsets", "test_rows", "asked", "validation_targets"),
    }
