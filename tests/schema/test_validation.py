"""What TFDV says of good and bad tables, read the way the pipeline does."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform as tft
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx_bsl.coders import example_coder

from components.parquet_ingest.encoding import examples_from_table
from datasets import amazon_cn, jdata, movielens, sequences, tables, taobao
from schema import contract, loader

DATA = pathlib.Path(__file__).parents[3] / "shared" / "data"
SOURCES = {
    "jdata": (jdata, "jdata"),
    "taobao": (taobao, "taobao"),
    "amazon_cn": (amazon_cn, "amazon_cn"),
    "movielens": (movielens, "ml_100k"),
    "beauty": (sequences, "beauty"),
}
# Enough for a verdict; statistics of whole tables would take minutes.
ROWS = 5_000


def anomalies(table, name):
    """Returns column → short description, for rows as tf.Examples."""
    examples = examples_from_table(table.slice(0, ROWS))
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(examples)
    statistics = stats_impl.generate_statistics_in_memory(batch)
    found = tfdv.validate_statistics(statistics, loader.load(name))
    for info in found.anomaly_info.values():
        # What DataGate fails on.
        assert info.severity == anomalies_pb2.AnomalyInfo.ERROR
    assert not found.data_missing
    return {
        column: info.short_description
        for column, info in found.anomaly_info.items()
    }


def events(rows=100, **columns):
    """Returns a good log of views, with some columns replaced."""
    good = {
        "user_id": [f"u{n % 7}" for n in range(rows)],
        "item_id": [f"i{n % 5}" for n in range(rows)],
        "event_type": ["view"] * rows,
        "timestamp": [1_700_000_000 + n for n in range(rows)],
    }
    good.update(columns)
    return pa.table({k: v for k, v in good.items() if v is not None})


@pytest.mark.parametrize("source", SOURCES)
def test_real_data_has_no_anomalies(source, tmp_path):
    module, folder = SOURCES[source]
    if not (DATA / folder).is_dir():
        pytest.skip(f"no {folder} in ../shared/data")
    counts = module.convert(DATA / folder, tmp_path)
    assert {"events", "items"} <= set(counts)
    for name in counts:
        table = pq.read_table(tmp_path / name)
        assert anomalies(table, name) == {}, name


def test_good_log_has_no_anomalies():
    assert anomalies(tables.conform(events(), "events"), "events") == {}


def test_few_bad_rows_are_left_to_the_pipeline():
    types = ["view"] * 80 + ["teleport"] * 20
    users = [None] * 30 + ["u1"] * 70
    times = [None] * 40 + [1_700_000_000] * 60
    log = events(event_type=types, user_id=users, timestamp=times)
    assert anomalies(tables.conform(log, "events"), "events") == {}


def test_mostly_unknown_event_types_are_refused():
    types = ["view"] * 40 + ["teleport"] * 60
    assert list(anomalies(events(event_type=types), "events")) == ["event_type"]


@pytest.mark.parametrize("column", ["user_id", "event_type", "timestamp"])
def test_missing_required_column_is_refused(column):
    assert list(anomalies(events(**{column: None}), "events")) == [column]


@pytest.mark.parametrize("column", ["user_id", "event_type", "timestamp"])
def test_mostly_empty_required_column_is_refused(column):
    half = events()[column].to_pylist()[:49] + [None] * 51
    table = tables.conform(
        events().set_column(
            events().column_names.index(column), column, pa.array(half)
        ),
        "events",
    )
    assert list(anomalies(table, "events")) == [column]


def test_log_without_any_item_is_refused():
    assert list(anomalies(events(item_id=None), "events")) == ["item_id"]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("user_id", list(range(100))),
        ("timestamp", ["2016-01-31 23:59:02"] * 100),
        ("timestamp", [1.7e9] * 100),
        ("price", ["199"] * 100),
    ],
)
def test_wrong_type_is_refused(column, values):
    assert list(anomalies(events(**{column: values}), "events")) == [column]


def test_two_values_in_a_scalar_are_refused():
    log = events(query=[["无线", "鼠标"]] * 100)
    assert list(anomalies(log, "events")) == ["query"]


def test_items_with_lists_and_without_titles_are_accepted():
    items = pa.table(
        {
            "item_id": ["i1", "i2"],
            "title": ["", ""],
            "tags": [["静音", "便携"], None],
            "image_embedding": pa.array(
                [[0.5, 1.0], [2.0, 3.0]], pa.list_(pa.float32())
            ),
            "in_stock": [True, False],
        }
    )
    assert anomalies(tables.conform(items, "items"), "items") == {}


def test_transform_reads_scalars_dense_and_lists_sparse():
    spec = schema_utils.schema_as_feature_spec(
        loader.behavior_schema(("click=click,buy", "buy=buy"))
    ).feature_spec
    for name, feature in spec.items():
        if name.startswith(("history_", "target_")):
            assert isinstance(feature, tf.io.VarLenFeature), name
        else:
            assert isinstance(feature, tf.io.FixedLenFeature), name
            assert feature.shape == [1], name
            assert feature.default_value is None, name
    assert spec["label_buy"].dtype == tf.float32
    assert spec["history_timestamps"].dtype == tf.int64


def test_transform_reads_the_catalogue_dense_but_for_lists():
    schema = loader.load("catalogue")
    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    assert tft.DatasetMetadata(schema).schema == schema
    assert {feature.dtype for feature in spec.values()} == {
        *(tf.string, tf.float32, tf.int64),
    }
    assert isinstance(spec.pop("tags"), tf.io.VarLenFeature)
    image = spec.pop("image_embedding")
    assert isinstance(image, tf.io.VarLenFeature)
    assert image.dtype == tf.float32
    assert all(feature.shape == [1] for feature in spec.values())
    assert set(spec) > {"item_id", "text", "price", "listed_at", "in_stock"}


@pytest.mark.parametrize("name", contract.TABLES)
def test_empty_table_is_told_apart(name):
    """TFDV lists no anomaly for it, only this flag: DataGate reads it."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    statistics.datasets.add(num_examples=0)
    found = tfdv.validate_statistics(statistics, loader.load(name))
    assert found.data_missing
    assert not found.anomaly_info
