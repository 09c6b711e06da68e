"""What HTTP calls the statuses that no model of these tests answers."""

import json

import grpc
import pytest

from serving.model_server.errors import ServingError
from serving.model_server.http_server import Request
from serving.model_server.metrics import Metrics
from serving.model_server.rest import Rest

Code = grpc.StatusCode


class Refusing:
    """Models that are all refused with one status."""

    def __init__(self, code):
        self.core = self
        self._code = code

    def servable(self, spec):
        raise ServingError(self._code, f"no {spec.name}")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.NOT_FOUND, 404),
        (Code.INVALID_ARGUMENT, 400),
        (Code.FAILED_PRECONDITION, 400),
        (Code.UNAVAILABLE, 503),
        (Code.RESOURCE_EXHAUSTED, 429),
        (Code.DEADLINE_EXCEEDED, 504),
        (Code.UNIMPLEMENTED, 501),
        (Code.INTERNAL, 500),
        (Code.UNKNOWN, 500),
        (Code.DATA_LOSS, 500),
    ],
)
def test_statuses(code, status):
    rest = Rest(Refusing(code), Metrics(), timeout_seconds=1.0)
    answer = rest.answer(
        Request(
            method="POST",
            path="/v1/models/m:predict",
            headers={},
            body=b'{"instances": [1]}',
        )
    )
    assert answer.status == status
    assert json.loads(answer.body) == {"error": "no m"}
