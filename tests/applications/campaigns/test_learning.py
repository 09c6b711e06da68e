"""From a log and a small shop's model to a pushed servable."""

import json
import pathlib

import numpy as np
import pytest
from click.testing import CliRunner

from applications.campaigns import evaluation, learning, service, truth
from applications.campaigns.settings import CampaignSettings
from cli.main import main
from components.serving_validator.probe import warmup_inputs
from models.campaigns.features import HEADS, NAMES
from schema.errors import DataError
from serving.in_process import Recommender
from serving.model_server.servable import Servable
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from tests.shop_tables import at

REPORT = {"servable": {"version": "7", "path": "x"}}
SETTINGS = CampaignSettings()
SPLIT = at(8)


def test_who_joins_is_told_from_who_does_not(source, pushed):
    asked, _, _ = pushed
    assert (asked.views.timestamp >= SPLIT).all()
    told = evaluation.figures(asked, source.columns.kinds)["join"]["all"]
    assert told["views"] == 240
    # The best that can be is .85: one in ten joins what is not liked.
    assert told["models"]["daogou"] > 0.75
    assert told["models"]["popularity"] < 0.65
    assert told["lead"]["interval"][0] > 0.1
    # Nothing of a scope was chosen after any view.
    assert not evaluation.figures(asked, source.columns.kinds)["choose"]


def test_what_somebody_took_part_in_is_in_front_of_what_ran(pushed):
    asked, _, _ = pushed
    assert asked.lists["running"] == 3
    assert asked.lists["views"] == asked.views.took_part.any(1).sum()
    ours, popular = (
        asked.lists["models"][name] for name in ("daogou", "popularity")
    )
    # All three that ran are shown, so the order alone tells methods apart.
    for told in (ours, popular):
        assert told["recall@3"] == told["coverage@3"] == 1.0
        assert told["precision@3"] == pytest.approx(1 / 3)
        assert told["f1@3"] == pytest.approx(1 / 2)
        assert told["diversity@3"] == pytest.approx(ours["diversity@3"])
    assert ours["ndcg@3"] > 0.85 > popular["ndcg@3"]


def test_the_pushed_servable_orders_by_taste(source, pushed):
    _, runs, made = pushed
    assert service.last_pushed(runs, "demo", REPORT) == made
    other = {"servable": {"version": "8", "path": "x"}}
    assert service.last_pushed(runs, "demo", other) is None
    model = Recommender(made.path)
    right = 0
    for user in range(30):
        person = service.person_at(source.persons, f"u{user:03}", at(9))
        assert person.known
        assert all(kind.startswith("campaign") for _, kind in person.past)
        answer = model.campaigns(person.request, 5, person.past)
        ids = [name.decode() for name in answer["campaign_ids"][0]]
        # What ended before the split is no more recommended.
        assert sorted(ids) == ["", "", "c0", "c1", "c2"]
        right += ids[0] == f"c{user % 3}"
    assert right >= 27
    over = service.person_at(source.persons, "u000", at(10))
    answer = model.campaigns(over.request, 5, over.past)
    assert not any(answer["campaign_ids"][0])
    newcomer = service.person_at(source.persons, "nobody", at(9))
    assert not newcomer.known
    answer = model.campaigns(newcomer.request, 3)
    assert all(answer["campaign_ids"][0])


def _campaigns(runs, *words):
    words = ["campaigns", *words, "--runs", str(runs), "--json"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_it_brings_warm_up_requests_of_real_users(source, pushed):
    _, _, made = pushed
    asked = warmup_inputs(pathlib.Path(made.path))["campaigns"]
    # With what each user did with campaigns, and without.
    assert len(asked) == 2 * SETTINGS.num_warmup
    for inputs in asked[::2]:
        assert any(inputs["history_item_ids"][0])
        past = [name for name in inputs["history_campaign_ids"][0] if name]
        assert inputs["exclude_campaign_ids"].tolist() == [[b"", past[-1]]]
    for inputs in asked[1::2]:
        assert inputs["history_campaign_ids"].tolist() == [[b""]]
    servable = Servable(made.path)
    for inputs in asked:
        assert any(servable.answer("campaigns", inputs)["campaign_ids"][0])


def test_the_command_asks_what_was_pushed(pushed):
    _, runs, made = pushed
    when = str(at(9))
    told = _campaigns(runs, "--user", "u004", "--at", when, "--joined")
    assert told["version"] == made.version
    assert told["known_user"]
    ids = [row["campaign_id"] for row in told["results"]]
    assert ids[0] == "c1"
    assert sorted(ids) == ["c0", "c1", "c2"]
    first = told["results"][0]
    assert first["title"] == "家电满减"
    assert first["hours_left"] == 24.0
    assert first["p_join"] > told["results"][1]["p_join"]
    # What was joined before is left out unless it is asked for.
    rest = _campaigns(runs, "--user", "u004", "--at", when)
    assert "c1" not in [row["campaign_id"] for row in rest["results"]]


def test_a_model_server_serves_it_as_a_model_of_its_own(source, pushed):
    _, runs, made = pushed
    server = ModelServer(
        ServerSettings(
            port=0,
            model_name="campaigns",
            model_base_path=str(pathlib.Path(made.path).parent),
        )
    )
    server.start()
    try:
        words = ["--user", "u004", "--at", str(at(9)), "--joined"]
        there = f"localhost:{server.port}"
        told = _campaigns(runs, *words, "--server", there)
    finally:
        server.stop()
    assert told["version"] == made.version
    person = service.person_at(source.persons, "u004", at(9))
    here = Recommender(made.path).campaigns(person.request, 10, person.past)
    assert [row["campaign_id"] for row in told["results"]] == [
        name.decode() for name in here["campaign_ids"][0] if name
    ]
    chances = [row["p_join"] for row in told["results"]]
    assert chances == pytest.approx(here["p_join"][0][:3].tolist(), abs=1e-5)


def test_what_is_learned_from_was_settled_before_the_split(source):
    views = source.settled_views()
    assert len(views) == 960
    assert (views.timestamp + SETTINGS.window_seconds < SPLIT).all()


def test_too_few_views_are_refused():
    features = np.zeros((10, len(NAMES)), np.float32)
    took_part = np.ones((10, len(HEADS)), bool)
    with pytest.raises(DataError, match="10 views of campaigns"):
        learning.fit(features, took_part, np.arange(10), SETTINGS)
    features, nobody = np.zeros((40, len(NAMES))), np.zeros((40, 2), bool)
    with pytest.raises(DataError, match="of which 0 took part"):
        learning.fit(features, nobody, np.arange(40), SETTINGS)


def test_what_showing_brings_by_hand():
    visits = truth.Visits(
        user=np.array([0, 1]),
        running=np.array([[1, 1, 0], [1, 1, 1]], bool),
        truth=np.array([[0.2, 0.6, 1.0], [0.1, 0.3, 0.5]]),
        scores={
            "daogou": np.array([[0.1, 0.2, 0.9], [0.3, 0.2, 0.1]]),
            # Alike: either may be shown.
            "popularity": np.array([[0.5, 0.5, 0.9], [0.1, 0.4, 0.4]]),
        },
    )
    told = truth.figures(visits, ["coupon", "coupon", "festival"])
    # What does not run is not shown, however good.
    assert told["all"]["joins"] == pytest.approx(
        {
            "daogou": (0.6 + 0.1) / 2,
            "popularity": (0.4 + 0.4) / 2,
            "truth": (0.6 + 0.5) / 2,
            "any that runs": (0.4 + 0.3) / 2,
        }
    )
    assert told["all"]["lead"]["joins"] == pytest.approx(-0.05)
    assert told["coupon"]["choices"] == told["coupon"]["visits"] == 2
    # Only one such runs, on one visit: there is nothing to choose.
    assert told["festival"]["visits"] == 1
    assert "joins" not in told["festival"]
    assert told["all"]["auc"]["truth"] > 0.6


def test_a_mall_is_needed_for_its_truth(tmp_path):
    with pytest.raises(DataError, match="no simulated mall"):
        truth.replay_by_taste(tmp_path, tmp_path / "other", 1.0)
