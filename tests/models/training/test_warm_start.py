"""What an update learns from, and what it takes the settings from."""

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.settings import TrainingSettings
from models.training import data, warm_start
from models.training.last_version import FOLDER, LastVersion
from models.training.learned_users import Choices, LearnedUsers
from models.training.update_settings import UpdateSettings
from schema.errors import DataError
from schema.settings import SettingsError
from tests.models.conftest import MODEL, example


def choices(times):
    """One sequence of one choice for each of the users 0, 1, …"""
    number = np.arange(len(times))
    return Choices(users=number, owner=number, times=np.array(times))


@pytest.fixture
def last(tmp_path):
    """A version that has learned ten users until second 100."""
    LastVersion(
        weights={"item_tower/unknown": np.zeros(2)},
        tokens={"item_id": [b"i1", "商品".encode()]},
        choices=np.array([2.0, 0.0]),
        users=LearnedUsers.of(choices([100] * 10)),
        learned_until=101,
        model=MODEL,
        encoder={"dimension": 0},
    ).write(str(tmp_path))
    return tmp_path


def start(last, **settings):
    return warm_start.WarmStart(str(last), UpdateSettings(**settings))


def numbers(dataset):
    return [int(number) for number in dataset.as_numpy_iterator()]


def test_it_reads_what_was_written(last):
    found = LastVersion.read(str(last))
    assert found.tokens == {"item_id": [b"i1", "商品".encode()]}
    assert found.model == MODEL
    assert found.weights["item_tower/unknown"].tolist() == [0.0, 0.0]
    assert found.choices.tolist() == [2.0, 0.0]
    assert start(last).learned_until == 101
    assert [path.name for path in last.iterdir()] == [FOLDER]


def test_new_sequences_come_with_as_many_old_ones(last):
    times = [100] * 10
    times[3] = times[7] = 200
    sequences = tf.data.Dataset.range(10)

    def drawn(seed, **settings):
        warm = start(last, **settings)
        kept = warm.worth_learning(sequences, choices(times), seed)
        return numbers(kept), warm.told["sequences"]

    kept, told = drawn(1, replay=2.0)
    assert {3, 7} <= set(kept)
    assert len(kept) == 6
    assert told == {"new": 2, "replayed": 4, "all": 10}
    assert drawn(1, replay=2.0)[0] == kept
    assert any(drawn(seed, replay=2.0)[0] != kept for seed in range(2, 6))
    assert drawn(1, replay=0.0)[0] == [3, 7]
    assert len(drawn(1, replay=100.0)[0]) == 10


def test_nothing_new_is_an_error(last):
    sequences = tf.data.Dataset.range(10)
    with pytest.raises(DataError, match="nothing to learn"):
        start(last).worth_learning(sequences, choices([100] * 10), 1)


def test_new_impressions_come_with_some_old_ones(last, tmp_path):
    path = str(tmp_path / "train.gz")
    times = [90] * 900 + [101] * 100
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for number, time in enumerate(times):
            writer.write(example(timestamp=time, item_id=f"i{number}"))
    spec = {"timestamp": tf.io.FixedLenFeature([], tf.int64)}

    def kept(**settings):
        found = start(last, **settings).impressions(data.records([path]), 5)
        times = tf.io.parse_example(list(found), spec)["timestamp"].numpy()
        return int((times > 100).sum()), int((times < 100).sum())

    new, old = kept(replay=1.0)
    assert new == 100
    assert 60 < old < 140
    assert kept(replay=1.0) == (new, old)
    assert kept(replay=0.0) == (100, 0)
    assert kept(replay=9.0) == (100, 900)


def test_an_update_trains_shorter_and_slower():
    training = TrainingSettings(learning_rate=1e-3, spectral_start=True)
    found = UpdateSettings(epochs=2, pace=0.5).of(training)
    assert found.catch_up_epochs == 2
    assert found.learning_rate == pytest.approx(5e-4)
    assert not found.spectral_start
    with pytest.raises(SettingsError, match="pace"):
        UpdateSettings(pace=0)
