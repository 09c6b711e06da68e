"""The shell of QualityGate in a real TFX run, with a real Pusher behind it."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from components.quality_gate.settings import GateSettings
from schema.errors import GateError


def _reports(folder):
    figures = {"recall@50": 0.3, "ndcg@10": 0.2}
    content = {
        "retrieval/metrics.json": {
            "queries": 500,
            "models": {
                "model": {"overall": figures},
                "popularity": {"overall": {"recall@50": 0.1, "ndcg@10": 0.1}},
                "item_knn": {"overall": {"recall@50": 0.2, "ndcg@10": 0.1}},
            },
        },
        "index/index.json": {"recall@100": 0.99, "tail_recall@100": 0.99},
        "serving_report/report.json": {"signatures": {}},
    }
    for name, report in content.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(report), "utf-8")


def _run(folder, evaluation_dir, settings):
    from tfx import v1 as tfx
    from tfx.types import standard_artifacts

    from components import artifacts
    from components.quality_gate.component import QualityGate

    def imported(name, uri, kind):
        return tfx.dsl.Importer(
            source_uri=str(uri), artifact_type=kind
        ).with_id(name)

    nodes = {
        "Evaluation": imported(
            "Evaluation", evaluation_dir, standard_artifacts.ModelEvaluation
        ),
        "Retrieval": imported(
            "Retrieval", folder / "retrieval", artifacts.RetrievalEvaluation
        ),
        "Index": imported("Index", folder / "index", artifacts.ItemIndex),
        "Serving": imported(
            "Serving", folder / "serving_report", artifacts.ServingReport
        ),
        "Model": imported("Model", folder / "model", standard_artifacts.Model),
    }
    gate = QualityGate(
        evaluation=nodes["Evaluation"].outputs["result"],
        retrieval=nodes["Retrieval"].outputs["result"],
        index=nodes["Index"].outputs["result"],
        serving=nodes["Serving"].outputs["result"],
        settings=settings.to_json(),
        code_digest="0",
    )
    pusher = tfx.components.Pusher(
        model=nodes["Model"].outputs["result"],
        model_blessing=gate.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(folder / "pushed")
            )
        ),
    )
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="gate",
            pipeline_root=str(folder / "root"),
            components=[*nodes.values(), gate, pusher],
            metadata_connection_config=(
                tfx.orchestration.metadata.sqlite_metadata_connection_config(
                    str(folder / "metadata.db")
                )
            ),
        )
    )


@pytest.fixture
def folder(tmp_path):
    _reports(tmp_path)
    module = tf.Module()
    module.variable = tf.Variable(np.float32(1))
    tf.saved_model.save(module, str(tmp_path / "model" / "Format-Serving"))
    return tmp_path


def _versions(folder):
    return list((folder / "pushed").glob("*/saved_model.pb"))


def test_pusher_accepts_the_blessing_and_a_failed_gate_stops_it(
    folder, evaluation_dir
):
    strict = GateSettings(min_index_recall_at_100=1.0)
    with pytest.raises(GateError, match=r"index\.recall@100 is 0\.99, must"):
        _run(folder, evaluation_dir, strict)
    assert _versions(folder) == []
    _run(folder, evaluation_dir, GateSettings())
    assert len(_versions(folder)) == 1
    (blessed,) = pathlib.Path(folder, "root").glob("QualityGate/*/*/BLESSED")
    gate = json.loads((blessed.parent / "gate.json").read_text("utf-8"))
    assert gate["ok"] is True
