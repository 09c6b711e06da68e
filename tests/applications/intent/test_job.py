import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

import models  # noqa: F401
from applications.intent import (
    evaluation,
    fitting,
    job,
    pair_network,
    steps,
    store,
)
from applications.intent.settings import IntentSettings
from schema.errors import DataError
from schema.settings import SettingsError
from tests.applications.intent.small import DAY, habits, known

SETTINGS = IntentSettings(
    length=16, width=8, horizons=(1, 72), max_epochs=2, batch_size=16
)
LOG = habits()


@pytest.fixture(scope="module")
def trained():
    return job.train(LOG, known(), SETTINGS, job.split_time(LOG, 0.7))


def test_learns_who_buys_what_was_browsed(trained):
    made = job.predict(trained, LOG, 8 * DAY, 20, 2)
    assert made.column_names[:3] == ["user_id", "item_id", "probability"]
    rows = made.to_pylist()
    assert len({row["user_id"] for row in rows}) == 20
    assert (
        max(
            sum(row["user_id"] == user for row in rows)
            for user in ("u001", "u003")
        )
        <= 2
    )
    of_buyers = [r["probability"] for r in rows if r["item_id"] == "a1"]
    of_others = [r["probability"] for r in rows if r["item_id"] == "b1"]
    assert min(of_buyers) > max(of_others)
    for horizon in rows:
        assert 0 <= horizon["user_probability"] <= 1


def test_chances_do_not_see_later_steps_and_rise_with_the_horizon(trained):
    walked = steps.from_log(LOG, trained.content)
    wanted = walked.time < 5 * DAY
    whole = fitting.ask(trained.network, walked, wanted, SETTINGS.length)
    cut = LOG.filter(pa.array(np.asarray(LOG["timestamp"]) < 5 * DAY))
    early = steps.from_log(cut, trained.content)
    all_of_it = np.ones(len(early.user), bool)
    alone = fitting.ask(trained.network, early, all_of_it, SETTINGS.length)
    for a, b in zip(whole, alone, strict=True):
        assert np.allclose(a, b, atol=1e-5)
    assert (whole[1][:, 1] >= whole[1][:, 0]).all()
    assert np.allclose(whole[0].sum(1), 1, atol=1e-5)


def test_figures_are_of_after_the_split(trained):
    asked = evaluation.sessions(trained, LOG)
    assert (asked.steps.time[asked.places] >= trained.until).all()
    lists = evaluation.category_lists(asked, trained.content, trained.until)
    found = lists.accuracy()
    # There are two categories, so three guesses are always right.
    assert found["daogou"] == 1.0
    assert set(found) == {"daogou", "last click", "transitions", "majority"}
    told = lists.figures()["daogou"]
    assert told["recall@3"] == told["coverage@3"] == 1.0
    assert told["precision@3"] == pytest.approx(1 / 3)
    assert told["f1@3"] == pytest.approx(1 / 2)


def test_lists_of_categories_by_hand():
    lists = evaluation.CategoryLists(
        truth=np.array([4, 2]),
        told={"daogou": np.array([[1, 4, 2], [1, 3, -1]])},
        number=5,
    )
    assert lists.accuracy() == {"daogou": 0.5}
    assert lists.figures()["daogou"] == pytest.approx(
        {
            "precision@3": 1 / 6,
            "recall@3": 1 / 2,
            "f1@3": 1 / 4,
            "ndcg@3": 1 / np.log2(3) / 2,
            "coverage@3": 4 / 5,
        }
    )


def test_what_is_stored_answers_the_same_and_has_the_signature(
    trained, tmp_path
):
    folder = tmp_path / "intent"
    folder.mkdir()
    (folder / "an_older_one").touch()
    store.save(trained, {}, folder)
    assert not (folder / "an_older_one").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["intent"]
    again = store.load(folder)
    before = job.predict(trained, LOG, 8 * DAY, 5, 2)
    assert job.predict(again, LOG, 8 * DAY, 5, 2).equals(before)
    loaded = tf.saved_model.load(str(folder / store.SAVED_MODEL))
    answered = loaded.signatures["intent"](
        history_item_ids=tf.constant([["", "a1", ""], ["", "", ""]]),
        history_event_types=tf.constant(
            [["search", "click", ""], ["", "", ""]]
        ),
        history_queries=tf.constant([["鼠标", "", ""], ["", "", ""]]),
        history_timestamps=tf.constant(
            [[2 * DAY, 2 * DAY + 60, 0], [0, 0, 0]], tf.int64
        ),
        timestamp=tf.constant([2 * DAY + 61, 2 * DAY], tf.int64),
    )
    answer = {name: values.numpy() for name, values in answered.items()}
    walked = steps.from_log(
        pa.Table.from_pylist(
            [
                {
                    "user_id": "u",
                    "item_id": item,
                    "query": query,
                    "event_type": kind,
                    "timestamp": time,
                }
                for item, query, kind, time in (
                    ("", "鼠标", "search", 2 * DAY),
                    ("a1", "", "click", 2 * DAY + 60),
                )
            ]
        ),
        trained.content,
    )
    chances, buys = fitting.ask(
        trained.network, walked, np.array([False, True]), SETTINGS.length
    )
    assert answer["p_buy_1h"][0] == pytest.approx(buys[0, 0], abs=1e-5)
    assert answer["p_buy_72h"][0] == pytest.approx(buys[0, 1], abs=1e-5)
    assert answer["category_chances"][0, 0] == pytest.approx(
        chances[0, 1:].max(), abs=1e-5
    )
    assert answer["categories"].shape == (2, 10)
    assert np.isfinite(answer["p_buy_1h"]).all()


def test_nothing_is_stored_where_nothing_was_trained(tmp_path):
    with pytest.raises(DataError, match="daogou intent train"):
        store.load(tmp_path / "none")


def test_a_log_too_short_is_refused():
    short = LOG.slice(0, 3)
    with pytest.raises(DataError, match="before the split"):
        job.train(short, known(), SETTINGS, 30 * DAY)


def test_platt_undoes_a_wrong_slope_and_offset():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=4000)
    labels = rng.random(4000) < 1 / (1 + np.exp(-truth))
    told = ((truth - 1) / 2).astype(np.float32)
    slope, offset = pair_network.platt(told, labels.astype(np.float32))
    assert slope == pytest.approx(2, rel=0.1)
    assert offset == pytest.approx(1, abs=0.15)
    assert pair_network.platt(told[:3], np.ones(3, np.float32)) == (1, 0)


def test_settings_name_what_is_wrong():
    with pytest.raises(SettingsError, match="length is 7"):
        IntentSettings(length=7)
    with pytest.raises(SettingsError, match="horizons"):
        IntentSettings(horizons=(24, 1))
    with pytest.raises(SettingsError, match="sequence_model is 'lstm'"):
        IntentSettings(sequence_model="lstm")
