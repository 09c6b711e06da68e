"""GetModelStatus and GetModelMetadata."""

import typing

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from serving.model_server.core import Core
from serving.model_server.errors import invalid_argument

SIGNATURE_DEF = "signature_def"


def model_status(
    core: Core, request: get_model_status_pb2.GetModelStatusRequest
) -> get_model_status_pb2.GetModelStatusResponse:
    """Answers where the versions of a model stand, newest first.

    Raises:
      ServingError: There are none.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, (state, error) in core.states(request.model_spec).items():
        status = response.model_version_status.add(
            version=number, state=int(state)
        )
        # Set even when all is well: clients look at it.
        status.status.SetInParent()
        if error is not None:
            status.status.error_code = error.number
            status.status.error_message = error.message
    return response


def model_metadata(
    core: Core, request: get_model_metadata_pb2.GetModelMetadataRequest
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Answers what signatures a model has.

    Raises:
      ServingError: There is no such model, or something else is asked for.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid_argument(
            "GetModelMetadataRequest must specify at least one metadata_field"
        )
    for field in request.metadata_field:
        if field != SIGNATURE_DEF:
            raise invalid_argument(f"Metadata field {field} is not supported")
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    with core.servable(request.model_spec) as (version, servable):
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = version
        definitions: typing.Any = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in servable.signatures.items():
            definitions.signature_def[name].CopyFrom(definition)
    response.metadata[SIGNATURE_DEF].Pack(definitions)
    return response
