"""An update in the pipeline: a path, and no Resolver."""

import json

import pytest
from tfx.orchestration import data_types

from models.training.update_settings import UpdateSettings
from pipeline import local_runner, presets
from pipeline.pipeline import create_pipeline
from pipeline.places import local_places
from pipeline.update import Update

UPDATE = Update(
    warm_start="/runs/Trainer/model_run/7",
    settings=UpdateSettings(epochs=2),
    split_timestamp=1_700_000_000,
    span="/spans/2.parquet",
    before="/spans/1.parquet",
)


def nodes(tmp_path, update):
    pipeline = create_pipeline(
        presets.by_name("tiny"), local_places(tmp_path, "tiny"), update=update
    )
    return {node.id: node for node in pipeline.components}


def test_a_run_without_one_is_the_same_as_before(tmp_path):
    found = nodes(tmp_path, None)
    trainer = found["Trainer"].exec_properties
    assert trainer.get("warm_start") is None
    assert "update_settings" not in trainer["custom_config"]
    assert found["DataGate"].exec_properties["compared"] == "[]"


def test_the_trainer_gets_the_last_version_as_a_path(tmp_path):
    found = nodes(tmp_path, UPDATE)
    trainer = found["Trainer"].exec_properties
    assert trainer["warm_start"] == "/runs/Trainer/model_run/7"
    config = json.loads(trainer["custom_config"])
    assert json.loads(config["update_settings"])["epochs"] == 2
    [compared] = json.loads(found["DataGate"].exec_properties["compared"])
    assert (compared["span"], compared["before"]) == (
        "/spans/2.parquet",
        "/spans/1.parquet",
    )
    assert compared["schema"].endswith(".pbtxt")
    assert not any("Resolver" in type(n).__name__ for n in found.values())


def test_the_path_may_be_known_at_submission_only(tmp_path):
    path = data_types.RuntimeParameter(
        name="warm-start", ptype=str, default="/none"
    )
    found = nodes(tmp_path, Update(warm_start=path))
    assert found["Trainer"].exec_properties["warm_start"] is path


def test_settings_are_those_of_the_training_that_is_gone_on_with():
    config = presets.by_name("tiny")
    before = presets.by_name("tiny", seed=99)
    found = local_runner.updating(
        config,
        UPDATE,
        {
            "model_settings": before.model.to_json(),
            "training_settings": before.training.to_json(),
            "code_digest": "1",
        },
    )
    assert found.training.seed == 99
    assert found.behavior_log.split_timestamp == 1_700_000_000
    assert found.behavior_log.eval_fraction == pytest.approx(
        config.behavior_log.eval_fraction
    )
