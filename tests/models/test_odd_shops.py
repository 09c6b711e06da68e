"""Training on shops where something that is usual is missing altogether."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.settings import TrainingSettings
from models.training import trainer
from tests.models.conftest import MODEL
from tests.slow import slow

TRAINING = TrainingSettings(
    max_epochs=4,
    validate_every=2,
    sequence_batch=20,
    ranking_batch=32,
    ranking_epochs=8,
    learning_rate=1e-2,
    warmup_steps=5,
)


def rewritten(sources, root, change):
    """Copies transformed examples through `change`, which may return None."""
    for path in pathlib.Path(sources.examples).glob("Split-*/*"):
        target = root / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(target), "GZIP") as writer:
            for record in tf.data.TFRecordDataset(str(path), "GZIP"):
                example = tf.train.Example.FromString(record.numpy())
                if kept := change(example):
                    writer.write(kept.SerializeToString())
    return dataclasses.replace(sources, examples=str(root))


def without_purchase(example):
    example.features.feature["label_buy"].float_list.value[:] = [0.0]
    return example


def trained(sources, root):
    """Trains and loads the model, and the history of its training."""
    history = trainer.train(
        sources, str(root / "model"), str(root / "run"), MODEL, TRAINING
    )
    return tf.saved_model.load(str(root / "model")), history


def finite(history):
    rows = [*history["retrieval"], *history["ranking"]]
    return bool(rows) and all(np.isfinite(list(r.values())).all() for r in rows)


@slow
def test_without_a_purchase_the_head_learns_that_there_is_none(
    tiny_shop, raw_ranking_examples, tmp_path
):
    shop = rewritten(tiny_shop, tmp_path / "shop", without_purchase)
    model, history = trained(shop, tmp_path)
    assert finite(history)
    chances = model.rank_examples(tf.constant(raw_ranking_examples))
    bought = chances["buy"].numpy()
    assert (bought >= 0).all()
    assert bought.mean() < 0.05
    # Clicks are there as ever.
    assert chances["click"].numpy().mean() > 0.2


def test_one_user_who_never_buys_is_enough_to_train_on(tiny_shop, tmp_path):
    def of_one_user(example):
        user = example.features.feature["user_id"].bytes_list.value[0]
        return without_purchase(example) if user == b"u7" else None

    shop = rewritten(tiny_shop, tmp_path / "shop", of_one_user)
    model, history = trained(shop, tmp_path)
    assert finite(history)
    vectors = model.item_vectors().numpy()
    assert vectors.shape == (24, 16)
    assert np.isfinite(vectors).all()
