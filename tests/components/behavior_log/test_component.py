"""The three nodes as TFX runs them, with and without a users table."""

import pathlib

import pytest

from components.behavior_log.settings import BehaviorLogSettings
from components.catalogue.settings import CatalogueSettings
from components.data_gate.settings import DataGateSettings
from tests.components.behavior_log.small_log import (
    FUNNEL,
    IN_MEMORY,
    event,
    read_split,
    write_table,
)
from tests.slow import slow


def _write_tables(folder):
    events = [
        event(f"u{user}", "click", f"i{n % 5}", 1000 + 100 * n + user)
        for user in range(6)
        for n in range(10)
    ]
    write_table(folder / "events", events)
    write_table(
        folder / "items",
        [{"item_id": f"i{n}", "title": f"商品 {n}"} for n in range(5)],
    )
    write_table(folder / "users", [{"user_id": "u1", "gender": "F"}])


def _pipeline(folder, with_users):
    from tfx import v1 as tfx

    from components.behavior_log.component import BehaviorLog
    from components.catalogue.component import Catalogue
    from components.data_gate.component import DataGate

    split = tfx.proto.Input(
        splits=[tfx.proto.Input.Split(name="all", pattern="Split-all/*")]
    )
    checks, ingested, anomalies = [], {}, {}
    for table in ("events", "items", *(["users"] if with_users else [])):
        ingest = tfx.components.ImportExampleGen(
            input_base=str(folder / table),
            input_config=split,
            output_config=tfx.proto.Output(),
        ).with_id(f"{table.capitalize()}Gen")
        statistics = tfx.components.StatisticsGen(
            examples=ingest.outputs["examples"]
        ).with_id(f"{table}_statistics")
        schema = tfx.components.SchemaGen(
            statistics=statistics.outputs["statistics"]
        ).with_id(f"{table}_schema")
        validator = tfx.components.ExampleValidator(
            statistics=statistics.outputs["statistics"],
            schema=schema.outputs["schema"],
        ).with_id(f"{table}_validator")
        checks += [ingest, statistics, schema, validator]
        ingested[table] = ingest.outputs["examples"]
        anomalies[table] = validator.outputs["anomalies"]
    gate = DataGate(
        **anomalies, settings=DataGateSettings().to_json(), code_digest="1"
    )
    catalogue = Catalogue(
        items=ingested["items"],
        settings=CatalogueSettings().to_json(),
        code_digest="1",
    )
    users = {"users": ingested["users"]} if with_users else {}
    behavior = BehaviorLog(
        events=ingested["events"],
        catalogue=catalogue.outputs["catalogue"],
        **users,
        settings=BehaviorLogSettings(heads=FUNNEL, num_shards=3).to_json(),
        code_digest="1",
    )
    return tfx.dsl.Pipeline(
        pipeline_name="small",
        pipeline_root=str(folder / "root"),
        components=[*checks, gate, catalogue, behavior],
        metadata_connection_config=(
            tfx.orchestration.metadata.sqlite_metadata_connection_config(
                str(folder / "metadata.db")
            )
        ),
        beam_pipeline_args=IN_MEMORY,
    )


def _artifact(folder, node, output):
    (found,) = pathlib.Path(folder / "root" / node / output).iterdir()
    return found


@pytest.mark.e2e
@pytest.mark.parametrize("with_users", [pytest.param(False, marks=slow), True])
def test_nodes_run_in_tfx(tmp_path, with_users):
    from ml_metadata.metadata_store import metadata_store
    from tfx import v1 as tfx

    _write_tables(tmp_path)
    tfx.orchestration.LocalDagRunner().run(_pipeline(tmp_path, with_users))
    examples = _artifact(tmp_path, "BehaviorLog", "examples")
    train = read_split(examples, "train")
    # 54 of the 60 clicks come before the split, each with 4 negatives.
    assert len(train) == 270
    known = {e["user_id"][0]: e["gender"][0] for e in train}
    assert known["u1"] == ("F" if with_users else "")
    assert known["u2"] == ""
    assert len(read_split(_artifact(tmp_path, "Catalogue", "catalogue"))) == 5
    for output, name in (
        ("histories", "histories.parquet"),
        ("queries", "queries.parquet"),
        ("report", "report.json"),
        ("report", "dead_letters.parquet"),
    ):
        assert (_artifact(tmp_path, "BehaviorLog", output) / name).exists()
    store = metadata_store.MetadataStore(
        tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(tmp_path / "metadata.db")
        )
    )
    (artifact,) = (
        found
        for found in store.get_artifacts_by_type("Examples")
        if found.uri == str(examples)
    )
    assert artifact.properties["split_names"].string_value == (
        '["train", "eval", "sequence_train", "sequence_eval"]'
    )
    assert artifact.custom_properties["payload_format"].string_value == (
        "FORMAT_TF_EXAMPLE"
    )
