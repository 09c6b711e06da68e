"""The text encoder in the steps that train the towers."""

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.features import ITEM_FEATURES
from models.inputs import CONTEXT
from models.item_table import ItemTable
from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.text.fine_tuning.settings import FineTuningSettings
from models.text.fine_tuning.tuning import FineTuning
from models.text.hub import TextEncoder
from models.training import callbacks, fitting
from models.training.live_text import LiveText
from tests.encoders import CHARACTERS, write_tiny_bert

NUM_ITEMS, NUM_USERS, STEPS = 24, 64, 6
QUERIES = ["手机", "连衣裙", "鼠标"]
# Three kinds of items: only the last two characters of a title say which.
RNG = np.random.default_rng(4)
TITLES = [
    "".join(RNG.choice(list(CHARACTERS), 6)) + QUERIES[n % 3]
    for n in range(NUM_ITEMS - 1)
] + [""]
SETTINGS = ModelSettings(
    heads=("click=click", "buy=buy"),
    positive_event_types=("click",),
    max_history=STEPS - 1,
    dimension=16,
    num_blocks=1,
    dropout=0.0,
)
TRAINING = TrainingSettings(
    max_epochs=3,
    validate_every=1,
    patience=3,
    sequence_batch=32,
    warmup_steps=0,
    learning_rate=1e-2,
)
TUNING = FineTuningSettings(
    mode="adapters",
    top_layers=0,
    learning_rate=1e-2,
    warmup_steps=2,
    texts_a_step=16,
    max_epochs=3,
)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("bert"))


def sequences():
    """Users who search for a kind and take items of it, any of them."""
    rng = np.random.default_rng(7)
    kinds = np.arange(NUM_USERS) % 3
    items = kinds[:, None] + 3 * rng.integers(0, 8, (NUM_USERS, STEPS))
    shape = [NUM_USERS, STEPS]
    last = np.arange(STEPS) == STEPS - 1
    held_out = (
        np.broadcast_to(last, shape) & (np.arange(NUM_USERS) % 4 == 0)[:, None]
    )
    context = {f.name: np.zeros([NUM_USERS, 1], np.int64) for f in CONTEXT}
    context["recency"] = np.zeros(shape, np.int32)
    return {
        "rows": items[:, :-1].astype(np.int32),
        "types": np.ones([NUM_USERS, STEPS - 1], np.int32),
        "gaps": np.ones([NUM_USERS, STEPS - 1], np.int32),
        "context": context,
        "number": np.full([NUM_USERS], STEPS, np.int32),
        "targets": items.astype(np.int32),
        "target_times": np.full(shape, 100, np.int64),
        "query_rows": np.broadcast_to(
            (1 + kinds * (kinds < 2))[:, None] * last, shape
        ).astype(np.int32),
        "train": ~held_out,
        "validation": held_out,
    }


class Shop:
    """A model whose items differ by nothing but their texts."""

    def __init__(self, paths, folder, settings=TUNING, training=TRAINING):
        tf.keras.utils.set_random_seed(3)
        self.encoder = TextEncoder(paths)
        columns = {
            f.name: np.zeros(NUM_ITEMS, f.dtype)
            for f in ITEM_FEATURES
            if f.dtype != "string"
        }
        columns["item_id"] = np.array(
            [b"%02d" % n for n in range(NUM_ITEMS)], object
        )
        vectors = self.encoder(tf.constant(TITLES), role="item").numpy()
        queries = self.encoder(tf.constant(QUERIES), role="query").numpy()
        self.model = Recommender(
            SETTINGS,
            training,
            ItemTable(columns, vectors, str(folder / "ids.txt")),
            counts=np.ones(NUM_ITEMS, np.int64),
            newest=100,
            available_from=np.zeros(NUM_ITEMS, np.int64),
            sizes={f.name: 4 for f in (*ITEM_FEATURES, *CONTEXT) if f.size < 0},
            query_vectors=np.pad(queries, [(1, 0), (0, 0)]),
        )
        self.tuning = FineTuning(self.encoder, settings, seed=5)
        self.live = LiveText(
            self.model,
            self.tuning,
            settings,
            items=np.array([t.encode() for t in TITLES], object),
            queries=np.array([q.encode() for q in QUERIES], object),
        )

    def loss(self):
        batch = tf.nest.map_structure(tf.constant, sequences())
        return float(self.model.compute_loss({"sequences": batch}))


@pytest.fixture
def shop(paths, tmp_path):
    return Shop(paths, tmp_path)


def step(shop, **changes):
    shop.model.compile(optimizer=tf.keras.optimizers.SGD(0.0))
    batch = tf.nest.map_structure(tf.constant, {**sequences(), **changes})
    return shop.live.train_step({"sequences": batch})


def test_gradients_are_those_of_the_loss_through_the_encoder(
    paths, tmp_path, monkeypatch
):
    """Against the change of the loss along a direction, towers fixed."""
    shop = Shop(
        paths,
        tmp_path,
        FineTuningSettings(mode="all", texts_a_step=NUM_ITEMS + 3),
    )
    taken = []
    monkeypatch.setattr(shop.tuning, "apply", taken.append)
    step(shop)
    [gradients] = taken
    names = [v.name for v in shop.tuning.watched]
    assert all(g is not None for g in gradients), names
    dense = [tf.convert_to_tensor(g) for g in gradients]
    size = tf.linalg.global_norm(dense)
    assert size > 0.01
    mean = shop.model.item_text.mean.numpy(), shop.model.query_text.mean.numpy()

    def loss_at(distance):
        for variable, gradient in zip(shop.tuning.watched, dense, strict=True):
            variable.assign_add(distance * gradient / size)
        shop.live.refresh()
        # The means are no part of a step.
        shop.model.item_text.mean.assign(mean[0])
        shop.model.query_text.mean.assign(mean[1])
        return shop.loss()

    forth = loss_at(0.01)
    back = loss_at(-0.02)
    assert (forth - back) / 0.02 == pytest.approx(float(size), rel=0.05)


def test_a_step_encodes_what_it_needs_and_writes_it_into_the_tables(
    paths, tmp_path
):
    shop = Shop(
        paths, tmp_path, FineTuningSettings(mode="all", texts_a_step=10)
    )
    items = shop.model.items.text
    right = items.numpy()
    items.assign(right + 1.0)
    given = sequences()
    some = np.where(given["targets"] < 9, given["targets"], -1)
    step(
        shop,
        rows=some[:, :-1],
        targets=some,
        train=some >= 0,
        query_rows=given["query_rows"] * 0,
    )
    written = np.flatnonzero((items.numpy() != right + 1.0).any(1))
    # Rows are one up; nine were needed, and none of the queries.
    assert written.tolist() == list(range(1, 10))
    np.testing.assert_allclose(
        items.numpy()[written], right[written], atol=1e-5
    )


def test_no_more_texts_than_asked_and_never_an_empty_one(paths, tmp_path):
    shop = Shop(paths, tmp_path, FineTuningSettings(mode="top", texts_a_step=7))
    batch = tf.nest.map_structure(tf.constant, sequences())
    kinds = set()
    for _ in range(20):
        items, queries = (rows.numpy() for rows in shop.live._draw(batch))
        assert len(items) + len(queries) == 7
        assert len(set(items)) == len(items)
        assert NUM_ITEMS not in items  # the last title is empty
        assert 0 not in [*items, *queries]
        kinds |= set(queries)
    assert kinds == {1, 2}  # nobody searches for the third


def test_the_encoder_learns_where_text_is_all_there_is(shop):
    before = shop.loss()
    for _ in range(12):
        step(shop)
    shop.live.refresh()
    assert shop.loss() < 0.9 * before


def fit(shop, tmp_path):
    data = tf.data.Dataset.from_tensor_slices(sequences())
    return fitting.fit_retrieval(
        shop.model, data, TRAINING, str(tmp_path / "run"), shop.live
    )


def test_towers_first_then_the_encoder_and_the_best_stays(shop, tmp_path):
    rows = fit(shop, tmp_path)
    assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) > TRAINING.max_epochs
    alone = max(row["val_gain"] for row in rows[: TRAINING.max_epochs])
    # What stays is the best, and its vectors are those of the encoder.
    model = shop.model
    np.testing.assert_allclose(
        model.items.text[1:],
        shop.encoder(tf.constant(TITLES), role="item"),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        model.training_queries[1:],
        shop.encoder(tf.constant(QUERIES), role="query"),
        atol=1e-5,
    )
    there = model.items.text.numpy()[1:-1]
    np.testing.assert_allclose(model.item_text.mean, there.mean(0), atol=1e-5)
    batch = tf.nest.map_structure(tf.constant, sequences())
    ranks, weights = (x.numpy() for x in model.validation_ranks(batch))
    gain = np.average(1 / np.log2(ranks + 2), weights=weights)
    assert gain == pytest.approx(max(row["val_gain"] for row in rows), 1e-4)
    assert gain >= alone
    np.testing.assert_allclose(
        model.representations[1:],
        model.represent(tf.range(NUM_ITEMS)),
        atol=1e-5,
    )


def test_an_encoder_that_gets_worse_is_put_back(shop):
    """The best may be what training went on from."""
    gains = iter([0.5, 0.4, 0.3])
    keep_best = callbacks.KeepBest(
        lambda logs: {"val_gain": next(gains)},
        "val_gain",
        every=1,
        patience=2,
        max_seconds=0,
        live_text=shop.live,
    )
    keep_best.set_model(shop.model)
    shop.loss()  # makes the variables
    before = [v.numpy() for v in shop.tuning.watched]
    texts = shop.model.items.text.numpy()
    keep_best.on_train_begin()
    for epoch in range(2):
        step(shop)
        keep_best.on_epoch_end(epoch, {})
    assert shop.model.stop_training
    worse = [v.numpy() for v in shop.tuning.watched]
    assert all((a != b).any() for a, b in zip(before, worse, strict=True))
    shop.live.refresh()
    assert np.abs(shop.model.items.text - texts).max() > 1e-3
    keep_best.on_train_end()
    for variable, start in zip(shop.tuning.watched, before, strict=True):
        np.testing.assert_array_equal(variable, start)
    np.testing.assert_array_equal(shop.model.items.text, texts)


def test_a_sampled_softmax_gives_the_encoder_gradients_too(paths, tmp_path):
    training = TrainingSettings(full_softmax_items=1, sampled_negatives=8)
    shop = Shop(paths, tmp_path, training=training)
    assert not shop.model.full
    start = shop.tuning.state()
    step(shop)
    moved = [
        np.abs(now - then).max()
        for now, then in zip(shop.tuning.state(), start, strict=True)
    ]
    # Of an adapter the second matrix first, the first with the next step.
    assert min(moved[1::2]) > 0
