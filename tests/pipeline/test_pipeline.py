"""How nodes hang together, before any of them runs."""

import dataclasses

import pytest
from tfx.utils import dependency_utils

from models.tuning.settings import TuningSettings
from pipeline import local_runner, presets
from pipeline.pipeline import LOCAL_BEAM, create_pipeline
from pipeline.places import local_places
from schema.errors import DataError


def nodes(tmp_path, **changes):
    config = dataclasses.replace(presets.by_name("tiny"), **changes)
    pipeline = create_pipeline(config, local_places(tmp_path, "tiny"))
    return {node.id: node for node in pipeline.components}


def test_the_trainer_takes_what_a_search_found(tmp_path):
    found = nodes(tmp_path, tuning=TuningSettings(trials=3))
    names = list(found)
    assert names.index("Tuner") < names.index("Trainer")
    taken = found["Trainer"].inputs["hyperparameters"]
    assert taken is found["Tuner"].outputs["best_hyperparameters"]
    text = found["Tuner"].exec_properties["custom_config"]
    assert '\\"trials\\": 3' in text
    assert str(tmp_path / "tiny" / "pipeline" / "tuning") in text


def test_without_a_search_the_settings_are_the_preset_s(tmp_path):
    found = nodes(tmp_path)
    assert "Tuner" not in found
    assert "hyperparameters" not in found["Trainer"].inputs


def test_what_was_tuned_is_there_when_a_run_has_finished(tmp_path):
    with pytest.raises(DataError, match="`daogou tune --preset tiny` does it"):
        local_runner.last_tuning(tmp_path, "tiny")


def test_no_node_packs_tfx_for_workers_that_are_not_there():
    given = list(LOCAL_BEAM)
    assert dependency_utils.make_beam_dependency_flags(given) == given


def test_models_read_the_items_that_categories_were_filled_in_for(tmp_path):
    found = nodes(tmp_path)
    names = list(found)
    assert names.index("Catalogue") < names.index("ItemUnderstanding")
    understood = found["ItemUnderstanding"].outputs["understood"]
    for node, name in (
        ("TextEmbedding", "catalogue"),
        ("ItemTransform", "examples"),
        ("Servable", "catalogue"),
    ):
        assert found[node].inputs[name] is understood, node
    # The log wants the ids alone, and stays in the cache.
    catalogue = found["Catalogue"].outputs["catalogue"]
    assert found["BehaviorLog"].inputs["catalogue"] is catalogue


def test_without_settings_categories_stay_as_they_are(tmp_path):
    found = nodes(tmp_path, item_understanding=None)
    assert "ItemUnderstanding" not in found
    catalogue = found["Catalogue"].outputs["catalogue"]
    assert found["Servable"].inputs["catalogue"] is catalogue
