"""Settings of model and training: checks, JSON."""

import pytest

from models.settings import ModelSettings, TrainingSettings
from schema.settings import SettingsError

GOOD = {
    "heads": ("click=view,click", "buy=buy"),
    "positive_event_types": ("buy",),
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("heads", ()),
        ("heads", ("click",)),
        ("heads", ("click=clicked",)),
        ("heads", ("click=click", "click=buy")),
        ("positive_event_types", ()),
        ("positive_event_types", ("bought",)),
        ("max_history", 0),
        ("dimension", 7),
        ("num_heads", 5),
        ("dropout", 1.0),
        ("temperature", 0.0),
        ("score_weights", (1.0,)),
    ],
)
def test_bad_model_settings_are_named(field, value):
    with pytest.raises(SettingsError, match="head|" + field):
        ModelSettings(**{**GOOD, field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_epochs", 0),
        ("learning_rate", 0.0),
        ("validation_share", 1.1),
        ("seed", -1),
    ],
)
def test_bad_training_settings_are_named(field, value):
    with pytest.raises(SettingsError, match=field):
        TrainingSettings(**{field: value})


def test_settings_travel_as_json():
    settings = ModelSettings(**GOOD, score_weights=(1.0, 3.0))
    assert ModelSettings.from_json(settings.to_json()) == settings
    assert settings.head_names == ("click", "buy")
