"""The TFX shell, run by TFX with artifacts that other nodes would write."""

import json

import pyarrow.parquet as pq
from tfx import v1 as tfx
from tfx.orchestration import metadata
from tfx.types.standard_artifacts import Examples

from components.artifacts import Queries, TextVectors
from components.text_embedding.component import TextEmbedding
from models.text.settings import TextSettings
from tests.components.text_embedding.inputs import write_inputs
from tests.encoders import HIDDEN, write_tiny_bert


def test_runs_in_a_pipeline(tmp_path):
    bert = write_tiny_bert(tmp_path / "bert")
    paths = write_inputs(
        tmp_path, {"i1": "无线鼠标".encode(), "i2": b""}, ["键盘"]
    )
    catalogue = tfx.dsl.Importer(
        source_uri=paths.catalogue,
        artifact_type=Examples,
        properties={"split_names": '["all"]'},
    ).with_id("catalogue")
    queries = tfx.dsl.Importer(
        source_uri=paths.queries, artifact_type=Queries
    ).with_id("queries")
    node = TextEmbedding(
        catalogue=catalogue.outputs["result"],
        queries=queries.outputs["result"],
        settings=TextSettings(
            preprocess=str(bert.preprocess), encoder=str(bert.encoder)
        ).to_json(),
        code_digest="1",
    )
    connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(
        str(tmp_path / "metadata.db")
    )
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="text",
            pipeline_root=str(tmp_path / "root"),
            metadata_connection_config=connection,
            components=[catalogue, queries, node],
        )
    )
    with metadata.Metadata(connection) as store:
        (artifact,) = store.store.get_artifacts_by_type(TextVectors.TYPE_NAME)
    table = pq.read_table(f"{artifact.uri}/items.parquet")
    assert table["item_id"].to_pylist() == ["i1"]
    assert len(table["vector"][0]) == HIDDEN
    assert pq.read_table(f"{artifact.uri}/queries.parquet").num_rows == 1
    with open(f"{artifact.uri}/encoder.json", encoding="utf-8") as file:
        assert json.load(file)["encoded"] == 2
