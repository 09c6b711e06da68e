import pytest

from components.behavior_log.pseudonyms import read_key
from components.behavior_log.settings import BehaviorLogSettings
from schema.settings import SettingsError


def test_settings_survive_json():
    settings = BehaviorLogSettings(heads=("a=click", "b=buy"), seed=3)
    assert BehaviorLogSettings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize(
    "change",
    [
        {"heads": ()},
        {"heads": ("click",)},
        {"heads": ("click=purchase",)},
        {"heads": ("click=impression",)},
        {"positive_event_types": ()},
        {"positive_event_types": ("search",)},
        {"max_history": 0},
        {"eval_fraction": 0.0},
        {"eval_fraction": 1.0},
        {"num_shards": 0},
        {"num_negatives": -1},
        {"candidates_per_positive": 0.0},
        {"latest_timestamp": 5_000_000_000},
        {"label_window_seconds": -1},
    ],
)
def test_bad_settings_name_the_field(change):
    (name,) = change
    with pytest.raises(SettingsError, match=name.removesuffix("s")):
        BehaviorLogSettings(**change)


def test_pseudonyms_need_a_key(monkeypatch):
    assert read_key("") == b""
    monkeypatch.setenv("SHORT", "secret")
    with pytest.raises(SettingsError, match="'SHORT', which holds 6 bytes"):
        read_key("SHORT")
