"""The messages written down here against the originals."""

import pytest
from google.protobuf import descriptor_pb2
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving import protos
from serving.wire import Messages

Field = descriptor_pb2.FieldDescriptorProto


def _fields(message):
    found = descriptor_pb2.DescriptorProto()
    message.DESCRIPTOR.CopyToProto(found)
    return {
        field.name: (
            field.number,
            field.label,
            # An enum is an int32 on the wire.
            Field.TYPE_INT32 if field.type == Field.TYPE_ENUM else field.type,
        )
        for field in found.field
    }


@pytest.mark.parametrize(
    ("ours", "original"),
    [
        (protos.ModelSpec, model_pb2.ModelSpec),
        (protos.PredictRequest, predict_pb2.PredictRequest),
        (protos.PredictResponse, predict_pb2.PredictResponse),
        (
            protos.GetModelStatusRequest,
            get_model_status_pb2.GetModelStatusRequest,
        ),
        (
            protos.GetModelStatusResponse,
            get_model_status_pb2.GetModelStatusResponse,
        ),
    ],
)
def test_fields_are_those_of_the_originals(ours, original):
    original_fields = _fields(original)
    for name, field in _fields(ours).items():
        assert original_fields[name] == field


def test_tensors_travel_unchanged():
    request = protos.PredictRequest()
    request.model_spec.name = "m"
    request.model_spec.version.value = 7
    tensor = request.inputs["x"]
    for field, (_, label, kind) in _fields(tensor_pb2.TensorProto).items():
        values = getattr(tensor, field, None)
        if label != Field.LABEL_REPEATED or kind == Field.TYPE_MESSAGE:
            continue
        values.append(b"a" if kind == Field.TYPE_BYTES else 1)
    tensor.dtype = 3
    tensor.tensor_shape.dim.add(size=-1)
    read = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    assert read.inputs["x"].dtype == 3
    assert read.inputs["x"].tensor_shape.dim[0].size == -1
    assert read.model_spec.version.value == 7
    again = protos.PredictRequest.FromString(read.SerializeToString())
    assert again == request


def test_paths_are_those_of_the_stubs():
    class Channel:
        paths = set()

        def unary_unary(self, path, **_):
            self.paths.add(path)

    prediction_service_pb2_grpc.PredictionServiceStub(Channel())
    assert protos.PREDICT in Channel.paths


def test_text_that_is_not_understood():
    with pytest.raises(ValueError, match="not understood: 'strange x = 1'"):
        Messages("p", "message M {\nstrange x = 1\n}")
