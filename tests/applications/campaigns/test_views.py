import numpy as np
import pytest

from applications.campaigns.persons import Persons
from applications.campaigns.popularity import Popularity, logits
from applications.campaigns.settings import CampaignSettings
from applications.campaigns.views import (
    Views,
    campaigns_of_events,
    find_views,
)
from schema.settings import SettingsError
from tests.shop_tables import at, read, write

ITEMS = [{"item_id": f"i{n}", "title": f"鼠标{n}"} for n in range(3)]
# c1 covers i0 and i1, c2 covers i2.
COVERS = np.array([[1, 0], [1, 0], [0, 1]], bool)
IDS = ["c1", "c2"]
SECONDS = 86_400


def _event(user, second, kind, session="s1", **more):
    return {
        "user_id": user,
        "timestamp": at(1) + second,
        "event_type": kind,
        "session_id": session,
        **more,
    }


def _log(folder, events):
    users = [{"user_id": "u1", "gender": "F", "city": "杭州", "level": "3"}]
    return read(write(folder, events=events, items=ITEMS, users=users))


def _views(log, window=300):
    about = campaigns_of_events(log, IDS)
    return find_views(log, about, COVERS, window)


def _came_of(views):
    """What came of each view, in order: (campaign, joined, chosen)."""
    return [
        (int(campaign), *map(bool, took_part))
        for campaign, took_part in zip(
            views.campaign, views.took_part, strict=True
        )
    ]


def test_what_came_of_views(tmp_path):
    log = _log(
        tmp_path,
        [
            # Joined, and something of the scope chosen on the page.
            _event("u1", 0, "campaign_view", campaign_id="c1"),
            _event("u1", 1, "campaign_join", campaign_id="c1"),
            _event("u1", 9, "impression", item_id="i1"),
            _event("u1", 10, "click", item_id="i1"),
            # The other campaign's item is none of this one's.
            _event("u1", 20, "campaign_view", campaign_id="c2"),
            _event("u1", 30, "click", item_id="i0"),
            # After a search the page is left.
            _event("u1", 40, "campaign_view", campaign_id="c2"),
            _event("u1", 41, "search", query="鼠标"),
            _event("u1", 50, "buy", item_id="i2"),
            # In another session, though within the window.
            _event("u2", 0, "campaign_view", campaign_id="c1"),
            _event("u2", 5, "cart", session="s2", item_id="i0"),
            # Too late; and a join of what was seen before the last page.
            _event("u3", 0, "campaign_view", campaign_id="c1"),
            _event("u3", 200, "campaign_view", campaign_id="c2"),
            _event("u3", 250, "campaign_join", campaign_id="c1"),
            _event("u3", 600, "click", item_id="i2"),
            # A campaign that nobody knows is no view.
            _event("u4", 0, "campaign_view", campaign_id="gone"),
            _event("u4", 5, "click", item_id="i0"),
        ],
    )
    views = _views(log)
    assert _came_of(views) == [
        (0, True, True),
        (1, False, False),
        (1, False, False),
        (0, False, False),
        (0, True, False),
        (1, False, False),
    ]
    assert _came_of(_views(log, window=1000))[-1] == (1, False, True)
    assert _came_of(_views(log, window=5))[0] == (0, True, False)


def test_a_join_counts_for_the_latest_view(tmp_path):
    log = _log(
        tmp_path,
        [
            _event("u1", 0, "campaign_view", campaign_id="c1"),
            _event("u1", 50, "campaign_view", campaign_id="c1"),
            _event("u1", 60, "campaign_join", campaign_id="c1"),
        ],
    )
    assert _came_of(_views(log)) == [(0, False, False), (0, True, False)]


def test_a_log_without_campaigns_has_no_views(tmp_path):
    log = _log(tmp_path, [_event("u1", 0, "click", item_id="i0")])
    assert len(_views(log)) == 0


def test_popularity_knows_nothing_later():
    views = Views(
        user=np.arange(4),
        campaign=np.array([0, 0, 1, 2]),
        timestamp=np.array([100, 200, 300, 400]),
        took_part=np.array([[1, 0], [0, 0], [1, 0], [0, 1]], bool),
    )
    settings = CampaignSettings(window_seconds=10, prior_views=2.0)
    # The first two are of one kind.
    popularity = Popularity(views, np.array([0, 0, 2]), settings)
    own, kind = popularity.at(np.array([109, 110, 310, 1000]))
    # Nobody knows anything yet: one half.
    assert (own[0] == 0.5).all()
    # One view, joined: all (1 + .5) / 2, kind (1 + 2 × .75) / 3.
    np.testing.assert_allclose(kind[1, :, 0], [2.5 / 3, 2.5 / 3, 0.75])
    np.testing.assert_allclose(own[1, 0, 0], (1 + 2 * 2.5 / 3) / 3)
    # Three views, two joined.
    every = 2.5 / 4
    same = (2 + 2 * every) / 5
    np.testing.assert_allclose(kind[2, :, 0], [same, same, every])
    np.testing.assert_allclose(
        own[2, :, 0], [(1 + 2 * same) / 4, (1 + 2 * same) / 3, every]
    )
    assert own[3, 2, 1] > own[3, 2, 0]
    assert np.isfinite(logits(own)).all()


def test_a_person_is_told_as_of_then(tmp_path):
    log = _log(
        tmp_path,
        [
            _event("u1", 0, "click", item_id="i0", city="上海", device="ios"),
            _event("u1", 10, "campaign_view", campaign_id="c1"),
            _event("u1", 11, "campaign_join", campaign_id="c1"),
            _event("u1", 20, "click", item_id="i2"),
            _event("u1", 30, "buy", item_id="i2"),
            _event("u1", 40, "campaign_view", campaign_id="c2"),
            _event("u2", 5, "campaign_view", campaign_id="c2"),
        ],
    )
    settings = CampaignSettings(max_past=2)
    persons = Persons(log, settings, max_history=5)
    moments = at(1) + np.array([0, 11, 30, 31, 100, 100])
    told = persons.at(np.array([0, 0, 0, 0, 0, 1]), moments)
    assert told["history_item_ids"].tolist() == [
        ["", ""],
        ["i0", ""],
        ["i0", "i2"],
        ["i0", "i2"],
        ["i0", "i2"],
        ["", ""],
    ]
    # At the second of the purchase it is only a click as yet.
    assert told["history_event_types"][2:4].tolist() == [
        ["click", "click"],
        ["click", "buy"],
    ]
    assert told["history_campaign_ids"].tolist() == [
        ["", ""],
        ["c1", ""],
        ["c1", "c1"],
        ["c1", "c1"],
        ["c1", "c2"],
        ["c2", ""],
    ]
    assert told["history_campaign_types"][4].tolist() == [
        "campaign_join",
        "campaign_view",
    ]
    # At home until an event says where.
    assert told["city"].tolist() == ["杭州", *["上海"] * 4, ""]
    assert told["device"].tolist() == ["", *["ios"] * 4, ""]
    assert told["gender"].tolist() == ["F"] * 5 + [""]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("goals", ()),
        ("goals", ("win",)),
        ("window_seconds", 0),
        ("prior_views", 0.0),
        ("penalties", ()),
        ("folds", 1),
    ],
)
def test_wrong_settings_are_named(field, value):
    with pytest.raises(SettingsError, match=field):
        CampaignSettings(**{field: value})
