"""What may be tried, and how it becomes settings."""

import pytest

from models.settings import ModelSettings, TrainingSettings
from models.tuning import space
from models.tuning.settings import SPACE, TuningSettings
from schema.settings import SettingsError

MODEL = ModelSettings(heads=("click=click",), positive_event_types=("click",))
TRAINING = TrainingSettings()


def test_choices_and_ranges_have_the_type_of_the_setting():
    whole, yes, drop, rate, steps = space.parse(
        [
            "model.dimension = 32|64",
            "model.gated=true|false",
            "model.dropout=0.1..0.5",
            "training.learning_rate=0.0001..0.01 log",
            "training.warmup_steps=10..100",
        ]
    )
    assert whole.choices == (32, 64)
    assert yes.choices == (True, False)
    assert (drop.low, drop.high, drop.log, drop.whole) == (0.1, 0.5, False, 0)
    assert rate.log
    assert (steps.low, steps.high, steps.whole) == (10, 100, True)
    assert [type(v) for v in whole.choices + yes.choices] == [int] * 2 + [
        bool
    ] * 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("model.width=1|2", r"'model.width=1\|2'; allowed: NAME=VALUES, NAME"),
        ("dimension=32", "one of model.complete_catalogue"),
        ("model.heads=a|b", "NAME one of"),
        ("training.seed=1|2", "NAME one of"),
        ("model.dimension", r"allowed: NAME=A\|B\|C, A..B or A..B log"),
        ("model.dimension=a|b", "of type int"),
        ("model.gated=1..2", r"NAME=true\|false, of type bool"),
        ("model.gated=maybe", r"NAME=true\|false"),
        ("model.dropout=0.5..0.1", "of type float"),
        ("model.dropout=0..0.1 log", "log \\(A > 0\\)"),
        ("model.dropout=0.1..0.2 cubic", "of type float"),
    ],
)
def test_what_cannot_be_tried_is_named(line, message):
    with pytest.raises(SettingsError, match=message):
        TuningSettings(space=(line,))


def test_a_setting_is_there_once():
    with pytest.raises(SettingsError, match=r"'model.dropout' twice"):
        TuningSettings(space=("model.dropout=0.1|0.2", "model.dropout=0.3"))


def test_values_stand_in_for_settings():
    model, training = space.apply(
        {"model.dimension": 32, "training.clip_norm": 2.0, "trial": 7},
        MODEL,
        TRAINING,
    )
    assert (model.dimension, training.clip_norm) == (32, 2.0)
    assert model.dropout == MODEL.dropout
    with pytest.raises(SettingsError, match="num_heads"):
        space.apply({"model.dimension": 10}, MODEL, TRAINING)


def test_settings_as_they_are_belong_to_the_space():
    dimension, dropout = space.parse(
        ["model.dimension=32|128", "model.dropout=0.4..0.6"]
    )
    assert dimension.including(64).choices == (64, 32, 128)
    assert dimension.including(128).choices == (32, 128)
    assert (dropout.including(0.3).low, dropout.high) == (0.3, 0.6)
    now = space.current(SPACE, MODEL, TRAINING)
    assert now["model.dimension"] == 64
    assert now["training.learning_rate"] == 1e-3
    assert set(now) == {line.partition("=")[0] for line in SPACE}
