import subprocess
import sys

import pytest

from tests import small_shop

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


@pytest.mark.parametrize("other", ["blocks", "scann"])
def test_finds_nearly_what_exact_search_finds(tmp_path, other):
    answers = {}
    for kind in ("exact", other):
        folder = small_shop.build_servable(
            tmp_path / kind, kind=kind, retrieve_k=50
        )
        answers[kind] = subprocess.run(
            [sys.executable, "-c", ASK, str(folder)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    assert len(answers["exact"]) == 10
    for exact, found in zip(answers["exact"], answers[other], strict=True):
        name, excluded, *ids = found.split()
        assert name == exact.split()[0]
        if name != "rank":
            assert excluded not in ids
            assert not set(ids) & set(small_shop.SOLD_OUT)
        shared = set(ids) & set(exact.split()[2:])
        assert len(shared) >= 8
