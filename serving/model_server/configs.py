"""Reads the text protos that TensorFlow Serving is configured with.

Those of `tensorflow-serving-api` are used where it has them; batching, TLS
and monitoring it has not, and they are written down here.
"""

import pathlib
import typing

from google.protobuf import message, text_format

from schema.errors import DataError
from serving.wire import Messages

DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"
# tensorflow_serving/servables/tensorflow/session_bundle_config.proto,
# tensorflow_serving/config/ssl_config.proto and monitoring_config.proto.
_MESSAGES = Messages(
    "tensorflow.serving",
    """
message BatchingParameters {
  google.protobuf.Int64Value max_batch_size = 1;
  google.protobuf.Int64Value batch_timeout_micros = 2;
  google.protobuf.Int64Value max_enqueued_batches = 3;
  google.protobuf.Int64Value num_batch_threads = 4;
  google.protobuf.StringValue thread_pool_name = 5;
  repeated int64 allowed_batch_sizes = 6;
  bool pad_variable_length_inputs = 7;
  google.protobuf.BoolValue enable_large_batch_splitting = 8;
  google.protobuf.Int64Value max_execution_batch_size = 9;
}
message SSLConfig {
  string server_key = 1;
  string server_cert = 2;
  string custom_ca = 3;
  bool client_verify = 4;
}
message PrometheusConfig {
  bool enable = 1;
  string path = 2;
}
message MonitoringConfig {
  PrometheusConfig prometheus_config = 1;
}
""",
)
BatchingParameters: typing.Any = _MESSAGES["BatchingParameters"]
SSLConfig: typing.Any = _MESSAGES["SSLConfig"]
MonitoringConfig: typing.Any = _MESSAGES["MonitoringConfig"]


def read(path: str, kind: type[message.Message]) -> typing.Any:
    """Reads a text proto.

    Args:
      path: The file.
      kind: Class of the message.

    Raises:
      DataError: The file cannot be read, or is no such message.
    """
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        return text_format.Parse(text, kind())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except text_format.ParseError as error:
        raise DataError(f"Invalid protobuf file: '{path}': {error}") from error


def metrics_path(path: str) -> str | None:
    """Returns where metrics are shown, or nothing where they are not.

    Args:
      path: Of a MonitoringConfig; may be empty.

    Raises:
      DataError: The file cannot be read, or is no MonitoringConfig.
    """
    if not path:
        return None
    prometheus = read(path, MonitoringConfig).prometheus_config
    if not prometheus.enable:
        return None
    return prometheus.path or DEFAULT_METRICS_PATH
