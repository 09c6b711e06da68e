"""GetModelStatus, GetModelMetadata and HandleReloadConfigRequest."""

import os

import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from tests.serving.asking import (
    SECONDS,
    Code,
    refused,
    request,
    spec,
    wait_for_versions,
)
from tests.serving.foreign_models import EXAMPLES, HALF, KERAS, config

AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


@pytest.fixture(scope="module")
def status(model_service):
    def ask(**asked):
        return model_service.GetModelStatus(
            get_model_status_pb2.GetModelStatusRequest(
                model_spec=spec(**asked)
            ),
            timeout=SECONDS,
        ).model_version_status

    return ask


@pytest.fixture(scope="module")
def metadata(prediction):
    def ask(model_spec, fields):
        return prediction.GetModelMetadata(
            get_model_metadata_pb2.GetModelMetadataRequest(
                model_spec=model_spec, metadata_field=fields
            ),
            timeout=SECONDS,
        )

    return ask


@pytest.fixture
def reload(model_service, models_there):
    """Sends a text configuration; puts the first one back at the end."""

    def ask(text):
        parsed = model_server_config_pb2.ModelServerConfig()
        text_format.Parse(text, parsed)
        return model_service.HandleReloadConfigRequest(
            model_management_pb2.ReloadConfigRequest(config=parsed),
            timeout=SECONDS,
        )

    yield ask
    ask(config(models_there))
    # It answers with the first version of each new model.
    wait_for_versions(model_service, HALF, [2, 1])


def test_states_of_versions(status):
    found = status(name=HALF)
    assert [(s.version, s.state) for s in found] == [
        (2, AVAILABLE),
        (1, AVAILABLE),
    ]
    assert all(s.HasField("status") for s in found)
    assert {(s.status.error_code, s.status.error_message) for s in found} == {
        (0, "")
    }
    (one,) = status(name=HALF, version=1)
    assert (one.version, one.state) == (1, AVAILABLE)


def test_states_of_what_is_not_there(status, model_service):
    with refused(Code.NOT_FOUND, "Could not find any versions of model nope"):
        status(name="nope")
    with refused(Code.NOT_FOUND, f"Could not find version 9 of model {HALF}"):
        status(name=HALF, version=9)
    with refused(Code.INVALID_ARGUMENT, "Missing ModelSpec"):
        model_service.GetModelStatus(
            get_model_status_pb2.GetModelStatusRequest()
        )


def test_metadata_holds_the_signatures(metadata):
    answer = metadata(spec(HALF), ["signature_def"])
    assert answer.model_spec.name == HALF
    assert answer.model_spec.version.value == 2
    found = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(found)
    add = found.signature_def["add"]
    assert set(add.inputs) == {"a", "b"}
    assert set(add.outputs) == {"total", "rows"}
    assert add.inputs["a"].dtype == 1
    assert add.method_name == "tensorflow/serving/predict"


def test_metadata_of_what_is_not_there(metadata, prediction):
    with refused(Code.INVALID_ARGUMENT, "Missing ModelSpec"):
        prediction.GetModelMetadata(
            get_model_metadata_pb2.GetModelMetadataRequest()
        )
    with refused(
        Code.INVALID_ARGUMENT,
        "GetModelMetadataRequest must specify at least one metadata_field",
    ):
        metadata(spec(HALF), [])
    with refused(Code.INVALID_ARGUMENT, part="is not supported"):
        metadata(spec(HALF), ["size"])
    with refused(
        Code.NOT_FOUND, "Servable not found for request: Latest(nope)"
    ):
        metadata(spec("nope"), ["signature_def"])


def test_reload_refuses_what_is_not_allowed(reload, models_there, prediction):
    model = f'base_path: "{models_there / HALF}" model_platform: "tensorflow"'
    for text, code, message in (
        (
            f'config {{ name: "m" {model} }} config {{ name: "m" {model} }}',
            Code.INVALID_ARGUMENT,
            "Illegal to list model m multiple times in config list",
        ),
        (
            'config { name: "m" base_path: "a/b" '
            'model_platform: "tensorflow" }',
            Code.INVALID_ARGUMENT,
            "Expected model m to have an absolute path or URI; got "
            "base_path()=a/b",
        ),
        (
            f'config {{ name: "m" base_path: "{models_there}" }}',
            Code.INVALID_ARGUMENT,
            "Illegal setting neither ModelServerConfig::model_type "
            "(deprecated) nor ModelServerConfig::model_platform.",
        ),
        (
            f'config {{ name: "{HALF}" base_path: "{models_there}" '
            'model_platform: "caffe" }',
            Code.INVALID_ARGUMENT,
            "Illegal to change a model's platform. For model half_plus_two "
            "platform was tensorflow and new platform requested is caffe",
        ),
    ):
        with refused(code, message):
            reload(f"model_config_list {{ {text} }}")
    with refused(
        Code.INVALID_ARGUMENT, part="ServerModelConfig type not supported by"
    ):
        reload("")
    # Nothing has changed.
    for name in (HALF, EXAMPLES):
        prediction.GetModelMetadata(
            get_model_metadata_pb2.GetModelMetadataRequest(
                model_spec=spec(name), metadata_field=["signature_def"]
            )
        )


def test_labels_follow_the_configuration(reload, models_there, prediction):
    reload(
        config(models_there).replace(
            "all {} }",
            'all {} } version_labels { key: "stable" value: 1 } '
            'version_labels { key: "canary" value: 2 }',
        )
    )
    for label, version in (("stable", 1), ("canary", 2)):
        answer = prediction.Predict(
            request(HALF, x=[1.0], label=label), timeout=SECONDS
        )
        assert answer.model_spec.version.value == version
    # A label that is in use moves only to what is available.
    with refused(
        Code.FAILED_PRECONDITION,
        "Request to assign label to version 9 of model half_plus_two, which "
        "is not currently available for inference",
    ):
        reload(
            config(models_there).replace(
                "all {} }", 'all {} } version_labels { key: "stable" value: 9 }'
            )
        )
    assert (
        prediction.Predict(
            request(HALF, x=[1.0], label="stable"), timeout=SECONDS
        ).model_spec.version.value
        == 1
    )


def test_reload_waits_for_new_models_and_unloads_absent_ones(
    reload, models_there, prediction, status
):
    reload(
        f'model_config_list {{ config {{ name: "other" base_path: '
        f'"{models_there / HALF}" model_platform: "tensorflow" }} }}'
    )
    answer = prediction.Predict(request("other", x=[1.0]), timeout=SECONDS)
    assert answer.model_spec.version.value == 2
    with refused(
        Code.NOT_FOUND, f"Servable not found for request: Latest({KERAS})"
    ):
        for _ in range(100):
            prediction.GetModelMetadata(
                get_model_metadata_pb2.GetModelMetadataRequest(
                    model_spec=spec(KERAS), metadata_field=["signature_def"]
                )
            )


def test_reload_of_a_model_that_cannot_be_loaded(
    reload, tmp_path, models_there
):
    if "DAOGOU_TFS" in os.environ:
        pytest.skip("a real server retries for five minutes")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"\x00\x01")
    with refused(
        Code.UNKNOWN, part="1 model(s) did not become available: {{{name: bad "
    ):
        reload(
            config(models_there).rstrip().removesuffix("}")
            + f'config {{ name: "bad" base_path: "{tmp_path}" '
            'model_platform: "tensorflow" } }'
        )
