"""The saved signature: what may not be shown never is, whatever is asked."""

import numpy as np
import pytest

from schema.errors import DataError
from serving import signatures
from serving.in_process import Recommender
from serving.requests import Request
from tests import small_shop
from tests.small_campaigns import COLUMNS, COUNT, IN_STOCK, SPAN, save_servable


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("campaigns")
    save_servable(place)
    return place


@pytest.fixture(scope="module")
def servable(folder):
    return Recommender(folder)


def _random_inputs(rng, rows):
    ids = np.array([*small_shop.ITEM_IDS, "", "gone"], object)
    own = np.array([*COLUMNS.campaign_ids, "", "gone"], object)
    items = rng.choice(ids, (rows, 12))
    exclude = rng.choice(own, (rows, 5))
    # Some allow nothing at all.
    nothing = rng.random(rows) < 0.1
    exclude = np.where(
        nothing[:, None],
        np.array(COLUMNS.campaign_ids, object)[None],
        np.pad(exclude, [(0, 0), (0, COUNT - 5)], constant_values=""),
    )
    text = {
        name: rng.choice(np.array(["", "a", "杭州"], object), rows)
        for name in (
            "query", "scene", "city", "device", "gender", "age_band", "level",
        )
    }  # fmt: skip
    return text | {
        "history_item_ids": items,
        "history_event_types": np.full(items.shape, "click", object),
        "history_queries": np.full(items.shape, "", object),
        "history_timestamps": np.ones(items.shape, np.int64),
        "timestamp": rng.integers(-5, 2 * SPAN, rows),
        "history_campaign_ids": rng.choice(own, (rows, 4)),
        "history_campaign_types": rng.choice(
            np.array(["campaign_view", "campaign_join"], object), (rows, 4)
        ),
        "exclude_campaign_ids": exclude,
        "k": rng.integers(1, COUNT + 10, rows).astype(np.int32),
    }


def test_thousands_of_requests_never_bring_what_may_not_be_shown(servable):
    rng = np.random.default_rng(3)
    empty = full = 0
    for _ in range(5):
        asked = _random_inputs(rng, 1000)
        told = servable._ask("campaigns", asked)
        ids = told["campaign_ids"].astype("S").astype(str)
        now = asked["timestamp"][:, None]
        allowed = (COLUMNS.starts_at <= now) & (
            (COLUMNS.ends_at == 0) | (now < COLUMNS.ends_at)
        )
        allowed &= COLUMNS.members[IN_STOCK].any(0)
        for row in range(len(ids)):
            may = {
                name
                for name, good in zip(
                    COLUMNS.campaign_ids, allowed[row], strict=True
                )
                if good
            } - set(asked["exclude_campaign_ids"][row])
            shown = [name for name in ids[row] if name]
            assert set(shown) <= may
            assert len(set(shown)) == len(shown)
            # Slots are filled as far as there is something for them.
            assert len(shown) == min(len(may), asked["k"][row])
            empty += not may
            full += len(may) > 5
        filled = ids != ""
        # Behind the filled slots of a row come none but empty ones.
        assert (filled[:, :-1] >= filled[:, 1:]).all()
        scores = np.where(filled, told["scores"], -np.inf)
        assert (scores[:, :-1] >= scores[:, 1:]).all()
        for name in ("titles", "kinds"):
            assert (told[name][~filled] == b"").all()
        for name in ("starts_at", "ends_at", "p_join", "p_choose"):
            assert (told[name][~filled] == 0).all()
        either = 1 - (1 - told["p_join"]) * (1 - told["p_choose"])
        np.testing.assert_allclose(
            told["scores"][filled], either[filled], atol=1e-6
        )
    assert empty > 100
    assert full > 1000


def test_the_first_and_the_last_second(servable):
    """A campaign runs from `starts_at` on, and at `ends_at` no more."""
    row = 5
    name = COLUMNS.campaign_ids[row].encode()
    for second, shown in (
        (COLUMNS.starts_at[row] - 1, False),
        (COLUMNS.starts_at[row], True),
        (COLUMNS.ends_at[row] - 1, True),
        (COLUMNS.ends_at[row], False),
    ):
        request = Request(timestamp=int(second))
        told = servable.campaigns(request, COUNT)
        assert (name in told["campaign_ids"][0]) == shown


def test_past_campaigns_and_history_matter(servable):
    mice = Request(**{**vars(small_shop.MICE), "timestamp": 600})
    nobody = Request(timestamp=600)
    past = [("c0", "campaign_join")] * 3
    answers = [
        servable.campaigns(nobody, COUNT),
        servable.campaigns(nobody, COUNT, past),
        servable.campaigns(mice, COUNT),
    ]
    tables = [
        dict(zip(a["campaign_ids"][0], a["scores"][0], strict=True))
        for a in answers
    ]
    assert tables[0].keys() == tables[1].keys() == tables[2].keys()
    assert tables[0] != tables[1]
    assert tables[0] != tables[2]
    without = servable.campaigns(nobody, COUNT, past, ["c0"])
    assert b"c0" in answers[1]["campaign_ids"][0]
    assert b"c0" not in without["campaign_ids"][0]


def test_bad_input_is_named(servable):
    with pytest.raises(DataError, match="k must be 1 to 1000, but is 0"):
        servable.campaigns(Request(timestamp=1), 0)
    asked = _random_inputs(np.random.default_rng(0), 2)
    asked["history_campaign_ids"] = asked["history_campaign_ids"][:0]
    with pytest.raises(DataError, match="history_campaign_ids must have"):
        servable._ask("campaigns", asked)


def test_the_signature_can_be_read(folder):
    (one,) = signatures.read(folder)
    assert one.name == "campaigns"
    assert one.meaning
    assert all(part.meaning for part in (*one.inputs, *one.outputs))
    needed = {part.name for part in one.inputs if part.required}
    assert needed == {
        "history_item_ids",
        "history_event_types",
        "history_queries",
        "history_timestamps",
        "timestamp",
    }
