"""Servables to load a server with: a shop of any size, a ranker, a line.

The shop answers through the same graph as one that was trained; only the
model in it is made up: a query is the mean of its history, a click what a
small network says of query and item.
"""

import pathlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from models.cooccurrence.neighbours import History, Neighbours, distinct
from models.index.exact import ExactIndex
from models.requests import REQUEST, request_spec, retrieved_spec
from models.serving_graph import signatures
from models.serving_graph.campaigns import Campaigns
from models.serving_graph.explanations import EXPLAIN, Explanations
from models.serving_graph.filters import Filters
from models.serving_graph.intent import LikelyCategories
from models.serving_graph.item_table import CatalogueColumns, ItemTable
from models.serving_graph.known_queries import KnownQueries
from models.serving_graph.serving_recommender import ServingRecommender
from models.serving_graph.settings import ServableSettings
from models.serving_graph.similar import SimilarItems
from models.serving_graph.warmup import (
    WARMUP_FILE,
    warmup_requests,
    write_warmup,
)
from schema.contract import EVENT_TYPES

DIMENSION = 64
HISTORY = 20
NEIGHBOURS = 50
USERS = 16
# Of the ranker.
CANDIDATES, FEATURES = 100, 32
_SEED = 11
_SETTINGS = ServableSettings()


NO_TEXT = tf.TensorSpec([None, 0], tf.float32)


class MadeUpModel(tf.Module):
    """What the graph asks of a trained model, without training."""

    def __init__(self, item_ids: list[bytes]):
        """Draws the vectors.

        Args:
          item_ids: N ids.
        """
        super().__init__(name="made_up")
        rng = np.random.default_rng(_SEED)
        self.vectors = tf.Variable(
            rng.normal(size=(len(item_ids), DIMENSION)).astype(np.float32)
        )
        self.layers = [
            tf.Variable(rng.normal(size=shape, scale=0.1).astype(np.float32))
            for shape in ((2 * DIMENSION, DIMENSION), (DIMENSION, 2))
        ]
        self.table = Neighbours(
            len(item_ids),
            NEIGHBOURS,
            repeats=True,
            num_event_types=len(EVENT_TYPES) + 1,
        )
        self.table.rows.assign(
            rng.integers(len(item_ids), size=self.table.rows.shape)
        )
        self.table.similarity.assign(rng.random(self.table.rows.shape))
        self.table.enabled.assign(1.0)
        self.rows = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(item_ids), tf.range(len(item_ids))
            ),
            default_value=-1,
        )

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string)])
    def lookup(self, item_ids):
        """Returns rows of items, -1 where unknown."""
        return self.rows.lookup(item_ids)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def encode_queries(self, texts):
        """Returns float32 [M, 0]: there are no texts."""
        return tf.zeros([tf.shape(texts)[0], 0])

    def query_vectors(self, request):
        """Returns float32 [B, d]."""
        rows = self.lookup(request["history_item_ids"])
        known = tf.cast(rows >= 0, tf.float32)[..., tf.newaxis]
        steps = tf.gather(self.vectors, tf.maximum(rows, 0)) * known
        return tf.math.divide_no_nan(
            tf.reduce_sum(steps, axis=1), tf.reduce_sum(known, axis=1)
        )

    @tf.function(input_signature=[request_spec(), NO_TEXT])
    def retrieve(self, request, text):
        """Returns what decides which items are retrieved."""
        query = self.query_vectors(request)
        rows = self.rows.lookup(request["history_item_ids"])
        history = History(
            rows=rows,
            types=tf.ones_like(rows),
            ages=request["timestamp"][:, None] - request["history_timestamps"],
            length=tf.reduce_sum(tf.cast(rows >= 0, tf.int32), axis=1),
            searching=request["query"] != "",
        )
        near, added = distinct(*self.table(history))
        items = tf.gather(self.vectors, tf.maximum(near, 0))
        fit = tf.linalg.matvec(items, query)
        return {
            "query": query,
            "neighbours": near,
            "added": added,
            "unseen_offset": self.table.unseen_offset(fit, added),
        }

    @tf.function(input_signature=[])
    def choices(self):
        """Returns float32 [N]."""
        return tf.ones_like(self.vectors[:, 0])

    @tf.function(
        input_signature=[
            request_spec(),
            NO_TEXT,
            retrieved_spec(),
            tf.TensorSpec([None, None], tf.int32),
        ]
    )
    def rank_scores(self, request, text, retrieved, item_rows):
        """Returns `score`, `p_click` and `p_buy`, float32 [B, C]."""
        items = tf.gather(self.vectors, item_rows)
        query = retrieved["query"][:, tf.newaxis]
        both = tf.concat([items, items * query], axis=2)
        hidden = tf.nn.relu(both @ self.layers[0])
        click, bought = tf.unstack(tf.sigmoid(hidden @ self.layers[1]), axis=2)
        return {
            "score": click + click * bought,
            "p_click": click,
            "p_buy": click * bought,
        }


class Ranker(tf.Module):
    """Two probabilities of each of 100 candidates with 32 numbers."""

    def __init__(self):
        """Draws the weights."""
        super().__init__(name="ranker")
        rng = np.random.default_rng(_SEED)
        self.layers = [
            tf.Variable(rng.normal(size=shape, scale=0.1).astype(np.float32))
            for shape in ((FEATURES, 128), (128, 64), (64, 2))
        ]

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, FEATURES], tf.float32, "features"),
            tf.TensorSpec([None, None], tf.string, "item_ids"),
        ]
    )
    def rank(self, features, item_ids):
        """Returns `click` and `buy`, float32 [B, C], beside the ids."""
        hidden = features
        for layer in self.layers[:-1]:
            hidden = tf.nn.relu(hidden @ layer)
        click, buy = tf.unstack(tf.sigmoid(hidden @ self.layers[-1]), axis=2)
        return {"click": click, "buy": buy, "item_ids": item_ids}


class Line(tf.Module):
    """y = x / 2 + 2: all that is measured is the way there and back."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def answer(self, x):
        """Returns `y`, float32 [B]."""
        return {"y": 0.5 * x + 2.0}


def write_shop(folder: pathlib.Path, num_items: int) -> None:
    """Writes the servable of a made-up shop, with its warm-up requests.

    Args:
      folder: Of the version.
      num_items: At least 1,000.
    """
    ids = [b"item-%d" % row for row in range(num_items)]
    model = MadeUpModel(ids)
    index = ExactIndex(model.vectors.numpy())
    rng = np.random.default_rng(_SEED)
    columns = CatalogueColumns(
        item_ids=ids,
        titles=[f"无线鼠标 静音 {n}号".encode() for n in range(num_items)],
        texts=[],
        categories=["电脑/外设/鼠标".encode()] * num_items,
        brands=[b"brand-%d" % (row % 500) for row in range(num_items)],
        shops=[b"shop-%d" % (row % 2000) for row in range(num_items)],
        prices=rng.uniform(1, 1000, num_items).astype(np.float32),
        in_stock=np.ones(num_items, bool),
    )
    table = ItemTable(columns)
    recommender = ServingRecommender(
        model=model,
        index=index,
        queries=KnownQueries([], model.encode_queries),
        texts=None,
        similar=SimilarItems(index, None, 0.0),
        table=table,
        filters=Filters(columns, Campaigns(columns, {})),
        categories=LikelyCategories(columns),
        explanations=Explanations(
            table,
            model.choices().numpy(),
            model.lookup,
            _SETTINGS.max_history,
        ),
        settings=_SETTINGS,
    )
    signatures.save(recommender, _SETTINGS, str(folder))
    write_warmup(
        folder,
        warmup_requests(
            _users(ids, rng), np.array(ids, object), "鼠标".encode(), 20
        ),
    )


def write_ranker(folder: pathlib.Path) -> None:
    """Writes the ranker."""
    ranker = Ranker()
    tf.saved_model.save(ranker, str(folder), ranker.rank)


def write_line(folder: pathlib.Path) -> None:
    """Writes the trivial model."""
    line = Line()
    tf.saved_model.save(line, str(folder), line.answer)


def write_config(folder: pathlib.Path, names: Iterable[str]) -> pathlib.Path:
    """Writes `models.config` for models in a folder; returns its path."""
    models = "".join(
        f'config {{ name: "{name}" base_path: "{folder / name}" '
        'model_platform: "tensorflow" }\n'
        for name in names
    )
    path = folder / "models.config"
    path.write_text(f"model_config_list {{\n{models}}}\n", encoding="utf-8")
    return path


def ranker_inputs() -> list[dict[str, np.ndarray]]:
    """Returns inputs of the ranker, a request each."""
    rng = np.random.default_rng(_SEED)
    ids = [b"item-%d" % n for n in range(CANDIDATES)]
    return [
        {
            "features": rng.normal(size=(1, CANDIDATES, FEATURES)).astype(
                np.float32
            ),
            "item_ids": np.array([ids], object),
        }
        for _ in range(USERS)
    ]


def line_inputs() -> list[dict[str, np.ndarray]]:
    """Returns inputs of the trivial model, a request each."""
    return [{"x": np.array([n], np.float32)} for n in range(USERS)]


def shop_inputs(folder: pathlib.Path) -> list[dict[str, np.ndarray]]:
    """Returns the plain requests to recommend of a servable's warm-up.

    Args:
      folder: Of the version.

    Returns:
      Inputs, a request each; none where there is no such file.
    """
    found = []
    path = folder / WARMUP_FILE
    if not path.is_file():
        return []
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        if request.model_spec.signature_name != "recommend":
            continue
        inputs = {
            name: tf.make_ndarray(proto)
            for name, proto in request.inputs.items()
        }
        # Some warm up what is only done where it is asked for.
        if not np.any(inputs.get(EXPLAIN, False)):
            found.append(inputs)
    return found


def _users(ids: list[bytes], rng: np.random.Generator) -> dict:
    steps = rng.integers(0, len(ids), (USERS, HISTORY))
    made = {
        feature.name: np.full(USERS, b"", object)
        for feature in REQUEST
        if not feature.is_list
    }
    shape = (USERS, HISTORY)
    return made | {
        "history_item_ids": np.array(ids, object)[steps],
        "history_event_types": np.full(shape, b"click", object),
        "history_queries": np.full(shape, b"", object),
        "history_timestamps": np.tile(np.arange(1, HISTORY + 1), (USERS, 1)),
        "timestamp": np.full(USERS, HISTORY + 1, np.int64),
    }
