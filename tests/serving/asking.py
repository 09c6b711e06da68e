"""Requests for the tests, and what is refused."""

import contextlib
import json
import time
from http.client import HTTPConnection

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
)

# Long enough for a machine that has much else to do.
SECONDS = 120
Code = grpc.StatusCode


def spec(name, signature="", version=None, label=None):
    found = model_pb2.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        found.version.value = version
    if label is not None:
        found.version_label = label
    return found


def request(
    model, signature="", *, outputs=(), version=None, label=None, **inputs
):
    """A PredictRequest; lists of floats become float32, of text strings."""
    asked = predict_pb2.PredictRequest(
        model_spec=spec(model, signature, version, label),
        output_filter=outputs,
    )
    for name, value in inputs.items():
        asked.inputs[name].CopyFrom(proto(value))
    return asked


def proto(value):
    if isinstance(value, tf.make_tensor_proto([0]).__class__):
        return value
    array = np.asarray(value)
    if array.dtype == np.float64 and not isinstance(value, np.ndarray):
        array = array.astype(np.float32)
    return tf.make_tensor_proto(array)


@contextlib.contextmanager
def refused(code, message=None, part=None):
    """Expects a status, and its message or a part of it."""
    with pytest.raises(grpc.RpcError) as caught:
        yield
    assert caught.value.code() == code, caught.value.details()
    if message is not None:
        assert caught.value.details() == message
    if part is not None:
        assert part in caught.value.details()


def wait_for_versions(model_service, model, versions):
    """Waits until these versions are available; newest first."""
    asked = get_model_status_pb2.GetModelStatusRequest(model_spec=spec(model))
    expected = [
        (version, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
        for version in versions
    ]
    end = time.monotonic() + SECONDS
    while True:
        answer = model_service.GetModelStatus(asked, timeout=SECONDS)
        found = [(s.version, s.state) for s in answer.model_version_status]
        if found == expected:
            return
        assert time.monotonic() < end, answer
        time.sleep(0.02)


def http(target, method, path, body=None, headers=None):
    """Returns the status and the JSON of an answer."""
    if not (body is None or isinstance(body, bytes)):
        body = json.dumps(body, ensure_ascii=False).encode()
    connection = http_client(target)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        kind = answer.getheader("Content-Type", "")
        return answer.status, (
            json.loads(text) if text and "json" in kind else text
        )
    finally:
        connection.close()


def http_client(target):
    return HTTPConnection(target, timeout=SECONDS)
