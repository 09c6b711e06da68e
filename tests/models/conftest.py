"""A tiny shop in the contract's form, through the real TF Transform."""

import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import models  # noqa: F401  before TensorFlow: chooses Keras 2
from models.settings import ModelSettings

HEADS = ("click=click,cart,buy", "buy=buy")
START = 1_700_000_000
NUM_ITEMS, NUM_USERS, STEPS = 24, 40, 12
# As small as a model can be that still learns the shop.
MODEL = ModelSettings(
    heads=HEADS,
    positive_event_types=("click",),
    max_history=10,
    dimension=16,
    num_blocks=1,
)


def example(**values):
    """Serialises an example; the value's type says the feature's."""
    import tensorflow as tf

    features = {}
    for name, value in values.items():
        many = value if isinstance(value, (list, tuple)) else [value]
        if not many:
            kind = {}
        elif any(isinstance(v, float) for v in many):
            kind = {"float_list": tf.train.FloatList(value=many)}
        elif any(isinstance(v, int) for v in many):
            kind = {"int64_list": tf.train.Int64List(value=many)}
        else:
            kind = {
                "bytes_list": tf.train.BytesList(
                    value=[v.encode() for v in many]
                )
            }
        features[name] = tf.train.Feature(**kind)
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


def items(tagged=True):
    """Three groups of items; one price and one category are unknown."""
    paths = ["家电/厨房/电饭煲", "电脑/外设", "服饰"]
    return [
        example(
            item_id=f"i{n:02d}",
            title=f"商品{n}",
            description="",
            category=paths[n % 3] if n != 4 else "",
            brand=["美的", "罗技", ""][n % 3],
            shop_id=f"s{n % 5}",
            tags=[f"只有{n}", *[["静音", "电器"], ["电器"], []][n % 3]]
            if tagged
            else [],
            text=f"商品{n}",
            price=-1.0 if n == 7 else 10.0 * (n + 1),
            listed_at=START - 86_400 * n if n % 6 else 0,
            in_stock=1,
            category_inferred=0,
        )
        for n in range(NUM_ITEMS)
    ]


def walk(user):
    """A user stays in a group and goes from an item to the next of it."""
    group, place = user % 3, user % 8
    return [(place + step) % 8 * 3 + group for step in range(STEPS)]


def behaviour(kind):
    """Sequences or ranking examples of all users."""
    rng = np.random.default_rng(5)
    rows = []
    for user in range(NUM_USERS):
        steps = walk(user)
        times = [START + 600 * user + 60 * s for s in range(STEPS)]
        context = {
            "user_id": f"u{user}",
            "session_id": f"s{user}",
            "query": "",
            "scene": "home",
            "city": ["杭州", "", "北京"][user % 3],
            "device": "ios",
            "gender": ["F", "M", ""][user % 3],
            "age_band": "",
            "level": str(user % 2),
        }

        def history(stop, steps=steps, times=times):
            return {
                "history_item_ids": [f"i{n:02d}" for n in steps[:stop]],
                "history_event_types": ["click"] * stop,
                "history_queries": [""] * stop,
                "history_timestamps": times[:stop],
            }

        nothing = {"label_click": 0.0, "label_buy": 0.0, "weight": 1.0}
        if kind == "sequence_train":
            rows.append(
                example(
                    **context,
                    **history(STEPS),
                    **nothing,
                    timestamp=times[-1],
                    position=-1,
                    item_id="",
                )
            )
            continue
        for stop in range(0, STEPS, 2):
            for candidate in (steps[stop], int(rng.integers(NUM_ITEMS))):
                hit = float(candidate == steps[stop])
                empty = {} if stop else {n: [] for n in history(1)}
                labels = {
                    "label_click": hit,
                    "label_buy": hit * (candidate % 2),
                    "weight": 1.0,
                }
                rows.append(
                    example(
                        **context,
                        **(history(stop) if stop else empty),
                        **labels,
                        timestamp=times[stop],
                        position=stop % 4,
                        item_id=f"i{candidate:02d}",
                    )
                )
    return rows


def transform(raw, preprocessing_fn, schema, folder):
    """Runs TF Transform in process and writes what its TFX node writes.

    Args:
      raw: Serialised examples of each split; the first is analysed.
      preprocessing_fn: Of `models.preprocessing`.
      schema: Schema of the raw examples.
      folder: Gets `graph/` and `Split-<name>/`.
    """
    import apache_beam as beam
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import (
        dataset_metadata,
        metadata_io,
    )
    from tfx_bsl.coders import example_coder
    from tfx_bsl.tfxio import tf_example_record

    # The TFX node writes the raw schema beside the graph.
    metadata_io.write_metadata(
        dataset_metadata.DatasetMetadata(schema),
        str(folder / "graph" / "metadata"),
    )
    first = next(iter(raw))
    with (
        beam.Pipeline("DirectRunner") as pipeline,
        tft_beam.Context(temp_dir=str(folder / "tmp")),
    ):
        data = {}
        for split, rows in raw.items():
            tfxio = tf_example_record.TFExampleBeamRecord(
                physical_format="inmem", schema=schema
            )
            data[split] = (
                pipeline
                | f"Create {split}" >> beam.Create(rows)
                | f"Read {split}" >> tfxio.BeamSource(batch_size=64),
                tfxio.TensorAdapterConfig(),
            )
        graph = data[first] | tft_beam.AnalyzeDataset(preprocessing_fn)
        graph | tft_beam.WriteTransformFn(str(folder / "graph"))
        for split, dataset in data.items():
            batches, out_metadata = (dataset, graph) | (
                f"Transform {split}"
                >> tft_beam.TransformDataset(output_record_batches=True)
            )
            coder = example_coder.RecordBatchToExamplesEncoder(
                out_metadata.schema
            )
            (
                batches
                | f"Encode {split}"
                >> beam.FlatMap(lambda pair, c=coder: c.encode(pair[0]))
                | f"Write {split}"
                >> beam.io.WriteToTFRecord(
                    str(folder / f"Split-{split}" / "transformed_examples"),
                    file_name_suffix=".gz",
                )
            )


def write_text_vectors(folder, dimension=0, items=(), queries=()):
    """Writes a `TextVectors` folder with vectors given by key."""
    folder.mkdir(parents=True)
    for name, key, vectors in (
        ("items", "item_id", dict(items)),
        ("queries", "query", dict(queries)),
    ):
        pq.write_table(
            pa.table(
                {
                    key: pa.array(list(vectors), pa.string()),
                    "vector": pa.array(
                        [list(map(float, v)) for v in vectors.values()],
                        pa.list_(pa.float32()),
                    ),
                }
            ),
            folder / f"{name}.parquet",
        )
    (folder / "encoder.json").write_text(
        json.dumps({"dimension": dimension, "preprocess": "", "encoder": ""})
    )


@pytest.fixture(scope="session")
def tiny_shop(tmp_path_factory):
    """Transformed items and behaviour: `models.training.trainer.Sources`."""
    from models import preprocessing
    from models.training.trainer import Sources
    from schema import loader

    root = pathlib.Path(tmp_path_factory.mktemp("tiny_shop"))
    transform(
        {"all": items()},
        preprocessing.item_preprocessing_fn,
        loader.load("catalogue"),
        root / "items",
    )
    transform(
        {kind: behaviour(kind) for kind in ("train", "sequence_train")},
        preprocessing.behavior_preprocessing_fn,
        loader.behavior_schema(HEADS),
        root / "behaviour",
    )
    write_text_vectors(root / "text")
    return Sources(
        examples=str(root / "behaviour"),
        transform_graph=str(root / "behaviour" / "graph"),
        items=str(root / "items"),
        item_transform_graph=str(root / "items" / "graph"),
        text_vectors=str(root / "text"),
    )


@pytest.fixture(scope="session", name="write_text_vectors")
def _write_text_vectors():
    return write_text_vectors


@pytest.fixture(scope="session")
def raw_ranking_examples():
    """Serialised raw examples as the split `train` of the tiny shop."""
    return behaviour("train")
