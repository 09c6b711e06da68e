"""Images in the item tower: missing, hidden, taken in later, and off."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models import new_items, preprocessing
from models.catalogue_files import read_items
from models.features import ITEM_FEATURES, MAX_TAGS
from models.inputs import CONTEXT
from models.item_table import ItemTable
from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.towers import ItemTower
from models.training import trainer
from models.training.last_version import named_weights
from schema import loader
from tests.encoders import HIDDEN, write_tiny_bert
from tests.models.conftest import (
    MODEL,
    NUM_ITEMS,
    example,
    items,
    transform,
    write_text_vectors,
)
from tests.models.test_item_table import write_items
from tests.slow import slow

SETTINGS = ModelSettings(
    heads=("click=click",),
    positive_event_types=("click",),
    dimension=8,
    num_blocks=1,
    neighbours=0,
)
# The last item has none.
IMAGES = np.array([[1, 0, 0], [0, 1, 0], [0, 2, 0], [0, 0, 0]], np.float32)
UNKNOWN = -1


def item_table(folder, images=IMAGES):
    number = len(IMAGES)
    columns = {
        f.name: np.zeros([number, MAX_TAGS] if f.is_list else number, f.dtype)
        for f in ITEM_FEATURES
        if f.dtype != "string" and not f.is_vector
    }
    columns["item_id"] = np.array([b"a", b"b", b"c", b"d"], object)
    if images is not None:
        columns["image"] = images
    return ItemTable(columns, np.ones([number, 2]), str(folder / "ids.txt"))


def recommender(folder, images=IMAGES, settings=SETTINGS, seed=1):
    tf.keras.utils.set_random_seed(seed)
    number = len(IMAGES)
    model = Recommender(
        settings,
        TrainingSettings(),
        item_table(folder, images),
        counts=np.ones(number, np.int64),
        newest=100,
        available_from=np.zeros(number, np.int64),
        sizes={f.name: 4 for f in (*ITEM_FEATURES, *CONTEXT) if f.size < 0},
        query_vectors=np.ones([2, 2], np.float32),
    )
    model.represent(tf.range(UNKNOWN, number))
    return model


def tower(dropout):
    tf.keras.utils.set_random_seed(3)
    return ItemTower(
        dimension=8,
        num_items=3,
        features=(),
        sizes={},
        id_dropout=0.0,
        dropout=0.0,
        images=True,
        image_dropout=dropout,
    )


def of(images):
    number = len(images)
    return {
        "rows": tf.zeros([number], tf.int32),
        "trained": tf.zeros([number]),
        "text": tf.zeros([number, 2]),
        "image": tf.constant(images, tf.float32),
    }


def test_images_are_hidden_in_training_only():
    items = tower(0.25)
    shown, none = items(of([[1, 2], [0, 0]])).numpy()
    assert np.abs(shown - none).max() > 1e-3
    many = of([[1, 2]] * 400)
    trained = items(many, training=True).numpy()
    kept = np.isclose(trained, shown, atol=1e-6).all(1)
    assert np.isclose(trained[~kept], none, atol=1e-6).all()
    assert 260 < kept.sum() < 340
    assert np.isclose(items(many).numpy(), shown, atol=1e-6).all()
    # An item without one stays so.
    without = items(of([[0, 0]] * 9), training=True).numpy()
    np.testing.assert_allclose(without, [none] * 9, atol=1e-6)


def test_what_stands_for_no_image_is_learned():
    items = tower(0.0)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(items(of([[1, 2], [0, 0]]), training=True))
    found = tape.gradient(
        total, [items.no_image, items.image_projection.kernel]
    )
    assert all(np.abs(gradient).max() > 0 for gradient in found)
    names = {weight.ref() for weight in items.content_weights()}
    assert items.no_image.ref() in names
    assert items.image_projection.kernel.ref() in names


def test_vectors_are_centred_on_those_that_are_there(tmp_path):
    model = recommender(tmp_path)
    np.testing.assert_allclose(model.item_image.mean, [1 / 3, 1, 0], rtol=1e-6)
    read = model.item_features(tf.constant([0, 3, UNKNOWN]))["image"].numpy()
    assert np.linalg.norm(read, axis=1).round(5).tolist() == [1, 0, 0]
    assert read[0] @ [2 / 3, -1, 0] == pytest.approx((4 / 9 + 1) ** 0.5)


def test_histories_and_candidates_differ_by_the_image(tmp_path):
    """Nothing but the image tells these items apart."""
    model = recommender(tmp_path)
    model.items.set_choices([0, 0, 0, 0])
    vectors = model.represent(tf.range(4)).numpy()
    gaps = np.abs(vectors[:, None] - vectors).max(-1)
    assert (gaps[~np.eye(4, dtype=bool)] > 1e-4).all()
    model.freeze_items()
    np.testing.assert_allclose(model.representations[1:], vectors, atol=1e-6)


@pytest.mark.parametrize("images", [None, np.zeros([4, 0]), np.zeros([4, 3])])
def test_without_images_nothing_is_made_or_drawn_for_them(tmp_path, images):
    plain = recommender(tmp_path, None)
    asked = dataclasses.replace(SETTINGS, images=True)
    other = recommender(tmp_path, images, settings=asked)
    assert other.item_image is None
    before, now = named_weights(plain), named_weights(other)
    assert before.keys() == now.keys()
    assert not [name for name in now if "image" in name]
    for name, weight in before.items():
        np.testing.assert_array_equal(weight, now[name])


def test_what_is_left_for_the_next_training_has_the_images_weights(tmp_path):
    names = {n for n in named_weights(recommender(tmp_path)) if "image" in n}
    assert names == {
        "item_image/mean",
        "item_tower/image_projection/kernel",
        "item_tower/no_image",
    }


class Catalogue:
    """Stands for the transform graph: gives what Transform would give."""

    def __init__(self, images):
        self.image = tf.RaggedTensor.from_row_lengths(
            tf.constant([x for i in images for x in i], tf.float32),
            [len(i) for i in images],
        ).to_sparse()

    def __call__(self, raw):
        number = len(raw["item_id"])
        made = {
            f.name: tf.sparse.from_dense(tf.zeros([number, 1], f.dtype))
            if f.is_list
            else tf.zeros([number], f.dtype)
            for f in ITEM_FEATURES
            if f.dtype != "string" and not f.is_vector
        }
        return {**made, "item_id": raw["item_id"], "image": self.image}


def put(model, ids, images):
    raw = {"item_id": tf.constant(ids)}
    text = tf.ones([len(ids), 2])
    new_items.put(model, raw, Catalogue(images), text)


def test_items_come_in_with_and_without_an_image(tmp_path):
    model = recommender(tmp_path)
    model.items.set_choices([5, 0, 0, 0])
    model.freeze_items()
    before = model.representations.numpy()
    # As another item is, whose id was never learned; then as the last one.
    put(model, ["b"], [[]])
    after = model.representations.numpy()
    np.testing.assert_allclose(after[2], before[4], atol=1e-6)
    np.testing.assert_array_equal(
        np.delete(after, 2, 0), np.delete(before, 2, 0)
    )
    put(model, ["b"], [[0.0, 2.0, 0.0]])
    np.testing.assert_allclose(model.representations[2], before[3], atol=1e-6)
    assert model.items.images(tf.constant([1])).numpy().tolist() == [[0, 2, 0]]
    put(model, ["c", "d"], [[], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(model.representations[3], before[4], atol=1e-6)
    np.testing.assert_allclose(model.representations[4], before[2], atol=1e-6)


def test_a_model_without_images_takes_items_that_have_one(tmp_path):
    model = recommender(tmp_path, None)
    model.freeze_items()
    before = model.representations.numpy()
    put(model, ["b"], [[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(model.representations, before, atol=1e-6)


def test_images_are_read_only_where_they_are_wanted(tmp_path):
    files = write_items(tmp_path / "x.gz", ["a", "b"])
    assert "image" not in read_items(files)
    # Written as the numbers 0 and 1, a vector of one number each.
    assert read_items(files, images=True)["image"].tolist() == [[0], [1]]


def test_images_of_another_file_are_as_wide(tmp_path):
    """A file without any is read as zeros of the others' width."""
    made = []
    for name, ids, image in (("x", ["b"], []), ("y", ["a", "c"], [1.0, 2.0])):
        [path] = write_items(tmp_path / f"{name}.gz", ids)
        rows = [
            tf.train.Example.FromString(row)
            for row in tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator()
        ]
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for row in rows:
                row.features.feature["image"].float_list.value[:] = image
                writer.write(row.SerializeToString())
        made.append(path)
    columns = read_items(made, images=True)
    assert columns["image"].tolist() == [[1, 2], [0, 0], [1, 2]]
    assert read_items(made[:1], images=True)["image"].shape == (1, 0)


@slow
def test_through_transform_training_and_saving(tiny_shop, tmp_path):
    """The way of an image from the catalogue to a saved model's answers."""
    images = [[float(n % 3 == g) for g in range(3)] for n in range(NUM_ITEMS)]
    rows = [
        example(**_raw(row), image_embedding=image if n % 4 else [])
        for n, (row, image) in enumerate(zip(items(), images, strict=True))
    ]
    transform(
        {"all": rows},
        preprocessing.item_preprocessing_fn,
        loader.load("catalogue"),
        tmp_path / "items",
    )
    rng = np.random.default_rng(0)
    texts = {f"i{n:02d}": rng.normal(size=HIDDEN) for n in range(NUM_ITEMS)}
    write_text_vectors(tmp_path / "text", HIDDEN, items=texts)
    paths = write_tiny_bert(tmp_path / "bert")
    about = {
        "dimension": HIDDEN,
        "preprocess": str(paths.preprocess),
        "encoder": str(paths.encoder),
    }
    (tmp_path / "text" / "encoder.json").write_text(json.dumps(about))
    sources = dataclasses.replace(
        tiny_shop,
        text_vectors=str(tmp_path / "text"),
        items=str(tmp_path / "items"),
        item_transform_graph=str(tmp_path / "items" / "graph"),
    )
    trainer.train(
        sources,
        str(tmp_path / "model"),
        str(tmp_path / "run"),
        dataclasses.replace(MODEL, images=True),
        TrainingSettings(
            max_epochs=2,
            ranking_epochs=1,
            sequence_batch=20,
            ranking_batch=64,
        ),
    )
    trained = new_items.load(tmp_path / "model")
    before = trained.item_vectors().numpy()
    known = [f"i{n:02d}".encode() for n in range(NUM_ITEMS)]
    copy = tmp_path / "copy"
    new_items.copy_with_ids(
        tmp_path / "model", [*known, b"n1", b"n2", b"n3"], copy
    )
    model = new_items.load(copy)
    new = _raw(items()[1])
    put_in = [
        example(**new | {"item_id": "n1"}, image_embedding=images[1]),
        example(**new | {"item_id": "n2"}, image_embedding=images[2]),
        example(**new | {"item_id": "n3"}),
    ]
    model.put_items(tf.constant(put_in), tf.ones([3, HIDDEN]))
    after = model.item_vectors().numpy()
    np.testing.assert_array_equal(after[:NUM_ITEMS], before)
    one, two, three = after[NUM_ITEMS:]
    assert np.abs(one - two).max() > 1e-4
    assert np.abs(one - three).max() > 1e-4
    # None of the next has an image.
    again = [example(**new | {"item_id": "n1"})]
    model.put_items(tf.constant(again), tf.ones([1, HIDDEN]))
    np.testing.assert_allclose(
        model.item_vectors()[NUM_ITEMS], three, atol=1e-6
    )


def _raw(serialized):
    """Reads an example back as the arguments of `example`."""
    found = {}
    features = tf.train.Example.FromString(serialized).features.feature
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        values = [v.decode() if isinstance(v, bytes) else v for v in values]
        found[name] = values if name == "tags" else values[0]
    return found
