"""The shells of index, servable, validator and pusher, run by TFX."""

import json

from tests import small_shop


def test_from_trained_model_to_a_pushed_version(tmp_path):
    from tfx import v1 as tfx
    from tfx.types import standard_artifacts

    from components.item_index import component as item_index
    from components.pusher.component import AtomicPusher
    from components.servable.component import Servable
    from components.serving_validator.component import ServingValidator
    from components.serving_validator.settings import (
        ServingValidatorSettings,
    )
    from models.index.settings import IndexSettings
    from models.serving_graph.settings import ServableSettings
    from serving.in_process import Recommender
    from serving.requests import Request

    shop = tmp_path / "shop"
    small_shop.save_model(shop / "model" / "Format-Serving")
    small_shop.write_catalogue(shop / "catalogue")
    small_shop.write_behaviour(shop / "behaviour", "sequence_eval")
    blessing = shop / "blessing"
    blessing.mkdir()
    (blessing / "BLESSED").touch()

    def importer(name, artifact_type, folder, **properties):
        return tfx.dsl.Importer(
            source_uri=str(folder),
            artifact_type=artifact_type,
            **properties,
        ).with_id(name)

    examples = standard_artifacts.Examples
    sources = {
        "model": importer("M", standard_artifacts.Model, shop / "model"),
        "catalogue": importer(
            "C",
            examples,
            shop / "catalogue",
            properties={"split_names": '["all"]'},
        ),
        "behaviour": importer(
            "B",
            examples,
            shop / "behaviour",
            properties={"split_names": '["sequence_eval"]'},
        ),
        "blessing": importer(
            "G",
            standard_artifacts.ModelBlessing,
            blessing,
            custom_properties={"blessed": 1},
        ),
    }
    given = {name: node.outputs["result"] for name, node in sources.items()}
    index = item_index.ItemIndex(
        model=given["model"],
        examples=given["behaviour"],
        settings=IndexSettings(max_history=5).to_json(),
        code_digest="1",
    )
    servable = Servable(
        model=given["model"],
        index=index.outputs["index"],
        catalogue=given["catalogue"],
        examples=given["behaviour"],
        settings=ServableSettings(max_history=5).to_json(),
        code_digest="1",
    )
    validator = ServingValidator(
        servable=servable.outputs["servable"],
        settings=ServingValidatorSettings(repetitions=1).to_json(),
        code_digest="1",
    )
    pusher = AtomicPusher(
        model=servable.outputs["servable"],
        model_blessing=given["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(tmp_path / "serving" / "daogou")
            )
        ),
    )
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="serving",
            pipeline_root=str(tmp_path / "pipeline"),
            components=[*sources.values(), index, servable, validator, pusher],
            metadata_connection_config=(
                tfx.orchestration.metadata.sqlite_metadata_connection_config(
                    str(tmp_path / "metadata.db")
                )
            ),
        )
    )
    (version,) = (tmp_path / "serving" / "daogou").iterdir()
    assert version.name.isdigit()
    answer = Recommender(version).search(Request(query="连衣裙"), 3)
    assert all("连衣裙" in t.decode() for t in answer["titles"][0])
    (report,) = (tmp_path / "pipeline" / "ServingValidator").rglob(
        "report.json"
    )
    assert len(json.loads(report.read_text("utf-8"))["signatures"]) == 9
    (facts,) = (tmp_path / "pipeline" / "ItemIndex").rglob("index.json")
    assert json.loads(facts.read_text("utf-8"))["items"] == 300
