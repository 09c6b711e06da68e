"""The whole of training on a tiny shop, and the model in a new process."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.cooccurrence.neighbours import add_scores
from models.metrics import ranking as metrics
from models.settings import TrainingSettings
from models.text.fine_tuning.settings import FineTuningSettings
from models.training import trainer
from tests.models.conftest import MODEL
from tests.slow import slow

SETTINGS = dataclasses.replace(MODEL, dropout=0.1)
TRAINING = TrainingSettings(
    max_epochs=60,
    validate_every=10,
    sequence_batch=20,
    ranking_batch=64,
    ranking_epochs=12,
    catch_up_epochs=3,
    learning_rate=5e-3,
    warmup_steps=10,
)


@pytest.fixture(scope="module")
def run(tiny_shop, tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    folders = [str(root / name) for name in ("model", "run")]
    history = trainer.train(tiny_shop, *folders, SETTINGS, TRAINING)
    return root, history


@pytest.fixture(scope="module")
def model(run):
    return tf.saved_model.load(str(run[0] / "model"))


def request(ids, width=4):
    """Histories of clicks, a minute between them."""

    def padded(rows, fill):
        dtype = tf.string if fill == "" else tf.int64
        return tf.constant(
            [r + [fill] * (width - len(r)) for r in rows],
            dtype,
            [len(rows), width],
        )

    batch = len(ids)
    first = 1_700_000_000
    times = [[first + 60 * n for n in range(len(row))] for row in ids]
    return {
        "history_item_ids": padded(ids, ""),
        "history_event_types": padded([["click"] * len(r) for r in ids], ""),
        "history_queries": padded([[""] * len(r) for r in ids], ""),
        "history_timestamps": padded(times, 0),
        "timestamp": tf.constant([first + 60 * len(r) for r in ids], tf.int64),
        **{
            name: tf.constant([value] * batch)
            for name, value in {
                "query": "",
                "scene": "home",
                "city": "杭州",
                "device": "ios",
                "gender": "F",
                "age_band": "",
                "level": "0",
            }.items()
        },
    }


def test_it_learns_which_item_comes_next(run, model):
    _, history = run
    best = max(row.get("val_gain", 0) for row in history["retrieval"])
    assert best > 0.9
    # Every user goes to the next item of a group: i03 after i00.
    asked = request([["i00"], ["i00", "i03"], ["i09", "i12"]])
    scores = model.query_vectors(asked) @ tf.transpose(model.item_vectors())
    found = tf.gather(model.item_ids(), tf.argmax(scores, 1)).numpy()
    assert found.tolist() == [b"i03", b"i06", b"i15"]


def test_the_towers_catch_up_after_the_heads(run):
    rows = run[1]["retrieval"]
    assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
    validated = ["val_gain" in row for row in rows]
    # Validated every ten epochs before, and every one then.
    late = TRAINING.catch_up_epochs
    assert validated[-late:] == [True] * late
    assert not all(validated[:-late])
    lost = [row["retrieval_loss"] for row in rows]
    # Targets that were new to them.
    assert lost[-late] > lost[-late - 1]


def test_ranking_prefers_what_comes_next(run, model):
    _, history = run
    assert history["ranking"][-1]["ranking_loss"] < 0.9
    candidates = tf.constant([["i03", "i08", "i13"]])
    asked = request([["i00"]])
    text = model.encode_queries(asked["query"])
    found = model.retrieve(asked, text)
    ranked = model.rank_scores(asked, text, found, model.lookup(candidates))
    assert int(tf.argmax(ranked["score"], 1)[0]) == 0
    assert set(ranked) == {"score", "p_click", "p_buy"}
    # The retrieval score and what the heads say, as logarithms.
    scores = _by_retrieval(model, found)
    worth = tf.math.log(ranked["p_click"] + ranked["p_buy"])
    sharpness = (ranked["score"] - worth) / tf.gather(
        scores, model.lookup(candidates), axis=1, batch_dims=1
    )
    np.testing.assert_allclose(
        sharpness, np.broadcast_to(sharpness[0, 0], [1, 3]), rtol=1e-3
    )
    assert sharpness[0, 0] > 0


def _by_retrieval(model, found):
    """Scores of all items, float32 [B, N], as an index adds them up."""
    scores = found["query"] @ tf.transpose(model.item_vectors())
    unseen = tf.cast(model.choices() == 0, tf.float32)
    scores += unseen * found["unseen_offset"][:, None]
    return add_scores(scores, found["neighbours"], found["added"])


def test_requests_need_no_history_and_no_known_item(model):
    empty = request([[], []], width=0)
    padded = request([[], []], width=3)
    np.testing.assert_allclose(
        model.query_vectors(empty), model.query_vectors(padded), atol=1e-5
    )
    unknown = model.query_vectors(request([["never", "seen"]]))
    assert np.isfinite(unknown).all()
    rows = tf.constant([[-1, 0], [1, 2]])
    text = model.encode_queries(empty["query"])
    ranked = model.rank_scores(empty, text, model.retrieve(empty, text), rows)
    assert np.isfinite(ranked["score"]).all()


def test_padding_and_longer_batches_change_no_vector(model):
    one = model.query_vectors(request([["i00", "i03"]], width=2))
    many = model.query_vectors(request([["i00", "i03"], ["i01"] * 9], width=12))
    np.testing.assert_allclose(one[0], many[0], atol=1e-5)


def test_only_the_last_steps_of_a_long_history_are_read(model):
    steps = [f"i{n:02d}" for n in range(14)]
    long, short = request([steps], 14), request([steps[-10:]], 10)
    for name in ("history_timestamps", "timestamp"):
        value = long[name]
        short[name] = value[:, -10:] if value.shape.rank == 2 else value
    np.testing.assert_allclose(
        model.query_vectors(long), model.query_vectors(short), atol=1e-5
    )


def test_serving_default_reads_raw_examples(model, raw_ranking_examples):
    examples = tf.constant(raw_ranking_examples[:50])
    chances = model.signatures["serving_default"](examples=examples)
    assert set(chances) == {"click", "buy"}
    assert chances["click"].shape == (50,)
    clicked = np.array(
        [
            tf.train.Example.FromString(x)
            .features.feature["label_click"]
            .float_list.value[0]
            for x in raw_ranking_examples[:50]
        ]
    )
    found = chances["click"].numpy()
    assert found[clicked == 1].mean() > found[clicked == 0].mean() + 0.2


def test_without_text_queries_have_no_vector(model):
    assert model.encode_queries(tf.constant(["鼠标", ""])).shape == (2, 0)


NEW_PROCESS = """
import json, sys
import tensorflow as tf
import tensorflow_text
model = tf.saved_model.load(sys.argv[1])
example = open(sys.argv[2], "rb").read()
chances = model.signatures["serving_default"](examples=tf.constant([example]))
ours = [m for m in sys.modules if m.split(".")[0] in
        ("models", "schema", "tensorflow_transform",
         "tensorflow_recommenders")]
print(json.dumps({
    "ours": ours,
    "ids": [i.decode() for i in model.item_ids().numpy()],
    "items": model.item_vectors().numpy().tolist(),
    "chances": {k: v.numpy().tolist() for k, v in chances.items()},
}))
"""


def test_a_new_process_answers_the_same(
    run, model, raw_ranking_examples, tmp_path
):
    example = tmp_path / "example"
    example.write_bytes(raw_ranking_examples[7])
    made = subprocess.run(
        [sys.executable, "-c", NEW_PROCESS, str(run[0] / "model"), example],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={
            k: v
            for k, v in os.environ.items()
            if k not in ("PYTHONPATH", "TF_USE_LEGACY_KERAS")
        },
    )
    found = json.loads(made.stdout)
    assert found["ours"] == []
    assert found["ids"][:2] == ["i00", "i01"]
    np.testing.assert_allclose(found["items"], model.item_vectors(), atol=1e-6)
    here = model.signatures["serving_default"](
        examples=tf.constant([raw_ranking_examples[7]])
    )
    for name, chance in found["chances"].items():
        np.testing.assert_allclose(chance, here[name], atol=1e-6)


def test_history_and_logs_are_left_behind(run):
    root, history = run
    written = json.loads((root / "run" / "history.json").read_text())
    assert written == history
    assert {"epoch", "retrieval_loss", "seconds"} <= set(
        written["retrieval"][0]
    )
    assert list((root / "run" / "retrieval").rglob("events.out.tfevents.*"))


@slow
def test_one_seed_gives_one_model(tiny_shop, tmp_path):
    # With averages of the weights, which go on when the towers catch up.
    short = TrainingSettings(
        max_epochs=1,
        ranking_epochs=1,
        sequence_batch=8,
        validate_every=1,
        averaging=0.9,
    )
    rows = []
    for name in ("a", "b"):
        history = trainer.fit(
            tiny_shop,
            str(tmp_path / name),
            SETTINGS,
            short,
            FineTuningSettings(),
        ).history
        rows.append(
            [
                {k: v for k, v in row.items() if k != "seconds"}
                for part in history.values()
                for row in part
            ]
        )
    assert rows[0] == rows[1]


def test_labels_that_mean_nothing_teach_nothing(
    tiny_shop, model, raw_ranking_examples, tmp_path
):
    """With labels of other impressions the heads say the mean, no more."""
    examples = pathlib.Path(tiny_shop.examples)
    [split] = (examples / "Split-train").iterdir()
    records = list(tf.data.TFRecordDataset(str(split), "GZIP"))
    parsed = [tf.train.Example.FromString(r.numpy()) for r in records]
    order = np.random.default_rng(0).permutation(len(parsed))
    for name in ("label_click", "label_buy"):
        labels = [e.features.feature[name].float_list.value[0] for e in parsed]
        for example, other in zip(parsed, order, strict=True):
            values = example.features.feature[name].float_list.value
            values[:] = [labels[other]]
    shuffled = tmp_path / "examples" / "Split-train" / split.name
    shuffled.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(shuffled), "GZIP") as writer:
        for example in parsed:
            writer.write(example.SerializeToString())
    sequences = examples / "Split-sequence_train"
    (shuffled.parents[1] / sequences.name).symlink_to(sequences)
    trainer.train(
        dataclasses.replace(tiny_shop, examples=str(tmp_path / "examples")),
        str(tmp_path / "model"),
        str(tmp_path / "run"),
        SETTINGS,
        dataclasses.replace(
            TRAINING, max_epochs=10, ranking_epochs=4, learning_rate=1e-3
        ),
    )
    spec = {"label_click": tf.io.FixedLenFeature([], tf.float32)}
    labels = tf.io.parse_example(raw_ranking_examples, spec)["label_click"]
    taught = tf.saved_model.load(str(tmp_path / "model"))
    chances = taught.rank_examples(raw_ranking_examples)["click"]
    # Not by AUC: it sees the sign of a slope of next to nothing.
    prior = metrics.prior_log_loss(float(np.mean(labels)))
    assert prior - 0.01 < metrics.log_loss(labels, chances) < prior + 0.05
    assert np.std(chances) < 0.1
    told = model.rank_examples(raw_ranking_examples)["click"]
    assert metrics.log_loss(labels, told) < prior - 0.1
