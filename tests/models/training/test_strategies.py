"""What is said where the devices of a strategy are not there."""

import json

import pytest
import tensorflow as tf

from models.settings import TrainingSettings
from models.training import strategies
from schema.settings import SettingsError

TWO = {
    "cluster": {"worker": ["a:1", "b:1"]},
    "task": {"type": "worker", "index": 1},
}


def test_a_cluster_of_workers_is_one():
    strategies.check_cluster(json.dumps(TWO))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "TF_CONFIG, which is not set"),
        ("{", "says no cluster"),
        ("[]", "says no cluster"),
        ('{"cluster": {}}', "KeyError: 'worker'"),
        (
            json.dumps({**TWO, "task": {"type": "worker", "index": 2}}),
            r"task 2 of the workers \['a:1', 'b:1'\]",
        ),
        (
            json.dumps({**TWO, "task": {"type": "worker", "index": "x"}}),
            "says no cluster",
        ),
        (
            json.dumps({**TWO, "task": {"type": "ps", "index": 0}}),
            "type 'ps'; allowed: worker",
        ),
        (
            json.dumps(
                {**TWO, "cluster": {"worker": ["a:1"], "chief": ["b:1"]}}
            ),
            "type 'chief'; allowed: worker",
        ),
    ],
)
def test_what_is_no_cluster_is_named(text, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(strategies.StrategyError, match=message):
        strategies.of(TrainingSettings(strategy="multi_worker"))


def test_without_a_tpu_it_says_what_to_choose():
    with pytest.raises(
        strategies.StrategyError, match=r"finds no TPU.*default, mirrored"
    ):
        strategies.of(TrainingSettings(strategy="tpu"))


def test_xla_is_for_one_device_or_a_tpu():
    with pytest.raises(SettingsError, match=r"jit_compile is True.*mirrored"):
        TrainingSettings(strategy="mirrored", jit_compile=True)
    assert TrainingSettings(strategy="tpu").fixed_shapes
    assert not TrainingSettings().fixed_shapes


def test_one_device_takes_batches_as_they_are():
    strategy = strategies.of(TrainingSettings())
    assert strategies.is_single(strategy)
    assert strategies.is_chief(strategy)
    batches = tf.data.Dataset.range(6).batch(3)
    dealt = strategies.deal(
        batches, strategy, lambda part: part.map(tf.negative)
    )
    assert [b.numpy().tolist() for b in dealt] == [[0, -1, -2], [-3, -4, -5]]
    assert strategies.whole_batch(8, 5, strategy, "sequence_batch") == 5
    assert strategies.chiefs(strategy, 0.25) == 0.25


def test_batches_of_the_input_are_drawn_alike_by_every_worker():
    """Each of two workers with two devices takes its own half of a batch."""
    batches = tf.data.Dataset.range(16).batch(8)
    parts = [
        strategies.parts_of(
            batches,
            tf.distribute.InputContext(
                num_input_pipelines=2,
                input_pipeline_id=worker,
                num_replicas_in_sync=4,
            ),
        )
        for worker in (0, 1)
    ]
    taken = [[p.numpy().tolist() for p in part] for part in parts]
    assert taken == [
        [[0, 1], [2, 3], [8, 9], [10, 11]],
        [[4, 5], [6, 7], [12, 13], [14, 15]],
    ]
