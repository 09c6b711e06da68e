"""A day more: the smallest preset goes on from what it learned."""

import json
import os
import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cli.reports import newest_report
from pipeline import change_items
from pipeline.lineage import read_lineage
from pipeline.places import local_places
from serving.in_process import Recommender
from serving.requests import Request
from tests.slow import slow

pytestmark = [pytest.mark.e2e, slow]
DAY = 86_400
NEW = "航天模型 长征五号火箭 拼装玩具"


@pytest.fixture(scope="module")
def own(shop, tmp_path_factory):
    """The shop as it is, in a folder of its own: links, but for what grows."""
    runs = tmp_path_factory.mktemp("updated") / "runs"

    def take(source, target):
        if str(source).endswith(".db"):
            return shutil.copy2(source, target)
        return os.link(source, target)

    shutil.copytree(shop.runs, runs, symlinks=True, copy_function=take)
    return type(shop)(runs)


def next_day(shop):
    """The log's last day once more, a day later, with a new item in it."""
    events = pq.read_table(shop.home / "data" / "events")
    times = np.nan_to_num(
        events["timestamp"].to_numpy(zero_copy_only=False)
    ).astype(np.int64)
    last = np.sort(times[times > 0])[-100]
    rows = np.flatnonzero((times > last - DAY) & (times <= last))
    day = events.take(pa.array(rows))
    column = day.schema.get_field_index("timestamp")
    day = day.set_column(
        column, day.schema.field(column), pa.array(times[rows] + DAY)
    )
    viewed = day.filter(pc.equal(day["event_type"], "click"))
    column = viewed.schema.get_field_index("item_id")
    # Half of those who clicked on anything also click on the new item.
    new = viewed.slice(0, len(viewed) // 2)
    new = new.set_column(
        column, viewed.schema.field(column), pa.array(["new-1"] * len(new))
    )
    return pa.concat_tables([day, new])


def updated(shop, folder, events, *words):
    """Runs the command; returns what it printed, and whether it went well."""
    pq.write_table(events, folder / "events.parquet")
    pq.write_table(
        pa.table(
            {
                "item_id": ["new-1"],
                "title": [NEW],
                "category": ["母婴/玩具/积木"],
                "price": [199.0],
            }
        ),
        folder / "items.parquet",
    )
    return shop.daogou(
        *("update", "--preset", "tiny", "--json", "--epochs", "1"),
        *("--events", folder / "events.parquet"),
        *("--items", folder / "items.parquet"),
        *words,
    )


def rows_of(shop):
    return sum(
        pq.read_metadata(file).num_rows
        for file in (shop.home / "data" / "events").glob("*.parquet")
    )


def test_another_day_is_learned_from_the_last_version_on(own, tmp_path):
    before, rows = own.versions(), rows_of(own)
    first = newest_report(own.runs, "tiny")
    old = change_items.run_version(first.values)
    events = next_day(own)
    done = updated(own, tmp_path, events)
    assert done.returncode == 0, own.explain(done)
    told = json.loads(done.stdout)
    # One version more, and the others as they were.
    after = own.versions()
    assert set(after) - set(before) == {told["version"]}
    assert {name: after[name] for name in before} == before
    assert told["span"]["events"] == len(events)
    assert told["span"]["added"] == {"items": 1}
    assert rows_of(own) == rows + len(events)
    newest = newest_report(own.runs, "tiny")
    assert newest.path == pathlib.Path(told["report"]).resolve()
    # It went on with the weights of the version before.
    metadata = pathlib.Path(local_places(own.runs, "tiny").metadata_path)
    trainers = [
        read_lineage(metadata, version).trainer
        for version in (old, told["version"])
    ]
    begun = trainers[1].settings["warm_start"]
    assert begun == str(trainers[0].outputs["model_run"])
    # Only what came after the split evaluates, by all of the gates.
    assert newest.values["counts"]["split_timestamp"] >= told["span"]["first"]
    assert newest.values["gate"]["ok"]
    assert any(
        "last_version" in check["metric"]
        for check in newest.values["gate"]["checks"]
    )
    # What was clicked on that day for the first time is an item as any other.
    model = Recommender(own.home / "serving" / "daogou" / told["version"])
    assert b"new-1" in model.search(Request(query=NEW), 5)["item_ids"][0]
    assert all(model.similar(["new-1"], 5)["item_ids"][0])
    # The servable sees what the pipeline sees, as after a first run.
    skew = own.daogou("skew", "--preset", "tiny", "--events", "200")
    assert skew.returncode == 0, skew.stdout + skew.stderr


def test_a_day_unlike_the_others_is_refused_and_nothing_changes(own, tmp_path):
    before, rows = own.versions(), rows_of(own)
    latest = (own.home / "latest").resolve()
    events = next_day(own)
    column = events.schema.get_field_index("device")
    odd = events.set_column(
        column, events.schema.field(column), pa.array(["fridge"] * len(events))
    )
    done = updated(own, tmp_path, odd)
    assert done.returncode == 1
    assert "device" in done.stderr
    assert own.versions() == before
    assert rows_of(own) == rows
    assert (own.home / "latest").resolve() == latest
