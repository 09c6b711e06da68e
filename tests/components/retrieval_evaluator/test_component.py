"""The shell of RetrievalEvaluator in a real TFX run."""

import json
import shutil

from components.retrieval_evaluator.settings import RetrievalEvaluationSettings


def test_the_node_writes_what_the_contract_names(
    tmp_path, tiny_model, write_examples, make_example
):
    from tfx import v1 as tfx
    from tfx.types import standard_artifacts

    from components.retrieval_evaluator.component import RetrievalEvaluator

    steps = [("i0", "click", "", 1), ("i1", "click", "", 2)]
    examples = tmp_path / "examples"
    write_examples(examples, "sequence_train", [make_example("甲", steps)])
    write_examples(
        examples, "sequence_eval", [make_example("甲", steps, ["i2"], 3)]
    )
    shutil.copytree(tiny_model, tmp_path / "model" / "Format-Serving")
    imported = [
        tfx.dsl.Importer(
            source_uri=str(tmp_path / name), artifact_type=kind
        ).with_id(name)
        for name, kind in (
            ("model", standard_artifacts.Model),
            ("examples", standard_artifacts.Examples),
        )
    ]
    evaluator = RetrievalEvaluator(
        model=imported[0].outputs["result"],
        examples=imported[1].outputs["result"],
        settings=RetrievalEvaluationSettings().to_json(),
        code_digest="0",
    )
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="retrieval",
            pipeline_root=str(tmp_path / "root"),
            components=[*imported, evaluator],
            metadata_connection_config=(
                tfx.orchestration.metadata.sqlite_metadata_connection_config(
                    str(tmp_path / "metadata.db")
                )
            ),
        )
    )
    (folder,) = (tmp_path / "root").glob("RetrievalEvaluator/evaluation/*")
    report = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert report["models"]["model"]["overall"]["recall@10"] == 1.0
    assert (folder / "examples.json").exists()
