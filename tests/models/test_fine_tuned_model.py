"""A trainer that tunes the text encoder, and what runs the tuned one."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from components.item_index import building as index_building
from components.servable import building
from models import new_items
from models.index.settings import IndexSettings
from models.serving_graph.blending import standard_scores
from models.serving_graph.inputs import answer_specs, defaults
from models.serving_graph.settings import ServableSettings
from models.settings import TrainingSettings
from models.text.fine_tuning.settings import FineTuningSettings
from models.text.hub import TextEncoder
from models.training import trainer
from schema.errors import DataError
from schema.settings import SettingsError
from tests.components.servable.test_building import request
from tests.encoders import write_tiny_bert
from tests.models import conftest as shop
from tests.slow import slow

pytestmark = slow

TRAINING = TrainingSettings(
    max_epochs=1,
    ranking_epochs=1,
    sequence_batch=20,
    ranking_batch=64,
    validate_every=1,
    learning_rate=5e-3,
    warmup_steps=0,
)
TUNING = FineTuningSettings(
    mode="top",
    top_layers=1,
    texts_a_step=12,
    learning_rate=1e-2,
    warmup_steps=0,
    max_epochs=3,
)
TITLES = [f"商品{n}" for n in range(shop.NUM_ITEMS)]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def sources(tiny_shop, paths, tmp_path_factory):
    """The tiny shop with text vectors as the node TextEmbedding has them."""
    folder = tmp_path_factory.mktemp("text")
    vectors = TextEncoder(paths)(tf.constant(TITLES), role="item").numpy()
    floats = pa.list_(pa.float32())
    items = {
        "item_id": [f"i{n:02d}" for n in range(shop.NUM_ITEMS)],
        "text": pa.array([t.encode() for t in TITLES], pa.binary()),
        "vector": pa.array(list(vectors), floats),
    }
    pq.write_table(pa.table(items), folder / "items.parquet")
    queries = {
        "query": pa.array([], pa.string()),
        "vector": pa.array([], floats),
    }
    pq.write_table(pa.table(queries), folder / "queries.parquet")
    about = {
        "dimension": vectors.shape[1],
        "preprocess": str(paths.preprocess),
        "encoder": str(paths.encoder),
    }
    (folder / "encoder.json").write_text(json.dumps(about))
    return dataclasses.replace(tiny_shop, text_vectors=str(folder))


@pytest.fixture(scope="module")
def run(sources, tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    trainer.train(
        sources,
        str(root / "model"),
        str(root / "run"),
        shop.MODEL,
        TRAINING,
        fine_tuning=TUNING,
    )
    return root


@pytest.fixture(scope="module")
def tuned(run):
    """The encoder as the trainer left it, in TF-Hub's form."""
    folder = str(run / "run" / trainer.ENCODER_FOLDER)
    return TextEncoder.load(folder, folder)


def test_the_model_has_the_tuned_encoder_and_its_vectors(run, tuned, paths):
    model = new_items.load(run / "model")
    texts = tf.constant([*TITLES, "电饭煲 家用", ""])
    frozen = TextEncoder(paths)(texts, role="item").numpy()
    vectors = tuned(texts, role="item").numpy()
    assert np.abs(vectors - frozen)[: len(TITLES)].max() > 0.05
    for encode in (model.encode_items, model.encode_queries):
        np.testing.assert_allclose(encode(texts), vectors, atol=1e-5)
    np.testing.assert_allclose(
        model.text_vectors(), vectors[: len(TITLES)], atol=1e-5
    )


def cosines(encoder, query):
    vectors = encoder(tf.constant([query, *TITLES])).numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[1:] @ vectors[0]


def standing(encoder, query):
    """How the cosines of a query stand to each other, as search blends it."""
    found = tf.constant([cosines(encoder, query)])
    return standard_scores(found, tf.ones_like(found, tf.bool)).numpy()[0]


def test_the_servable_searches_with_the_tuned_encoder(
    run, tuned, paths, tmp_path
):
    for split, rows in (
        ("catalogue/Split-all", shop.items()),
        ("behaviour/Split-sequence_eval", shop.behaviour("sequence_train")),
    ):
        path = tmp_path / split / "data_tfrecord-00000-of-00001.gz"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for row in rows:
                writer.write(row)
    users = [tmp_path / "behaviour/Split-sequence_eval"]
    index_building.build(
        run / "model",
        users,
        tmp_path / "index",
        IndexSettings(kind="exact", max_history=10),
    )
    building.build(
        model_dir=run / "model",
        index_dir=tmp_path / "index",
        catalogue_split=tmp_path / "catalogue/Split-all",
        behaviour_splits=users,
        folder=tmp_path / "servable",
        settings=ServableSettings(
            max_history=10,
            retrieve_k=shop.NUM_ITEMS,
            search_text_weight=1.0,
            search_words_weight=0.0,
            similar_text_weight=1.0,
        ),
    )
    servable = tf.saved_model.load(str(tmp_path / "servable"))
    answer = servable.signatures["search"](
        **request([], query="新款 7", k=[shop.NUM_ITEMS])
    )
    rows = [int(i[1:]) for i in answer["item_ids"].numpy()[0]]
    # Standard scores of cosines; one that stands out far is cut at 3.
    found = np.corrcoef(
        answer["scores"].numpy()[0], standing(tuned, "新款 7")[rows]
    )
    assert found[0, 1] > 0.999
    frozen = TextEncoder(paths)
    other = np.corrcoef(
        answer["scores"].numpy()[0], standing(frozen, "新款 7")[rows]
    )
    assert other[0, 1] < 0.99
    similar = servable.signatures["similar"](
        **defaults(answer_specs(), 5), item_ids=tf.constant(["i05"])
    )
    rows = [int(i[1:]) for i in similar["item_ids"].numpy()[0]]
    np.testing.assert_allclose(
        similar["scores"][0], cosines(tuned, TITLES[5])[rows], atol=2e-3
    )


def train(sources, folder, tuning=TUNING, training=TRAINING):
    return trainer.train(
        sources,
        str(folder / "model"),
        str(folder / "run"),
        shop.MODEL,
        training,
        fine_tuning=tuning,
    )


def test_text_vectors_without_texts_say_what_to_do(sources, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    for path in tf.io.gfile.glob(f"{sources.text_vectors}/*"):
        tf.io.gfile.copy(path, f"{old}/{path.rpartition('/')[2]}")
    table = pq.read_table(old / "items.parquet").drop_columns("text")
    pq.write_table(table, old / "items.parquet")
    with pytest.raises(DataError, match=r"no column text.*run the pipeline"):
        train(
            dataclasses.replace(sources, text_vectors=str(old)),
            tmp_path,
        )


def test_a_shop_without_text_has_no_encoder_to_train(tiny_shop, tmp_path):
    with pytest.raises(DataError, match=r"no text vectors.*mode frozen"):
        train(tiny_shop, tmp_path)


def test_xla_and_the_encoder_do_not_go_together(sources, tmp_path):
    training = dataclasses.replace(TRAINING, jit_compile=True)
    with pytest.raises(SettingsError, match=r"mode is 'top' and.*jit_compile"):
        train(sources, tmp_path, training=training)
