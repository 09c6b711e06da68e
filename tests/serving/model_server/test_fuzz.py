"""Requests of any kind: every one is answered, and good ones rightly."""

import http.client
import json
import random

import grpc
import numpy as np
import pytest

from serving import protos, tensors
from serving.model_server import grpc_front
from tests.serving.asking import SECONDS
from tests.serving.foreign_models import EXAMPLES, HALF, KERAS

SIGNATURES = {
    HALF: ["", "half_plus_three", "add", "times", "strings", "types"],
    EXAMPLES: ["", "regress", "context", "scores_only"],
    KERAS: [""],
    "nope": [""],
    "": ["x"],
}
INPUTS = ["x", "a", "b", "text", "inputs", "petals", "by", "n32", "half"]
# What may be the server's answer to a request that is not good.
REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
    # Bytes that are no message.
    grpc.StatusCode.INTERNAL,
}


def fill(chance, tensor):
    tensor.dtype = chance.choice([0, 1, 1, 3, 7, 9, 10, 14, 19, 21, 99, -1])
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        tensor.tensor_shape.dim.add(size=chance.choice([0, 1, 2, -1, 2**40]))
    for _ in range(chance.randint(0, 5)):
        name, value = chance.choice(
            [
                ("float_val", chance.gauss(0, 1)),
                ("int64_val", chance.randint(-(2**63), 2**63 - 1)),
                ("int_val", chance.randint(-(2**31), 2**31 - 1)),
                ("string_val", chance.randbytes(5)),
                ("half_val", chance.randint(-(2**31), 2**31 - 1)),
                ("double_val", float("nan")),
                ("bool_val", True),
            ]
        )
        getattr(tensor, name).append(value)
    if chance.random() < 0.2:
        tensor.tensor_content = chance.randbytes(chance.choice([1, 4, 8]))


def message(chance):
    request = protos.PredictRequest()
    model = chance.choice(list(SIGNATURES))
    request.model_spec.name = model
    request.model_spec.signature_name = chance.choice(
        [*SIGNATURES[model], "zz"]
    )
    if chance.random() < 0.2:
        request.model_spec.version.value = chance.choice([1, 7, -5, 2**62])
    for name in chance.sample(INPUTS, chance.randint(0, 4)):
        fill(chance, request.inputs[name])
    if chance.random() < 0.1:
        request.output_filter.append(chance.choice(["y", "zz"]))
    return mutated(chance, request.SerializeToString())


def mutated(chance, text):
    text = bytearray(text)
    if chance.random() < 0.3:
        for _ in range(chance.randint(0, 5) if text else 0):
            text[chance.randrange(len(text))] = chance.randrange(256)
        del text[chance.randint(0, len(text)) :]
    return bytes(text)


def value(chance, depth=0):
    if depth > 3 or chance.random() < 0.5:
        return chance.choice(
            [
                *(1, -2.5, None, True, "鼠", 2**70, 1e400, "", [], {}),
                *({"b64": "AA=="}, {"b64": "*"}, {"b64": 5}),
            ]
        )
    parts = [value(chance, depth + 1) for _ in range(chance.randint(0, 4))]
    if chance.random() < 0.5:
        return parts
    return dict(zip(chance.sample([*INPUTS, "b64"], 4), parts, strict=False))


def document(chance):
    keys = ["instances", "inputs", "examples", "context"]
    found = {
        key: value(chance) for key in chance.sample(keys, chance.randint(0, 3))
    }
    if chance.random() < 0.5:
        found["signature_name"] = chance.choice(["add", "regress", "zz", 5])
    return mutated(chance, json.dumps(found).encode())


@pytest.fixture
def good(prediction):
    """Asks what has an answer."""

    def ask():
        request = protos.PredictRequest()
        request.model_spec.name = HALF
        x = np.array([1.0, 2.0], np.float32)
        tensors.encode(x, request.inputs["x"])
        answer = prediction.Predict(request, timeout=SECONDS)
        assert list(answer.outputs["y"].float_val) == [3.5, 4.0]

    return ask


def test_messages_of_any_kind(channel, good):
    chance = random.Random(3)
    service = grpc_front.PREDICTION_SERVICE
    calls = [
        channel.unary_unary(f"/{service}/{method}")
        for method in grpc_front.METHODS[service]
    ]
    for number in range(400):
        # Half of them to Predict, which is what they are made for.
        call = calls[0] if number % 2 else chance.choice(calls)
        text = (
            chance.randbytes(chance.randint(0, 40))
            if chance.random() < 0.1
            else message(chance)
        )
        problem = call.future(text, timeout=SECONDS).exception()
        if problem is not None:
            assert problem.code() in REFUSALS, (text, problem.details())
            internal = problem.code() == grpc.StatusCode.INTERNAL
            assert not internal or "Failed to parse" in problem.details()
        if number % 50 == 0:
            good()


def test_bodies_of_any_kind(server, good):
    chance = random.Random(4)
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.rest_api_port, timeout=SECONDS
    )
    for number in range(400):
        where = chance.choice([*SIGNATURES, f"{HALF}/versions/1", "..%2f"])
        what = chance.choice([":predict", ":classify", ":regress", "", "/x"])
        body = document(chance)
        connection.request("POST", f"/v1/models/{where}{what}", body)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status in (200, 400, 404), (where, what, body, text)
        assert answer.status == 200 or json.loads(text)["error"]
        if number % 50 == 0:
            good()
    connection.close()
