import dataclasses

import numpy as np
import pytest

from applications.exploration.reranking import (
    Candidates,
    explored_slots,
    rerank,
)
from applications.exploration.settings import ExplorationSettings
from applications.exploration.thompson import Beliefs, believe
from schema.settings import SettingsError


def _candidates(model=10, pool=(20, 21, 22), means=None, **given):
    means = np.linspace(0.9, 0.1, len(pool)) if means is None else means
    return Candidates(
        **{
            "items": np.arange(model),
            "scores": np.linspace(1, 0, model),
            "novelty": np.zeros(model),
            "explored": np.array(pool, np.int64),
            "beliefs": Beliefs(
                1000 * means, 1000 * (1 - means), np.ones(len(pool))
            ),
            **given,
        }
    )


def _page(candidates, seed=0, **given):
    settings = ExplorationSettings(**{"page": 5, "candidates": 10, **given})
    return rerank(candidates, settings, np.random.default_rng(seed))


def test_quota_takes_the_last_slots_of_even_parts():
    page = _page(_candidates(), quota=0.4, policy="greedy")
    # Two of five: the second and the fifth; the best two of the pool.
    assert page.items.tolist() == [0, 20, 1, 2, 21]
    assert page.place.tolist() == [-1, 0, -1, -1, 1]
    assert page.drawn[[1, 4]].tolist() == pytest.approx([0.9, 0.5])
    assert np.isnan(page.drawn[[0, 2, 3]]).all()


def test_no_quota_is_the_model_alone():
    assert _page(_candidates(), quota=0.0).items.tolist() == [0, 1, 2, 3, 4]


def test_boost_by_hand():
    novelty = np.zeros(4)
    novelty[3] = 0.5
    scores = np.array([4.0, 3.0, 2.0, 1.0])
    candidates = _candidates(model=4, scores=scores, novelty=novelty)
    for boost, order in (
        (0.0, [0, 1, 2, 3]),
        # 1 + .5 * 3 = 2.5, above 2.
        (3.0, [0, 1, 3, 2]),
        (10.0, [3, 0, 1, 2]),
    ):
        page = _page(candidates, page=4, quota=0.0, boost=boost)
        assert page.items.tolist() == order


def test_what_the_page_has_anyway_is_not_explored():
    page = _page(_candidates(pool=(0, 3, 7)), quota=0.4, policy="greedy")
    # 0 stays where the model has it; 3 is not among the three that stay.
    assert page.items.tolist() == [0, 3, 1, 2, 7]
    assert page.place.tolist() == [-1, 1, -1, -1, 2]


def test_small_pools_and_short_lists():
    page = _page(_candidates(pool=(20,)), quota=0.6, policy="greedy")
    assert page.items.tolist() == [0, 1, 2, 3, 20]
    page = _page(_candidates(model=1), quota=0.4, policy="greedy")
    assert page.items.tolist() == [20, 0, 21]
    empty = _candidates(pool=(), means=np.zeros(0))
    assert _page(empty, quota=1.0).items.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("policy", ["thompson", "greedy", "random"])
def test_any_page(policy):
    rng = np.random.default_rng(4)
    for seed in range(300):
        size = int(rng.integers(1, 12))
        settings = ExplorationSettings(
            page=size,
            quota=float(rng.choice([0, 0.1, 0.25, 0.5, 1])),
            boost=float(rng.choice([0, 2])),
            policy=policy,
            candidates=30,
        )
        model = rng.permutation(40)[: rng.integers(0, 30)]
        pool = rng.permutation(40)[: rng.integers(0, 30)]
        candidates = Candidates(
            items=model,
            scores=np.sort(rng.random(len(model)))[::-1],
            novelty=rng.random(len(model)),
            explored=pool,
            beliefs=Beliefs(*rng.uniform(1, 9, (3, len(pool)))),
        )
        page = rerank(candidates, settings, np.random.default_rng(seed))
        explores = page.place >= 0
        both = np.union1d(model, pool)
        assert len(page.items) == len(set(page.items.tolist())) <= size
        assert set(page.items[~explores]) <= set(model)
        assert (page.items[explores] == pool[page.place[explores]]).all()
        assert (explores == ~np.isnan(page.drawn)).all()
        # The quota is met exactly wherever there is enough to explore.
        kept = _kept(candidates, settings)
        enough = len(set(pool.tolist()) - set(kept.tolist()))
        assert explores.sum() == min(settings.slots, enough)
        if len(model) >= size:
            assert len(page.items) == size
        assert set(kept) <= set(page.items[~explores])
        assert set(page.items) <= set(both)


def _kept(candidates, settings):
    boosted = candidates.scores + settings.boost * candidates.novelty
    order = candidates.items[np.argsort(-boosted, kind="stable")]
    return order[: settings.page - settings.slots]


def test_equal_seeds_draw_the_same_page():
    candidates = _candidates(pool=range(20, 60), means=np.full(40, 0.3))
    pages = [
        _page(candidates, seed, quota=0.4).items.tolist() for seed in (1, 1, 2)
    ]
    assert pages[0] == pages[1] != pages[2]


def _believe(chance, expected, shown, clicked, strength=20.0):
    lists = (chance, expected, shown, clicked)
    return believe(*(np.array(one) for one in lists), strength)


def test_posterior_by_hand():
    beliefs = _believe([0.1, 0.1], [0.1, 0.1], [0, 80], [0, 20])
    # 2 of 20 before; 22 of 100 after.
    assert beliefs.clicks.tolist() == pytest.approx([2, 22])
    assert beliefs.misses.tolist() == pytest.approx([18, 78])
    assert beliefs.mean.tolist() == pytest.approx([0.1, 0.22])
    # Variance of a beta: m (1 - m) / (n + 1).
    assert beliefs.deviation[0] == pytest.approx((0.09 / 21) ** 0.5)
    assert beliefs.deviation[1] == pytest.approx((0.22 * 0.78 / 101) ** 0.5)
    many = [[value] * 20_000 for value in (0.1, 0.1, 80, 20)]
    drawn = _believe(*many).draw(np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(0.22, abs=0.002)
    assert drawn.std() == pytest.approx(beliefs.deviation[1], rel=0.03)


def test_what_does_as_expected_keeps_the_chance_of_the_user():
    # 100 clicks of 1000 are what was expected, whoever is asked for.
    beliefs = _believe([0.02, 0.4], [0.1, 0.1], [1000, 1000], [100, 100])
    assert beliefs.mean.tolist() == pytest.approx([0.02, 0.4])
    # Twice as many: nearly twice the chance.
    beliefs = _believe([0.02, 0.4], [0.1, 0.1], [1000, 1000], [200, 200])
    twice = 202 / 102
    assert beliefs.mean.tolist() == pytest.approx([0.02 * twice, 0.4 * twice])


def test_more_clicks_than_impressions_are_a_mistake():
    with pytest.raises(ValueError, match="more clicks"):
        _believe([0.1], [0.1], [1], [2])


def test_thompson_tries_what_is_unsure():
    """Of two equal means, the one shown little wins about as often; of a
    worse but unsure one something is drawn on top now and then."""
    beliefs = _believe([0.2, 0.15], [0.2, 0.15], [5000, 0], [1000, 0], 10.0)
    candidates = _candidates(pool=(20, 21), means=np.zeros(2), beliefs=beliefs)
    won = [
        _page(candidates, seed, page=1, quota=1.0).items[0]
        for seed in range(400)
    ]
    share = np.mean(np.array(won) == 21)
    # P(Beta(1.5, 8.5) > .2) is .27.
    assert share == pytest.approx(0.27, abs=0.07)
    greedy = _page(candidates, page=1, quota=1.0, policy="greedy")
    assert greedy.items.tolist() == [20]


@pytest.mark.parametrize(
    ("page", "count", "slots"),
    [(10, 0, []), (10, 1, [9]), (6, 2, [2, 5]), (3, 3, [0, 1, 2])],
)
def test_slots(page, count, slots):
    assert explored_slots(page, count).tolist() == slots


def test_quota_is_rounded():
    for quota, slots in ((0, 0), (0.04, 0), (0.05, 1), (0.1, 1), (1, 10)):
        assert ExplorationSettings(quota=quota).slots == slots


@pytest.mark.parametrize(
    "given",
    [
        {"page": 0},
        {"quota": 1.1},
        {"boost": -1.0},
        {"boost": float("nan")},
        {"policy": "hope"},
        {"few_choices": 0},
        {"prior_strength": 0.0},
        {"candidates": 5},
        {"seed": -1},
    ],
)
def test_settings_name_what_is_wrong(given):
    with pytest.raises(SettingsError, match=rf"\.{next(iter(given))} is"):
        ExplorationSettings(**given)
    assert dataclasses.replace(ExplorationSettings(), quota=0.3).slots == 3
