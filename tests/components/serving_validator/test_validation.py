import json
import shutil

import pytest
import tensorflow as tf

from components.serving_validator import validation
from components.serving_validator.settings import ServingValidatorSettings
from schema.errors import GateError
from schema.settings import SettingsError
from tests import small_shop

SETTINGS = ServingValidatorSettings(repetitions=3)


@pytest.fixture(scope="module")
def servable(tmp_path_factory):
    return small_shop.build_servable(tmp_path_factory.mktemp("shop"))


def test_reports_every_signature(servable, tmp_path):
    report = validation.validate(servable, tmp_path, SETTINGS)
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert set(report["signatures"]) == {
        "recommend",
        "search",
        "similar",
        "rank",
        "intent",
        "classify",
        "regress",
        "embed_query",
        "embed_item",
    }
    recommend = report["signatures"]["recommend"]
    assert recommend["inputs"]["history_item_ids"] == "string[?, ?]"
    assert recommend["inputs"]["k"] == "int32[?]"
    assert recommend["outputs"]["p_buy"] == "float32[?, ?]"
    for signature in report["signatures"].values():
        assert 0 < signature["milliseconds"] < 10_000
    assert report["load_seconds"] > 0
    # A dozen cases each and the repetitions.
    assert report["calls"] >= 4 * (7 + SETTINGS.repetitions)
    # This process finds what a fresh one does.
    here = validation.validate_here(servable, tmp_path / "here", SETTINGS)
    assert here["calls"] == report["calls"]
    for name, signature in report["signatures"].items():
        own = here["signatures"][name]
        assert signature | {"milliseconds": own["milliseconds"]} == own


def test_says_what_a_careless_servable_answers(servable, tmp_path):
    """One that ignores exclusions, k = 0 and the batch, and has no search."""

    class Careless(tf.Module):
        def __init__(self, path):
            super().__init__()
            self.good = tf.saved_model.load(path)

        def answer(self, name, inputs):
            sent = dict(inputs)
            if name != "rank":
                sent["exclude_item_ids"] = tf.zeros([1, 0], tf.string)
                sent["k"] = tf.maximum(inputs["k"], 1)
            answer = self.good.signatures[name](**sent)
            rows = tf.cast(tf.shape(answer["scores"])[0], tf.float32)
            answer["scores"] += rows - 1.0
            return answer

    module = Careless(str(servable))
    signatures = {}
    for name in ("recommend", "similar", "rank"):
        specs = module.good.signatures[name].structured_input_signature[1]
        signatures[name] = tf.function(
            lambda inputs, name=name: module.answer(name, inputs),
        ).get_concrete_function(
            {
                key: tf.TensorSpec(s.shape, s.dtype, key)
                for key, s in specs.items()
            }
        )
    bad = tmp_path / "bad"
    tf.saved_model.save(module, str(bad), signatures=signatures)
    shutil.copytree(servable / "assets.extra", bad / "assets.extra")
    with pytest.raises(GateError, match="answers wrongly"):
        validation.validate_here(bad, tmp_path / "report", SETTINGS)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    failures = "\n".join(report["failures"])
    assert "signature search is missing" in failures
    assert "recommend: k = 0 is not refused" in failures
    assert "came back" in failures
    assert "in a batch" in failures
    assert "rank, warm-up" not in failures


@pytest.mark.parametrize(
    "validate", [validation.validate, validation.validate_here]
)
def test_says_why_a_servable_does_not_load(tmp_path, validate):
    with pytest.raises(GateError, match=r"saved_model\.pb"):
        validate(tmp_path / "none", tmp_path / "report", SETTINGS)


def test_does_not_wait_for_ever(servable, tmp_path):
    settings = ServingValidatorSettings(timeout_seconds=0.1)
    with pytest.raises(GateError, match=r"within 0\.1 s"):
        validation.validate(servable, tmp_path, settings)


def test_settings_name_what_is_wrong():
    with pytest.raises(SettingsError, match="repetitions is 0"):
        ServingValidatorSettings(repetitions=0)
