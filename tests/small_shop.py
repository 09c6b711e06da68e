"""A shop of a few hundred items with a model that does real, simple maths.

It has exactly the functions that docs/architecture.md lists for the trained
model, so that index, servable and serving are tested without training: items
are random vectors around their category's, a query is the mean of its
history and of its text, texts are hashed characters.
"""

import pathlib

import numpy as np
import tensorflow as tf

from models.cooccurrence.neighbours import distinct
from models.requests import REQUEST, request_spec, retrieved_spec
from serving.requests import Request

NUM_ITEMS = 300
DIMENSION = 8
TEXT_DIMENSION = 128
# Any width: tests put other encoders in.
ENCODED = tf.TensorSpec([None, None], tf.float32)
CATEGORIES = ("电脑/外设/鼠标", "家电/厨房/电饭煲", "服饰/女装/连衣裙")
BRANDS = ("罗技", "美的", "无印", "")
WORDS = ("无线鼠标 静音", "智能电饭煲", "碎花连衣裙")
ITEM_IDS = [f"i{n}" for n in range(NUM_ITEMS)]
TITLES = [f"{WORDS[n % 3]} {n}号" for n in range(NUM_ITEMS)]
# Every tenth item is sold out.
SOLD_OUT = [f"i{n}" for n in range(0, NUM_ITEMS, 10)]
# Whose category was told from their words.
INFERRED = ["i7", "i13", "i19"]
# Who likes the first category.
MICE = Request(
    history_item_ids=["i3", "i6", "i9"],
    history_event_types=["click", "click", "buy"],
    history_queries=["", "鼠标", ""],
    history_timestamps=[1, 2, 3],
    timestamp=4,
    city="杭州",
)


class SmallModel(tf.Module):
    """Embeddings by id, mean of the history, hashed characters."""

    def __init__(self, seed: int = 0):
        super().__init__(name="small_model")
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(3, DIMENSION)) * 2
        vectors = centres[np.arange(NUM_ITEMS) % 3]
        vectors += rng.normal(size=(NUM_ITEMS, DIMENSION)) * 0.5
        self.vectors = tf.Variable(vectors.astype(np.float32))
        self.ids = tf.Variable(ITEM_IDS)
        # The last item has no text.
        self.has_text = tf.constant(
            np.arange(NUM_ITEMS)[:, None] < NUM_ITEMS - 1, tf.float32
        )
        self.characters = tf.Variable(
            rng.normal(size=(4096, TEXT_DIMENSION)).astype(np.float32)
        )
        self.projection = tf.Variable(
            rng.normal(size=(TEXT_DIMENSION, DIMENSION)).astype(np.float32)
        )
        self.rows = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(ITEM_IDS), tf.range(NUM_ITEMS)
            ),
            default_value=-1,
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def encode_queries(self, query):
        characters = tf.strings.unicode_split(query, "UTF-8")
        buckets = tf.strings.to_hash_bucket_fast(characters, 4096)
        found = tf.gather(self.characters, buckets)
        return tf.math.divide_no_nan(
            tf.reduce_sum(found, axis=1),
            tf.cast(buckets.row_lengths(), tf.float32)[:, tf.newaxis],
        )

    @tf.function(input_signature=[request_spec()])
    def query_vectors(self, request):
        return self.query(request, self.encode_queries(request["query"]))

    def query(self, request, text):
        rows = self.lookup(request["history_item_ids"])
        known = tf.cast(rows >= 0, tf.float32)[..., tf.newaxis]
        steps = tf.gather(self.vectors, tf.maximum(rows, 0)) * known
        mean = tf.math.divide_no_nan(
            tf.reduce_sum(steps, axis=1), tf.reduce_sum(known, axis=1)
        )
        return mean + 0.1 * tf.matmul(text, self.projection)

    @tf.function(input_signature=[request_spec(), ENCODED])
    def retrieve(self, request, text):
        """The next two of the same category go with each item."""
        rows = self.lookup(request["history_item_ids"])
        near = rows[..., tf.newaxis] + tf.constant([3, 6])
        known = (rows[..., tf.newaxis] >= 0) & (near < NUM_ITEMS)
        shape = [tf.shape(rows)[0], 2 * tf.shape(rows)[1]]
        near = tf.reshape(tf.where(known, near, -1), shape)
        near, added = distinct(near, tf.where(near >= 0, 2.0, 0.0))
        return {
            "query": self.query(request, text),
            "neighbours": near,
            "added": added,
            "unseen_offset": tf.reduce_sum(added, 1) / 10,
        }

    @tf.function(input_signature=[])
    def choices(self):
        """Fewer the further behind, of the last item none."""
        return tf.range(NUM_ITEMS - 1.0, -1.0, -1.0)

    @tf.function(input_signature=[])
    def item_vectors(self):
        return self.vectors.read_value()

    @tf.function(input_signature=[])
    def item_ids(self):
        return self.ids.read_value()

    @tf.function(input_signature=[])
    def text_vectors(self):
        return self.encode_queries(tf.constant(TITLES)) * self.has_text

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string)])
    def lookup(self, item_ids):
        return self.rows.lookup(item_ids)

    @tf.function(
        input_signature=[
            request_spec(),
            ENCODED,
            retrieved_spec(),
            tf.TensorSpec([None, None], tf.int32),
        ]
    )
    def rank_scores(self, request, text, retrieved, item_rows):
        vectors = tf.gather(self.vectors, item_rows)
        fit = tf.linalg.matvec(vectors, retrieved["query"])
        click = tf.sigmoid(fit)
        buy = click * tf.sigmoid(vectors[..., 0])
        return {"score": click + buy, "p_click": click, "p_buy": buy}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def for_evaluation(self, examples):
        return {"click": tf.zeros(tf.shape(examples), tf.float32)}


def save_model(folder: pathlib.Path) -> SmallModel:
    """Writes the model as Trainer does and returns it."""
    model = SmallModel()
    tf.saved_model.save(
        model,
        str(folder),
        signatures={"serving_default": model.for_evaluation},
    )
    return model


def _feature(values):
    if not values:
        return tf.train.Feature()
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    if isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    encoded = [value.encode() for value in values]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))


def serialize(features: dict[str, list]) -> bytes:
    """Returns a serialised `tf.Example`."""
    return tf.train.Example(
        features=tf.train.Features(
            feature={name: _feature(v) for name, v in features.items()}
        )
    ).SerializeToString()


def write_examples(folder: pathlib.Path, split: str, rows: list[dict]) -> None:
    """Writes a split as TFX does: one gzipped file a split."""
    path = folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row in rows:
            writer.write(serialize(row))


def write_catalogue(folder: pathlib.Path) -> None:
    """Writes the catalogue's examples."""
    rows = [
        {
            "item_id": [item_id],
            "title": [TITLES[n]],
            "text": [TITLES[n]],
            "category": [CATEGORIES[n % 3]],
            "brand": [BRANDS[n % 4]],
            "shop_id": [f"shop{n % 7}"],
            "price": [float(n)],
            "in_stock": [0 if item_id in SOLD_OUT else 1],
            "category_inferred": [int(item_id in INFERRED)],
        }
        for n, item_id in enumerate(ITEM_IDS)
    ]
    # Another order than the model's rows.
    write_examples(folder, "all", rows[::-1])


def write_campaigns(folder: pathlib.Path) -> None:
    """Writes campaigns: of a category, of three items, of nothing."""
    scopes = {"c1": ["电脑"], "c2": ["i1", "i2", "i5", "gone"], "c3": []}
    rows = [
        {"campaign_id": [name], "title": [name], "scope": scope}
        for name, scope in scopes.items()
    ]
    write_examples(folder, "all", rows)


def behaviour(history: list[str], query: str = "") -> dict[str, list]:
    """Returns the features of one behaviour example."""
    row: dict[str, list] = {f.name: [""] for f in REQUEST}
    row |= {
        "history_item_ids": history,
        "history_event_types": ["click"] * len(history),
        "history_queries": [""] * len(history),
        "history_timestamps": list(range(1, len(history) + 1)),
        "timestamp": [1_700_000_000],
        "query": [query],
        "city": ["杭州"],
    }
    return row


def write_behaviour(folder: pathlib.Path, split: str, num: int = 60) -> None:
    """Writes sequences of users who each like one category."""
    rng = np.random.default_rng(3)
    rows = []
    for user in range(num):
        liked = rng.integers(0, NUM_ITEMS // 3, size=1 + user % 7) * 3
        history = [ITEM_IDS[n + user % 3] for n in liked]
        rows.append(behaviour(history, WORDS[user % 3] if user % 2 else ""))
    write_examples(folder, split, rows)


def build_servable(folder: pathlib.Path, **settings) -> pathlib.Path:
    """Makes model, index and servable in a folder; returns the SavedModel."""
    from components.item_index import building as index_building
    from components.servable import building
    from models.index.settings import IndexSettings
    from models.serving_graph.settings import ServableSettings

    kind = settings.pop("kind", "exact")
    save_model(folder / "model")
    write_catalogue(folder / "catalogue")
    write_campaigns(folder / "campaigns")
    write_behaviour(folder / "behaviour", "sequence_eval")
    behaviour_splits = [folder / "behaviour" / "Split-sequence_eval"]
    index_building.build(
        folder / "model",
        behaviour_splits,
        folder / "index",
        IndexSettings(kind=kind, brute_force_limit=0, max_history=5),
    )
    building.build(
        model_dir=folder / "model",
        index_dir=folder / "index",
        catalogue_split=folder / "catalogue" / "Split-all",
        behaviour_splits=behaviour_splits,
        folder=folder / "servable",
        settings=ServableSettings(max_history=5, **settings),
        campaigns_split=folder / "campaigns" / "Split-all",
    )
    return folder / "servable"
