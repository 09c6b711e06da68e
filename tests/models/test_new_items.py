"""Items that enter a trained model by their content alone."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models import new_items
from models.settings import TrainingSettings
from models.training import trainer
from schema.errors import DataError
from tests.encoders import HIDDEN, write_tiny_bert
from tests.models.conftest import (
    MODEL,
    NUM_ITEMS,
    START,
    example,
    write_text_vectors,
)
from tests.slow import slow

# The end-to-end test adds items to a trained model too.
pytestmark = slow

TRAINING = TrainingSettings(
    max_epochs=2, ranking_epochs=1, sequence_batch=20, ranking_batch=64
)
TEXT = HIDDEN


def item(item_id, category="电脑/外设", brand="罗技", price=30.0, tags=()):
    return example(
        item_id=item_id,
        title="新品",
        description="",
        category=category,
        brand=brand,
        shop_id="s1",
        tags=list(tags),
        text="新品",
        price=price,
        listed_at=START,
        in_stock=1,
        category_inferred=0,
    )


def group_text(group):
    """Text vectors of a group lie around one axis."""
    return np.eye(TEXT, dtype=np.float32)[group]


@pytest.fixture(scope="module")
def model_dir(tiny_shop, tmp_path_factory):
    root = tmp_path_factory.mktemp("new_items")
    rng = np.random.default_rng(0)
    write_text_vectors(
        root / "text",
        dimension=TEXT,
        items={
            f"i{n:02d}": group_text(n % 3) + rng.normal(0, 0.05, TEXT)
            for n in range(NUM_ITEMS)
        },
    )
    paths = write_tiny_bert(root / "bert")
    about = root / "text" / "encoder.json"
    handles = {
        "preprocess": str(paths.preprocess),
        "encoder": str(paths.encoder),
    }
    about.write_text(json.dumps(json.loads(about.read_text()) | handles))
    trainer.train(
        dataclasses.replace(tiny_shop, text_vectors=str(root / "text")),
        str(root / "model"),
        str(root / "run"),
        MODEL,
        TRAINING,
    )
    return root / "model"


def extended(model_dir, folder, ids):
    trained = new_items.load(model_dir)
    before = trained.item_ids().numpy().tolist()
    known = [i for i in ids if i.encode() in before]
    new = [i.encode() for i in ids if i not in known]
    new_items.copy_with_ids(model_dir, [*before, *new], folder)
    return new_items.load(folder)


def test_new_items_get_rows_and_old_ones_keep_their_bits(model_dir, tmp_path):
    model = extended(model_dir, tmp_path / "copy", ["n1", "新2"])
    before = model.item_vectors().numpy()
    assert len(before) == NUM_ITEMS
    model.put_items(
        [item("新2", "服饰", ""), item("n1")],
        np.stack([group_text(2), group_text(1)]),
    )
    after = model.item_vectors().numpy()
    assert len(after) == NUM_ITEMS + 2
    np.testing.assert_array_equal(after[:NUM_ITEMS], before)
    ids = [i.decode() for i in model.item_ids().numpy()]
    assert ids[NUM_ITEMS:] == ["n1", "新2"]
    # What search and similar compare texts by.
    np.testing.assert_array_equal(
        model.text_vectors()[NUM_ITEMS:],
        np.stack([group_text(1), group_text(2)]),
    )
    assert model.lookup(["新2", "i00", "n1", "x"]).numpy().tolist() == [
        NUM_ITEMS + 1,
        0,
        NUM_ITEMS,
        -1,
    ]
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, atol=1e-5)
    assert not np.allclose(after[-1], after[-2])


def test_it_is_what_the_tower_makes_of_an_unseen_item(model_dir, tmp_path):
    """An item with the content of another differs from it by the id alone."""
    model = extended(model_dir, tmp_path / "copy", ["n1", "n2"])
    model.put_items([item("n1"), item("n2")], np.stack([group_text(1)] * 2))
    vectors = model.item_vectors().numpy()
    np.testing.assert_array_equal(vectors[-1], vectors[-2])
    other = [i for i in range(NUM_ITEMS) if i % 3 != 1]
    same = [i for i in range(NUM_ITEMS) if i % 3 == 1]
    near = vectors[:NUM_ITEMS] @ vectors[-1]
    assert near[same].mean() > near[other].mean()


def test_a_replaced_item_changes_and_no_other(model_dir, tmp_path):
    model = extended(model_dir, tmp_path / "copy", ["i01"])
    before = model.item_vectors().numpy()
    model.put_items([item("i01", "服饰", "")], group_text(2)[None])
    changed = model.item_vectors().numpy()
    assert len(changed) == NUM_ITEMS
    assert not np.allclose(changed[1], before[1], atol=1e-3)
    np.testing.assert_array_equal(
        np.delete(changed, 1, axis=0), np.delete(before, 1, axis=0)
    )


def test_tags_change_an_item_as_far_as_training_knows_them(model_dir, tmp_path):
    model = extended(model_dir, tmp_path / "copy", ["i01", "n1"])
    text = np.stack([group_text(1)] * 2)

    def put(*tags):
        model.put_items([item("i01", tags=tags), item("n1", tags=tags)], text)
        return model.item_vectors().numpy()

    before, after = put(), put("电器", "静音")
    moved = np.abs(after - before).max(1)
    assert (moved[[1, NUM_ITEMS]] > 1e-3).all()
    assert not np.delete(moved, [1, NUM_ITEMS]).any()
    # Order counts for nothing, nor does what only one item has.
    np.testing.assert_allclose(put("静音", "电器", "只有1"), after, atol=1e-6)


def test_saved_again_it_keeps_what_it_took_in(model_dir, tmp_path):
    model = extended(model_dir, tmp_path / "copy", ["n1"])
    model.put_items([item("n1")], group_text(1)[None])
    holder = tf.Module()
    holder.model = model
    holder.rows = tf.function(
        model.lookup, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(holder, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    assert loaded.rows(["n1"]).numpy().tolist() == [NUM_ITEMS]
    np.testing.assert_array_equal(
        loaded.model.item_vectors(), model.item_vectors()
    )
    # And takes in more, by the same way.
    assert loaded.model.item_ids().shape == [NUM_ITEMS + 1]


def test_ids_that_do_not_fit_are_refused(model_dir, tmp_path):
    with pytest.raises(DataError, match="other items"):
        new_items.copy_with_ids(model_dir, [b"x", b"y"], tmp_path / "copy")


def test_an_older_model_says_what_to_do(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(DataError, match="put_items; train it again"):
        new_items.load(tmp_path)
