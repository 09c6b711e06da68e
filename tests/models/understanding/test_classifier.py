import numpy as np
import pyarrow as pa
import pytest

import models  # noqa: F401
from models.understanding import classifier, network
from models.understanding.settings import ClassifierSettings
from schema.settings import SettingsError


def test_calibration_finds_the_head_that_knows():
    labels = np.arange(60) % 3
    knows = 2.0 * np.eye(3, dtype=np.float32)[labels]
    guesses = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    words, meaning = network.calibrate((guesses, knows), labels)
    assert words == 0
    # Always right, so the more the better.
    assert meaning == pytest.approx(8)


def test_the_description_is_encoded_where_there_is_no_title():
    found = classifier.texts_to_encode(
        pa.array(["鼠标", " "]), pa.array(["x", "键盘"])
    )
    assert found.to_pylist() == ["鼠标", "键盘"]


def test_settings_name_what_is_wrong():
    with pytest.raises(SettingsError, match="longest_ngram is 9"):
        ClassifierSettings(longest_ngram=9)
