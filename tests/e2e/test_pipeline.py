"""The smallest preset from raw logs to answers, as a user would run it."""

import collections
import dataclasses
import json
import pathlib
import sqlite3

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from benchmarks import explanations
from cli.catalogue import Catalogue
from cli.histories import sample_users
from cli.reports import newest_report
from pipeline import change_items, local_runner, presets, skew
from pipeline.lineage import read_lineage
from pipeline.places import local_places
from schema.errors import DataError, GateError
from serving.histories import request
from serving.in_process import Recommender
from serving.requests import Only, Request
from tests.slow import slow

pytestmark = pytest.mark.e2e

# Of the training, so that it and what follows it run again.
NEW_SEED = 7


@pytest.fixture(scope="module")
def report(shop):
    return json.loads((shop.home / "latest" / "report.json").read_text())


def node_states(output):
    """Returns what follows each node's name in the printed lines."""
    lines = [line for line in output.splitlines() if line.startswith("[")]
    return {
        line.split("] ")[1].split(" ")[0]: line.split("… ")[1]
        for line in lines
        if "… " in line
    }


def test_every_event_is_accounted_for(report):
    events = report["counts"]["events"]
    assert events["in"] > 10_000
    assert events["in"] == sum(
        events[key] for key in ("kept", "deduplicated", "bots", "quarantined")
    )
    # The mall plants some of each.
    assert min(events.values()) > 0


def test_report_has_every_promised_key(report):
    assert report["dataset"]
    assert report["simulated"] is True
    for method in ("model", "popularity", "item_knn"):
        metrics = report["retrieval"][method]
        for name in ("recall@10", "recall@50", "ndcg@10", "coverage@10"):
            assert 0 <= metrics[name] <= 1
    assert set(report["ranking"]) == {"click", "cart", "buy"}
    for head in report["ranking"].values():
        assert 0 <= head["auc"] <= 1
        assert head["log_loss"] > 0
        assert head["prior_log_loss"] > 0
    assert report["index"]["items"] > 300
    assert report["index"]["recall@100"] >= 0.95
    assert {"recommend", "search", "similar", "rank"} <= set(
        report["servable"]["signatures"]
    )
    assert report["seconds"]["Trainer"] > 0


def categories(folder):
    """Returns the categories of items, by id."""
    table = pq.read_table(folder, columns=["item_id", "category"])
    return dict(zip(*table.to_pydict().values(), strict=True))


def test_missing_categories_were_filled_in_and_marked(shop, report):
    said, truth = (
        categories(shop.home / "data" / table)
        for table in ("items", "ground_truth/items")
    )
    found = Catalogue(pathlib.Path(report["catalogue"]["path"])).items(said)
    inferred = [i for i, item in found.items() if item.category_inferred]
    lacking = [i for i, category in said.items() if category is None]
    counts = report["counts"]["categories"]
    assert counts["lacking"] == len(lacking) > 5
    assert counts["filled"] == len(inferred) >= 5
    assert set(inferred) <= set(lacking)
    right = sum(found[i].category == truth[i] for i in inferred)
    # With few items a leaf, the precision is not known well.
    assert right >= 0.7 * len(inferred)
    assert all(found[i].category == truth[i] for i in said.keys() - lacking)


def test_model_learns_something_even_at_this_size(report):
    retrieval = report["retrieval"]
    assert (
        retrieval["model"]["recall@50"] > retrieval["popularity"]["recall@50"]
    )
    click = report["ranking"]["click"]
    assert click["auc"] > 0.55
    assert click["log_loss"] < click["prior_log_loss"]


def test_html_report_is_self_contained(shop):
    page = (shop.home / "latest" / "report.html").read_text()
    assert "<svg" in page
    assert "src=" not in page.replace('src="data:', "")
    assert "<link" not in page
    assert "SIMULATED" in page.upper()


def test_pushed_version_is_whole_and_named_in_the_report(shop, report):
    [(version, files)] = list(shop.versions().items())[:1]
    assert report["servable"]["version"] == version
    assert "saved_model.pb" in files
    assert "assets.extra/tf_serving_warmup_requests" in files
    assert not list((shop.home / "serving" / "daogou").glob(".tmp*"))


def test_metadata_recorded_every_node_as_complete(shop):
    connection = sqlite3.connect(shop.home / "pipeline" / "metadata.db")
    states = dict(
        connection.execute(
            "select Type.name, min(Execution.last_known_state) from Execution "
            "join Type on Type.id = Execution.type_id group by Type.name"
        ).fetchall()
    )
    complete = 3
    assert len(states) >= 15
    assert set(states.values()) == {complete}


def test_recommend_answers_json_and_nothing_else(shop):
    [user] = json.loads(shop.daogou("users", "--n", "1", "--json").stdout)[
        "users"
    ]
    done = shop.daogou(
        "recommend", "--user", user["user_id"], "--k", "5", "--json"
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["known_user"] is True
    items = answer["results"]
    assert len({item["item_id"] for item in items}) == 5
    assert all(item["title"] for item in items)
    scores = [item["score"] for item in items]
    assert scores == sorted(scores, reverse=True)


def test_search_finds_what_was_asked_for(shop):
    done = shop.daogou("search", "电饭煲", "--k", "5", "--json")
    assert done.returncode == 0, done.stderr
    titles = [item["title"] for item in json.loads(done.stdout)["results"]]
    assert any("电饭煲" in title or "锅" in title for title in titles), titles


def test_similar_leaves_the_item_itself_out(shop):
    histories = newest_report(shop.runs, "tiny").place("histories")
    item = sample_users(histories, 1)[0].steps[-1].item_id
    done = shop.daogou("similar", "--item", item, "--k", "5", "--json")
    ids = [row["item_id"] for row in json.loads(done.stdout)["results"]]
    assert len(ids) == 5
    assert item not in ids


def test_what_a_recommendation_cites_is_why_it_is_there(shop):
    newest = newest_report(shop.runs, "tiny")
    histories = newest.place("histories")
    asked = [
        request(histories, user.user_id) for user in sample_users(histories, 30)
    ]
    found = explanations.run(newest.place("servable"), asked, 10)
    assert found["items"] == 300
    assert found["cases"] > 100, found
    assert found["faithful"] >= 0.8, found


def test_servable_and_pipeline_see_the_same(shop, tmp_path):
    file = tmp_path / "skew.json"
    done = shop.daogou("skew", "--preset", "tiny", "--json", file)
    assert done.returncode == 0, shop.explain(done.stderr)
    found = json.loads(file.read_text())
    assert found["events"] == 1000
    assert {"rows", "types", "gaps", "city_index"} <= set(found["features"])
    assert not any(found["features"].values())
    assert set(found["scores"]) == {"click", "cart", "buy"}
    assert max(found["scores"].values()) <= 1e-5


@slow
def test_a_planted_skew_is_told(shop, tmp_path):
    newest = newest_report(shop.runs, "tiny")
    places = local_places(shop.runs, "tiny")
    lineage = read_lineage(
        pathlib.Path(places.metadata_path),
        change_items.run_version(newest.values),
    )
    made = lineage.trainer.inputs["examples"] / "Split-train"
    planted = tmp_path / "examples"
    (planted / "Split-train").mkdir(parents=True)
    for file in made.iterdir():
        # Training saw the hour of another time zone.
        shift_hours(file, planted / "Split-train" / file.name, 8)
    skewed = dataclasses.replace(
        lineage.trainer, inputs={**lineage.trainer.inputs, "examples": planted}
    )
    found = skew.measure(
        dataclasses.replace(lineage, trainer=skewed),
        newest.place("servable"),
        50,
    )
    assert found["events"] == 50
    differing = {name: n for name, n in found["features"].items() if n}
    assert differing == {"hour": 50}
    assert not found["same"]


def shift_hours(file, to, hours):
    with tf.io.TFRecordWriter(str(to), "GZIP") as writer:
        for record in tf.data.TFRecordDataset([str(file)], "GZIP"):
            example = tf.train.Example.FromString(record.numpy())
            hour = example.features.feature["hour"].int64_list.value
            hour[0] = (hour[0] + hours) % 24
            writer.write(example.SerializeToString())


def test_new_items_are_found_without_training(shop, tmp_path):
    before = shop.versions()
    file = tmp_path / "new.csv"
    table = pq.read_table(shop.home / "data" / "items", columns=["tags"])
    tags = collections.Counter(
        tag for of_item in table["tags"].to_pylist() for tag in of_item
    )
    words = "航天模型 长征五号火箭 拼装玩具,母婴/玩具/积木,199"
    file.write_text(
        "item_id,title,category,price,tags\n"
        f"new-1,{words},\n"
        f"new-2,{words},{tags.most_common(1)[0][0]}\n"
    )
    added = shop.daogou("items", "add", file, "--preset", "tiny", "--json")
    assert added.returncode == 0, shop.explain(added.stderr)
    push = json.loads(added.stdout)
    assert (push["added"], push["changed"], push["removed"]) == (2, 0, 0)
    after = shop.versions()
    assert set(after) - set(before) == {push["version"]}
    assert {name: after[name] for name in before} == before
    old, new = (
        Recommender(shop.home / "serving" / "daogou" / version)
        for version in (max(before, key=int), push["version"])
    )
    found = new.search(Request(query="長征五號火箭 拼裝玩具"), 10)
    ids = [item.decode() for item in found["item_ids"][0]]
    assert "new-1" in ids
    similar = new.similar(["new-1"], 10)
    assert any(
        path.decode().startswith("母婴/玩具")
        for path in similar["categories"][0]
    )
    assert not any(old.similar(["new-1"], 10)["item_ids"][0])
    # Two items that differ by a tag alone are not the same to the model.
    both = ["new-1", "new-2"]
    plain, tagged = (
        new.similar([item], 10, exclude_item_ids=both)["scores"]
        for item in both
    )
    assert np.abs(plain - tagged).max() > 1e-4
    # What has not changed answers the same.
    ids = [item for item in ids if item not in both]
    alike = old.similar(ids, 50)
    again = new.similar(ids, 50, exclude_item_ids=both)
    assert alike["item_ids"].all()
    np.testing.assert_array_equal(alike["item_ids"], again["item_ids"])
    np.testing.assert_allclose(alike["scores"], again["scores"], rtol=1e-6)


@slow
def test_items_change_and_go_without_training(shop, tmp_path):
    """After the test above: its new items are there."""
    here = change_items.Shop(
        report=newest_report(shop.runs, "tiny").path,
        runs=shop.runs,
        preset="tiny",
    )
    users = sample_users(newest_report(shop.runs, "tiny").place("histories"), 1)
    old = users[0].steps[-1].item_id
    file = tmp_path / "cheaper.csv"
    file.write_text(f"item_id,price,brand\nnew-1,19.5,星途\n{old},,星途\n")
    updated = change_items.update_items(file, here)
    assert (updated.added, updated.changed, updated.removed) == (0, 2, 0)
    asked = Request(
        query="长征五号火箭 拼装玩具",
        history_item_ids=[old],
        history_event_types=["click"],
        history_queries=[""],
        history_timestamps=[1_700_000_000],
    )
    found = Recommender(updated.path).search(
        asked, 10, only=Only(brands=["星途"])
    )
    prices = dict(zip(found["item_ids"][0], found["prices"][0], strict=True))
    assert set(prices) == {b"new-1", old.encode(), b""}
    assert prices[b"new-1"] == 19.5
    file = tmp_path / "gone.csv"
    file.write_text(f"item_id\nnew-2\n{old}\n")
    removed = change_items.remove_items(file, here)
    assert (removed.added, removed.changed, removed.removed) == (0, 0, 2)
    assert removed.items == updated.items - 2
    shop_now = Recommender(removed.path)
    found = shop_now.search(asked, 10)["item_ids"][0].tolist()
    assert b"new-1" in found
    assert not {b"new-2", old.encode()} & set(found)
    only = shop_now.search(asked, 5, only=Only(item_ids=["new-1", "new-2"]))
    assert only["item_ids"][0].tolist() == [b"new-1", b"", b"", b"", b""]
    ranked = shop_now.rank(asked, [old, "new-1"])
    assert ranked["item_ids"][0].tolist() == [b"new-1", b""]
    with pytest.raises(DataError, match=r"row 1 \(item_id 'new-2'\).*has"):
        change_items.remove_items(file, here)


def test_second_run_is_all_cached(shop):
    before = shop.versions()
    states = node_states(shop.finish(shop.forked_run("again")))
    assert len(states) >= 25
    assert {state.split()[0] for state in states.values()} == {"cached"}
    assert shop.versions() == before


def test_failed_gate_stops_the_push_and_says_which(shop, monkeypatch):
    config = presets.by_name("tiny")
    strict = dataclasses.replace(
        config, gate=dataclasses.replace(config.gate, min_auc=0.999)
    )
    monkeypatch.setattr(presets, "by_name", lambda name, seed: strict)
    before = shop.versions()
    latest = (shop.home / "latest").resolve()
    with pytest.raises(GateError, match=r"click.*auc.*0\.\d+.*0\.999"):
        local_runner.run("tiny", runs=shop.runs)
    assert shop.versions() == before
    assert (shop.home / "latest").resolve() == latest


def test_killed_runs_leave_the_pushed_version_and_the_next_finishes(shop):
    before = shop.versions()
    for node in ("Trainer", "Servable", "Pusher"):
        run = shop.forked_run(f"killed at {node}", NEW_SEED)
        # Printed when it starts; its time when it ends.
        run.wait_for(f"] {node} ")
        run.kill()
        now = shop.versions()
        assert {name: now[name] for name in before} == before
        for files in now.values():
            assert "saved_model.pb" in files
    run = shop.forked_run("after the kills", NEW_SEED)
    states = node_states(shop.finish(run))
    # What was done before the kill is not done again.
    for node in ("BehaviorLog", "TextEmbedding", "Trainer"):
        assert states[node].startswith("cached")
    after = shop.versions()
    assert len(after) == len(before) + 1
    newest = max(after, key=int)
    assert int(newest) > max(map(int, before))
    assert set(after[newest]) == set(before[max(before, key=int)])
    assert shop.daogou("search", "手机", "--json").returncode == 0
