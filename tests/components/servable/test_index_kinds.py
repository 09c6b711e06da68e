import subprocess
import sys

import pytest

from tests import small_shop
from tests.slow import slow

ASK = """
import sys
import scann
import tensorflow as tf
import tensorflow_text
from tensorflow_serving.apis import prediction_log_pb2
signatures = tf.saved_model.load(sys.argv[1]).signatures
path = sys.argv[1] + "/assets.extra/tf_serving_warmup_requests"
for record in tf.data.TFRecordDataset(path):
    log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
    sent = log.predict_log.request
    inputs = {
        name: tf.constant(tf.make_ndarray(value))
        for name, value in sent.inputs.items()
    }
    answer = signatures[sent.model_spec.signature_name](**inputs)
    if "item_ids" not in answer:
        continue
    ids = [i.decode() for i in answer["item_ids"].numpy()[0]]
    excluded = inputs.get("exclude_item_ids", tf.constant([[""]])).numpy()
    print(sent.model_spec.signature_name, excluded[0][0].decode(), *ids)
"""


def answers(folder, kind):
    """Returns what a new process says to the warm-up requests, line by line."""
    made = small_shop.build_servable(folder, kind=kind, retrieve_k=50)
    return subprocess.run(
        [sys.executable, "-c", ASK, str(made)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    return answers(tmp_path_factory.mktemp("exact"), "exact")


@pytest.mark.parametrize("kind", ["blocks", pytest.param("scann", marks=slow)])
def test_finds_nearly_what_exact_search_finds(tmp_path, exact, kind):
    assert len(exact) == 10
    for expected, line in zip(exact, answers(tmp_path, kind), strict=True):
        name, excluded, *ids = line.split()
        assert name == expected.split()[0]
        if name != "rank":
            assert excluded not in ids
            assert not set(ids) & set(small_shop.SOLD_OUT)
        shared = set(ids) & set(expected.split()[2:])
        assert len(shared) >= 8
