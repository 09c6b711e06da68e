"""From a pushed version back to what it was made of."""

import pytest
from ml_metadata import metadata_store, proto

from pipeline.lineage import read_lineage
from schema.errors import DataError


class Recorder:
    """Writes executions as TFX does: typed, with named inputs and outputs."""

    def __init__(self, path):
        config = proto.ConnectionConfig()
        config.sqlite.filename_uri = str(path)
        self.store = metadata_store.MetadataStore(config)

    def artifact(self, kind, uri, **properties):
        made = self.store.put_artifact_type(proto.ArtifactType(name=kind))
        artifact = proto.Artifact(type_id=made, uri=uri)
        for name, value in properties.items():
            artifact.custom_properties[name].string_value = value
        [artifact.id] = self.store.put_artifacts([artifact])
        return artifact

    def run(self, node, inputs, outputs, **parameters):
        made = self.store.put_execution_type(proto.ExecutionType(name=node))
        execution = proto.Execution(type_id=made)
        for name, value in parameters.items():
            execution.custom_properties[name].string_value = value
        events = [
            (artifact, self._event(kind, name))
            for kind, artifacts in (
                (proto.Event.INPUT, inputs),
                (proto.Event.OUTPUT, outputs),
            )
            for name, artifact in artifacts.items()
        ]
        self.store.put_execution(execution, events, [])

    @staticmethod
    def _event(kind, name):
        event = proto.Event(type=kind)
        event.path.steps.add().key = name
        return event


@pytest.fixture
def metadata(tmp_path):
    path = tmp_path / "metadata.db"
    recorder = Recorder(path)
    for number in ("1", "2"):
        model, index, servable, pushed = (
            recorder.artifact(kind, f"/{kind}/{number}", **properties)
            for kind, properties in (
                ("Model", {}),
                ("ItemIndex", {}),
                ("Model", {}),
                ("PushedModel", {"pushed_version": f"100{number}"}),
            )
        )
        data = recorder.artifact("Examples", f"/Examples/{number}")
        recorder.run(
            "Trainer",
            {"examples": data},
            {
                "model": model,
                "model_run": recorder.artifact("ModelRun", f"/run/{number}"),
            },
            custom_config=f"config {number}",
        )
        recorder.run("ItemIndex", {"model": model}, {"index": index})
        recorder.run(
            "Servable",
            {"model": model, "index": index},
            {"servable": servable},
            settings=f"settings {number}",
        )
        recorder.run("Pusher", {"model": servable}, {"pushed": pushed})
    # A second run takes the servable of the first from the cache.
    recorder.run("Servable", {}, {"servable": servable}, settings="cached")
    return path


@pytest.mark.parametrize("number", ["1", "2"])
def test_inputs_and_settings_of_the_version_asked_for(metadata, number):
    lineage = read_lineage(metadata, f"100{number}")
    inputs = {name: str(p) for name, p in lineage.servable.inputs.items()}
    assert inputs == {
        "model": f"/Model/{number}",
        "index": f"/ItemIndex/{number}",
    }
    assert lineage.servable.settings == {"settings": f"settings {number}"}
    assert lineage.trainer.settings == {"custom_config": f"config {number}"}
    assert str(lineage.trainer.inputs["examples"]) == f"/Examples/{number}"
    assert str(lineage.index.inputs["model"]) == f"/Model/{number}"


def test_what_is_not_known_is_named(metadata, tmp_path):
    with pytest.raises(DataError, match="no pushed version 77"):
        read_lineage(metadata, "77")
    with pytest.raises(DataError, match=r"gone\.db is missing"):
        read_lineage(tmp_path / "gone.db", "1001")


def test_the_trainer_s_run_is_found_beside_its_model(metadata):
    for number in ("1", "2"):
        lineage = read_lineage(metadata, f"100{number}")
        assert str(lineage.model_run_dir) == f"/run/{number}"
