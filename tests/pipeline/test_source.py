"""Raw data becomes tables once, whole or not at all."""

import dataclasses
import json
import pathlib

import pytest

from pipeline import presets, source
from pipeline.places import local_places
from schema.errors import DataError
from schema.settings import SettingsError

EVENTS = "user_id,item_id,event_type,timestamp\nu1,i1,click,1700000000\n"
ITEMS = "item_id,title\ni1,无线鼠标\n"


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "events.csv").write_text(EVENTS)
    (folder / "items.csv").write_text(ITEMS)
    return folder


@pytest.fixture
def places(tmp_path):
    return local_places(tmp_path / "runs", "custom")


def stamps(places):
    folder = pathlib.Path(places.data_dir)
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*.parquet")}


def test_unchanged_data_keeps_its_files(shop, places):
    config = presets.custom()
    assert "1 events, 1 items" in source.prepare_data(config, shop, places)
    before = stamps(places)
    assert len(before) == 2
    assert "unchanged" in source.prepare_data(config, shop, places)
    assert stamps(places) == before


def test_changed_data_is_converted_anew(shop, places):
    config = presets.custom()
    source.prepare_data(config, shop, places)
    (shop / "events.csv").write_text(EVENTS + "u2,i1,buy,1700000009\n")
    assert "2 events" in source.prepare_data(config, shop, places)


def test_failed_conversion_leaves_the_last_tables(shop, places):
    config = presets.custom()
    source.prepare_data(config, shop, places)
    before = stamps(places)
    (shop / "items.csv").write_bytes("item_id,title\ni1,鼠标\n".encode("gbk"))
    with pytest.raises(DataError, match=r"items\.csv.*utf-8"):
        source.prepare_data(config, shop, places)
    assert stamps(places) == before


def test_missing_folder_and_missing_option_are_named(places, tmp_path):
    with pytest.raises(DataError, match="needs --data"):
        source.prepare_data(presets.custom(), None, places)
    with pytest.raises(DataError, match="nowhere is not a folder"):
        source.prepare_data(presets.custom(), tmp_path / "nowhere", places)


def test_a_required_table_is_asked_for(tmp_path):
    (tmp_path / "events").mkdir()
    with pytest.raises(DataError, match="no folder 'items'"):
        source.tables_in(str(tmp_path))


def test_mall_of_another_seed_is_another_mall(tmp_path):
    places = local_places(tmp_path, "tiny")
    counts = [
        source.prepare_data(presets.by_name("tiny", seed), None, places)
        for seed in (1, 2, 2)
    ]
    assert counts[0] != counts[1]
    assert "unchanged" in counts[2]
    rows = json.loads(
        (pathlib.Path(places.data_dir) / source.MANIFEST).read_text()
    )["rows"]
    assert rows["items"] == 400


@pytest.mark.parametrize("name", presets.NAMES)
def test_nodes_of_a_preset_agree_on_the_funnel(name):
    config = presets.by_name(name)
    assert config.model.heads == config.behavior_log.heads
    for settings in (config.model, config.retrieval_evaluation):
        for field in ("positive_event_types", "exclude_seen", "max_history"):
            assert getattr(settings, field) == getattr(
                config.behavior_log, field
            )
    assert config.servable.exclude_seen == config.behavior_log.exclude_seen


def test_seed_reaches_simulation_sampling_and_training():
    config = presets.by_name("demo", 123)
    assert config.mall is not None
    assert {
        config.mall.seed,
        config.behavior_log.seed,
        config.training.seed,
    } == {123}
    assert dataclasses.replace(config, name="x").mall == config.mall


def test_unknown_preset_lists_the_known_ones():
    with pytest.raises(SettingsError, match="movielens"):
        presets.by_name("netflix")
