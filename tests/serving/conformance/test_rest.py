"""The REST API over the wire."""

import base64
import gzip
import json
import math

import pytest

from tests.serving.asking import http
from tests.serving.foreign_models import EXAMPLES, HALF, KERAS, TEXTS, example


@pytest.fixture(scope="module")
def get(rest_target):
    return lambda path: http(rest_target, "GET", path)


def test_rows_and_columns(post):
    assert post(f"{HALF}:predict", {"instances": [1.0, 2, 5.0]}) == (
        200,
        {"predictions": [3.5, 4.0, 5.5]},
    )
    assert post(f"{HALF}:predict", {"inputs": [1.0, 2.0]}) == (
        200,
        {"outputs": [3.5, 4.0]},
    )
    assert post(f"{HALF}:predict", {"inputs": {"x": [1.0]}}) == (
        200,
        {"outputs": [3.5]},
    )


def test_several_inputs_and_outputs(post):
    rows = [{"a": [1.0, 2.0], "b": [0.5, 0.5]}, {"a": [3, 4], "b": [0, 0]}]
    named = {"signature_name": "add"}
    assert post(f"{HALF}:predict", named | {"instances": rows}) == (
        200,
        {
            "predictions": [
                {"rows": 4.0, "total": [1.5, 2.5]},
                {"rows": 7.0, "total": [3.0, 4.0]},
            ]
        },
    )
    columns = {key: [row[key] for row in rows] for key in "ab"}
    assert post(f"{HALF}:predict", named | {"inputs": columns}) == (
        200,
        {"outputs": {"rows": [4.0, 7.0], "total": [[1.5, 2.5], [3.0, 4.0]]}},
    )


def test_versions_and_labels(post):
    body = {"instances": [1.0]}
    assert post(f"{HALF}/versions/1:predict", body)[1] == {"predictions": [2.5]}
    assert post(f"{HALF}/versions/9:predict", body) == (
        404,
        {"error": f"Servable not found for request: Specific({HALF}, 9)"},
    )
    assert post(f"{HALF}/labels/x:predict", body) == (
        400,
        {"error": "Unrecognized servable version label: x"},
    )


def test_strings_and_bytes(post):
    named = {"signature_name": "strings"}
    raw = bytes(range(256))
    status, answer = post(
        f"{HALF}:predict",
        named
        | {"instances": ["鼠标a", {"b64": base64.b64encode(raw).decode()}]},
    )
    assert status == 200
    first, second = answer["predictions"]
    assert first["upper"] == "鼠标A"
    assert base64.b64decode(first["raw_bytes"]["b64"]) == "鼠标a".encode()
    assert base64.b64decode(second["raw_bytes"]["b64"]) == raw
    assert post(f"{HALF}:predict", named | {"instances": [{"b64": "***"}]}) == (
        400,
        {
            "error": "Failed to process element: 0 of 'instances' list. "
            "Error: INVALID_ARGUMENT: Unable to base64 decode"
        },
    )


def test_floats_are_short_and_may_be_nan(post, rest_target):
    status, answer = post(
        f"{HALF}:predict",
        b'{"signature_name": "times", "inputs": '
        b'{"x": [0.1, NaN, Infinity, -Infinity], "by": 1}}',
    )
    assert status == 200
    short, nan, plus, minus = answer["outputs"]
    assert short == 0.1
    assert math.isnan(nan)
    assert (plus, minus) == (math.inf, -math.inf)


def test_all_types(post):
    row = {
        "n32": 1,
        "n64": 2**40,
        "flag": True,
        "wide": 0.1,
        "small": 254,
        "half": 0.5,
    }
    named = {"signature_name": "types"}
    assert post(f"{HALF}:predict", named | {"instances": [row]})[1] == {
        "predictions": [
            {
                "n32": 2,
                "n64": 2**40 + 1,
                "flag": False,
                "wide": 1.1,
                "small": 255,
                "half": 1.5,
            }
        ]
    }
    for wrong, shown in (
        (
            {"n32": 1.0},
            "JSON Value: 1.0 Type: Number is not of expected type: int32",
        ),
        ({"n32": 2**40}, "is not of expected type: int32"),
        (
            {"flag": 1},
            "JSON Value: 1 Type: Number is not of expected type: bool",
        ),
        (
            {"wide": "1"},
            'JSON Value: "1" Type: String is not of expected type: double',
        ),
        (
            {"wide": None},
            "JSON Value: null Type: Null is not of expected type: double",
        ),
        (
            {"n64": True},
            "JSON Value: true Type: True is not of expected type: int64",
        ),
    ):
        status, answer = post(
            f"{HALF}:predict", named | {"instances": [row | wrong]}
        )
        assert status == 400
        assert shown in answer["error"]
        (name,) = wrong
        assert answer["error"].startswith(
            f"Failed to process element: 0 key: {name} of 'instances' list. "
            "Error: INVALID_ARGUMENT: "
        )


def test_errors_of_the_model(post):
    assert post("nope:predict", {"instances": [1.0]}) == (
        404,
        {"error": "Servable not found for request: Latest(nope)"},
    )
    status, answer = post(
        f"{HALF}:predict",
        {"signature_name": "checked", "instances": [7.0]},
    )
    assert status == 400
    assert "x must be below 5, but is" in answer["error"]


def test_malformed_paths(get, rest_target):
    assert get("/v1/models") == (
        400,
        {"error": "Missing model name in request."},
    )
    for method, path in (
        ("GET", f"/v1/models/{HALF}:predict"),
        ("POST", f"/v1/models/{HALF}"),
        ("DELETE", f"/v1/models/{HALF}"),
        ("GET", "/v1/models/a/b/c"),
    ):
        assert http(rest_target, method, path) == (
            400,
            {"error": f"Malformed request: {method} {path}"},
        )
    for digits in ("9" * 19, "9" * 5000):
        assert get(f"/v1/models/{HALF}/versions/{digits}") == (
            400,
            {"error": f"Failed to convert version: {digits} to numeric."},
        )
    assert get(f"/v1/models/{HALF}/versions/00001")[0] == 200
    assert get("/etc/passwd")[0] == 404
    status, answer = get("/v1/models/..%2F..%2Fetc")
    assert (status, answer) == (
        404,
        {"error": "Could not find any versions of model ../../etc"},
    )


def test_status(get):
    fine = {"error_code": "OK", "error_message": ""}
    assert get(f"/v1/models/{HALF}/versions/1") == (
        200,
        {
            "model_version_status": [
                {"version": "1", "state": "AVAILABLE", "status": fine}
            ]
        },
    )
    found = get(f"/v1/models/{HALF}")[1]["model_version_status"]
    assert [one["version"] for one in found] == ["2", "1"]
    assert get(f"/v1/models/{HALF}/versions/9") == (
        404,
        {"error": f"Could not find version 9 of model {HALF}"},
    )


def test_metadata(get):
    status, answer = get(f"/v1/models/{HALF}/metadata")
    assert status == 200
    assert answer["model_spec"]["name"] == HALF
    assert answer["model_spec"]["version"] == "2"
    add = answer["metadata"]["signature_def"]["signature_def"]["add"]
    assert add["inputs"]["a"]["dtype"] == "DT_FLOAT"
    assert [d["size"] for d in add["inputs"]["a"]["tensor_shape"]["dim"]] == [
        "-1",
        "-1",
    ]


def test_classify_and_regress(post):
    status, answer = post(f"{EXAMPLES}:classify", {"examples": [{"x": 0.75}]})
    assert (status, answer) == (
        200,
        {
            "results": [
                [list(p) for p in zip(TEXTS, [0.25, 0.25, 0.75], strict=True)]
            ]
        },
    )
    assert post(
        f"{EXAMPLES}:regress",
        {
            "signature_name": "context",
            "context": {"c": 3.0},
            "examples": [{"x": 0.1}, {"x": [2.0]}],
        },
    ) == (200, {"results": [30.1, 32.0]})


def test_predict_on_examples_in_base64(post):
    text = base64.b64encode(example(x=1.0).SerializeToString()).decode()
    assert post(
        f"{EXAMPLES}:predict",
        {"signature_name": "regress", "instances": [{"b64": text}]},
    ) == (200, {"predictions": [2.5]})


def test_keras_classifier(post):
    status, answer = post(
        f"{KERAS}:predict", {"instances": [[5.1, 3.5, 1.4, 0.2]]}
    )
    assert status == 200
    (chances,) = answer["predictions"]
    assert sum(chances) == pytest.approx(1, abs=1e-5)


def test_gzipped_bodies(post):
    body = gzip.compress(json.dumps({"instances": [1.0]}).encode())
    assert post(f"{HALF}:predict", body, {"Content-Encoding": "gzip"}) == (
        200,
        {"predictions": [3.5]},
    )


def test_metrics(post, rest_target):
    post(f"{HALF}:predict", {"instances": [1.0]})
    post(f"{HALF}:predict", {"signature_name": "checked", "instances": [7.0]})
    status, page = http(rest_target, "GET", "/monitoring/prometheus/metrics")
    assert status == 200
    lines = page.decode().splitlines()
    counts = [
        line
        for line in lines
        if line.startswith(":tensorflow:serving:request_count{")
    ]
    for outcome in ("OK", "INVALID_ARGUMENT"):
        assert any(
            f'model_name="{HALF}"' in line and f'status="{outcome}"' in line
            for line in counts
        )
    for name in ("request_latency", "runtime_latency"):
        limits = [
            line.partition('le="')[2].partition('"')[0]
            for line in lines
            if line.startswith(f":tensorflow:serving:{name}_bucket{{")
            and f'model_name="{HALF}"' in line
            and 'API="Predict"' in line
            and ('entrypoint="REST"' in line or name == "runtime_latency")
        ]
        assert limits[:3] == ["10", "18", "32.4"]
        assert len(limits) == 34
        assert limits[-1] == "+Inf"
