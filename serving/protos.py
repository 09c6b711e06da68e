"""The messages that a client of TensorFlow Serving needs, without TensorFlow.

Fields as in `tensorflow/core/framework/tensor.proto` and
`tensorflow_serving/apis/*.proto`; a test compares them with the originals.
"""

import typing

from serving.wire import Messages

_TENSOR = """
message Dim {
  int64 size = 1;
  string name = 2;
}
message TensorShapeProto {
  repeated Dim dim = 2;
  bool unknown_rank = 3;
}
message TensorProto {
  int32 dtype = 1;
  TensorShapeProto tensor_shape = 2;
  int32 version_number = 3;
  bytes tensor_content = 4;
  repeated float float_val = 5;
  repeated double double_val = 6;
  repeated int32 int_val = 7;
  repeated bytes string_val = 8;
  repeated float scomplex_val = 9;
  repeated int64 int64_val = 10;
  repeated bool bool_val = 11;
  repeated double dcomplex_val = 12;
  repeated int32 half_val = 13;
  repeated uint32 uint32_val = 16;
  repeated uint64 uint64_val = 17;
}
"""
_APIS = """
message ModelSpec {
  string name = 1;
  oneof version_choice {
    google.protobuf.Int64Value version = 2;
    string version_label = 4;
  }
  string signature_name = 3;
}
message PredictRequest {
  ModelSpec model_spec = 1;
  map<string, tensorflow.TensorProto> inputs = 2;
  repeated string output_filter = 3;
}
message PredictResponse {
  ModelSpec model_spec = 2;
  map<string, tensorflow.TensorProto> outputs = 1;
}
message StatusProto {
  int32 error_code = 1;
  string error_message = 2;
}
message GetModelStatusRequest {
  ModelSpec model_spec = 1;
}
message ModelVersionStatus {
  int64 version = 1;
  int32 state = 2;
  StatusProto status = 3;
}
message GetModelStatusResponse {
  repeated ModelVersionStatus model_version_status = 1;
}
"""

MESSAGES = Messages("tensorflow.serving", _APIS, needs=_TENSOR)
ModelSpec: typing.Any = MESSAGES["ModelSpec"]
PredictRequest: typing.Any = MESSAGES["PredictRequest"]
PredictResponse: typing.Any = MESSAGES["PredictResponse"]
GetModelStatusRequest: typing.Any = MESSAGES["GetModelStatusRequest"]
GetModelStatusResponse: typing.Any = MESSAGES["GetModelStatusResponse"]
PREDICT = "/tensorflow.serving.PredictionService/Predict"
GET_MODEL_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
AVAILABLE = 30
