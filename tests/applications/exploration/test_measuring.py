import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from applications.exploration.asking import ask_candidates, explorable
from applications.exploration.bandit import BanditSettings, simulate
from applications.exploration.curve import Asked, curves, measure
from applications.exploration.evidence import Evidence, read_evidence
from applications.exploration.reranking import Candidates
from applications.exploration.settings import ExplorationSettings
from applications.exploration.thompson import believe
from applications.logged_pages import Questions
from schema.errors import DataError
from schema.settings import SettingsError
from serving.requests import Only, Request
from tests import small_shop

IDS = [f"i{n}" for n in range(10)]
# i0 and i1 are the head; i9 is listed later; i7 and i8 were hardly chosen.
EVIDENCE = Evidence(
    item_ids=np.array(IDS),
    listed_at=np.r_[np.zeros(9, np.int64), 200],
    shown=np.array([90, 80, 50, 40, 30, 30, 20, 9, 3, 0]),
    clicked=np.array([40, 30, 5, 5, 4, 4, 3, 1, 0, 0]),
    as_of=100,
)
SETTINGS = ExplorationSettings(page=4, candidates=6)


def test_groups_by_hand():
    assert EVIDENCE.new(3).nonzero()[0].tolist() == [7, 8, 9]
    assert EVIDENCE.tail(3).nonzero()[0].tolist() == [2, 3, 4, 5, 6]
    assert EVIDENCE.rows(np.array(["i3", "x", "i0"])).tolist() == [3, -1, 0]
    novelty = EVIDENCE.novelty()
    assert novelty[[0, 8]].tolist() == [0, 1]
    assert novelty[2] == pytest.approx(1 - np.log(6) / np.log(41))


def test_what_is_listed_later_is_not_explored():
    assert not explorable(EVIDENCE, 199, SETTINGS)[9]
    assert explorable(EVIDENCE, 200, SETTINGS)[9]
    assert not explorable(EVIDENCE, 200, SETTINGS)[:2].any()


def test_evidence_counts_impressions_before_the_time(tmp_path):
    for split, rows in (
        ("train", [("i1", 10, 1), ("i1", 20, 0), ("gone", 20, 1)]),
        ("eval", [("i1", 30, 1), ("i2", 40, 1)]),
    ):
        small_shop.write_examples(
            tmp_path,
            split,
            [
                {
                    "item_id": [item],
                    "timestamp": [when],
                    "weight": [1.0],
                    "label_click": [float(label)],
                }
                for item, when, label in rows
            ],
        )
    items = pa.table(
        {
            "item_id": ["i1", "i2"],
            "listed_at": pa.array([None, 35], pa.int64()),
        }
    )
    found = read_evidence(str(tmp_path), items, "click", 40)
    assert found.shown.tolist() == [3, 0]
    assert found.clicked.tolist() == [2, 0]
    assert found.listed_at.tolist() == [0, 35]
    found = read_evidence(str(tmp_path), items, "click", 40, ("train",))
    assert found.shown.tolist() == [2, 0]
    with pytest.raises(DataError, match="no files"):
        read_evidence(str(tmp_path), items, "click", 40, ("test",))


class Model:
    """Recommends by number, as a servable does: limits act in the search."""

    def recommend(self, request, k, only):
        allowed = [n for n in IDS if not only.item_ids or n in only.item_ids]
        ids = [n.encode() for n in allowed[:k]]
        filled = ids + [b""] * (k - len(ids))
        return {
            "item_ids": np.array([filled], object),
            "scores": np.linspace(1, 0, k, dtype=np.float32)[None],
            "p_click": np.full((1, k), 0.25, np.float32),
        }


def test_candidates_keep_to_the_limits():
    request = Request(timestamp=150)
    found = ask_candidates(Model(), request, EVIDENCE, SETTINGS)
    assert found.items.tolist() == [0, 1, 2, 3, 4, 5]
    # Neither the head nor what is listed later.
    assert found.explored.tolist() == [2, 3, 4, 5, 6, 7]
    # 92 of 352 were clicked, and a prior is worth 100 impressions.
    prior = 100 * 92 / 352
    clicks = prior + np.array([5, 5, 4, 4, 3, 1])
    assert found.beliefs.clicks.tolist() == pytest.approx(clicks.tolist())
    assert found.beliefs.scale.tolist() == pytest.approx([25 / prior] * 6)
    only = Only(item_ids=["i0", "i7", "i9"])
    found = ask_candidates(Model(), request, EVIDENCE, SETTINGS, only)
    assert found.items.tolist() == [0, 7, 9]
    assert found.explored.tolist() == [7]
    nothing = Only(item_ids=["i0"])
    found = ask_candidates(Model(), request, EVIDENCE, SETTINGS, nothing)
    assert found.explored.tolist() == []
    other = dataclasses.replace(SETTINGS, head="join")
    with pytest.raises(DataError, match="no ranking head 'join'"):
        ask_candidates(Model(), request, EVIDENCE, other)


def _asked(chances=None):
    items = np.array([0, 1, 2, 3, 4, 5])
    explored = np.array([7, 8])
    candidates = Candidates(
        items=items,
        scores=np.linspace(1, 0, 6),
        novelty=EVIDENCE.novelty()[items],
        explored=explored,
        beliefs=believe(
            np.array([0.9, 0.1]),
            np.array([0.3, 0.3]),
            EVIDENCE.shown[explored],
            EVIDENCE.clicked[explored],
            20.0,
        ),
    )
    return Asked(
        questions=Questions(
            requests=(Request(timestamp=150),) * 2,
            targets=np.array(["i1", "i3"], object),
            user_ids=np.array(["u1", "u2"], object),
            session_ids=np.array(["s1", "s2"], object),
            timestamps=np.array([150, 150]),
        ),
        candidates=(candidates, candidates),
        evidence=EVIDENCE,
        chances=chances,
        examination=None if chances is None else np.array([1, 0.5, 0.25, 0.1]),
    )


def test_a_quota_is_paid_for_by_hand():
    chances = np.tile(np.arange(10) / 10, (2, 1))
    none = dataclasses.replace(SETTINGS, quota=0.0)
    found = measure(_asked(chances), none)
    # Targets in the second and the fourth slot.
    both = (1 / np.log2(3) + 1 / np.log2(5)) / 2
    assert found["ndcg"] == pytest.approx(both)
    assert (found["new"], found["tail"], found["explored"]) == (0, 0.5, 0)
    assert found["clicks"] == pytest.approx(0.05 + 0.05 + 0.03)
    # Two of eight new and tail items are shown to somebody.
    assert found["coverage"] == 2 / 8
    greedy = dataclasses.replace(SETTINGS, quota=0.25, policy="greedy")
    found = measure(_asked(chances), greedy)
    # The fourth slot goes to i7, so one of the targets is lost.
    assert found["ndcg"] == pytest.approx(1 / np.log2(3) / 2)
    assert (found["new"], found["tail"]) == (0.25, 0.25)
    assert found["explored"] == 0.25
    assert found["clicks"] == pytest.approx(0.05 + 0.05 + 0.07)
    assert "clicks" not in measure(_asked(), greedy)


def test_random_exploration_chooses_of_all():
    random = dataclasses.replace(SETTINGS, quota=0.5, policy="random")
    found = measure(_asked(), random)
    # Four slots of items 2 to 8 but for the two that stay, five seeds.
    assert found["explored"] == 0.5
    assert found["coverage"] > 2 / 8


def test_curves_have_a_point_for_each_strength():
    found = curves(
        _asked(),
        SETTINGS,
        quotas=(0.0, 0.5),
        boosts=(0.0, 9.0),
        progress=lambda *told: None,
    )
    assert {way: len(points) for way, points in found.items()} == {
        "thompson": 2,
        "greedy": 2,
        "random": 2,
        "boost": 2,
    }
    # Without any, all ways are the model alone.
    assert len({points[0]["ndcg"] for points in found.values()}) == 1
    for way, points in found.items():
        group = "tail" if way == "boost" else "new"
        assert points[1][group] > points[0][group]


def test_thompson_finds_what_the_head_thinks_little_of():
    """One of ten items is good and the head does not know which."""
    truth = np.full((20, 10), 0.02)
    truth[:, 7] = 0.3
    chances = np.full((20, 10), 0.05)
    chances[:, 2] = 0.08
    settings = BanditSettings(
        days=15, visits=100, slots=1, worlds=4, prior_strength=20.0
    )
    found = simulate(chances, truth, settings)
    policies = found["policies"]
    last = {name: told["regret"][-1] for name, told in policies.items()}
    # Random loses .252 a visit.
    assert last["random"] == pytest.approx(15 * 100 * 0.252, rel=0.06)
    # The head alone keeps to the item that it thinks most of.
    assert last["head"] == pytest.approx(15 * 100 * 0.28)
    assert last["thompson"] < 0.5 * min(last["random"], last["head"])
    assert policies["thompson"]["best_share"][-1] > 0.8
    assert policies["random"]["best_share"][-1] == pytest.approx(0.1, abs=0.04)
    low, high = found["leads"]["random"]["interval"]
    assert 0 < low < high
    for told in policies.values():
        assert (np.diff(told["regret"]) >= 0).all()
    assert found == simulate(chances, truth, settings)


def test_bandit_names_what_is_wrong():
    with pytest.raises(SettingsError, match="worlds is 1"):
        BanditSettings(worlds=1)
    with pytest.raises(ValueError, match="do not go together"):
        simulate(np.ones((2, 3)), np.ones((2, 4)), BanditSettings())
    with pytest.raises(ValueError, match="with 2 slots"):
        simulate(np.ones((2, 1)), np.ones((2, 1)), BanditSettings())
