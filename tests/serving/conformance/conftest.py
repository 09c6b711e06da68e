"""What several conformance tests ask with."""

import pytest

from tests.serving.asking import http


@pytest.fixture(scope="session")
def post(rest_target):
    """Posts to a path below /v1/models/."""

    def ask(path, body, headers=None):
        return http(rest_target, "POST", f"/v1/models/{path}", body, headers)

    return ask
