"""Bodies that the REST API refuses, and what it says."""

import pytest

from tests.serving.foreign_models import EXAMPLES, HALF


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"{", "JSON Parse error: "),
        (b"[1]", "Is not object"),
        (b"\xff{}", "JSON Parse error: "),
        (b"[" * 100_000, "JSON Parse error: "),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"instances": [1.0], "inputs": [1.0]}, "expecting only one of"),
        ({"instances": 1.0}, "Excepting 'instances' to be an list/array"),
        ({"instances": []}, "No values in 'instances' array"),
        (
            {"signature_name": 5, "instances": [1.0]},
            "'signature_name' key must be a string value.",
        ),
        (
            {"instances": ["a"]},
            "Failed to process element: 0 of 'instances' list. Error: "
            'INVALID_ARGUMENT: JSON Value: "a" Type: String is not of '
            "expected type: float",
        ),
        (
            {"instances": [1.0, [1.0]]},
            "Failed to process element: 1 of 'instances' list. Error: "
            "INVALID_ARGUMENT: Expecting shape [] but got: [1]",
        ),
        (
            {"instances": [1.0, {"x": 1.0}]},
            "Expecting value/list but got object at item 1 of input list",
        ),
        (
            {"instances": [{"z": 1.0}]},
            "JSON object: does not have named input: z",
        ),
        (
            {"instances": [2**30 + 1]},
            "to float without loss of precision.",
        ),
        (
            {"signature_name": "add", "instances": [1.0]},
            "instances is a plain list, but expecting list of objects as "
            "multiple input tensors required as per tensorinfo_map",
        ),
        (
            {"signature_name": "add", "inputs": [1.0]},
            "inputs is a plain value/list, but expecting an object as "
            "multiple input tensors required as per tensorinfo_map",
        ),
        (
            {"signature_name": "add", "inputs": {"a": [[1.0]]}},
            "Missing named input: b in 'inputs' object.",
        ),
        (
            {"signature_name": "add", "instances": [{"a": [1.0]}]},
            "Failed to process element: 0 of 'instances' list.",
        ),
        (
            {
                "signature_name": "add",
                "inputs": {"a": [[1], [1, 2]], "b": [[1]]},
            },
            "Encountered list at unexpected size: 2 at level: 1 expected "
            "size: 1",
        ),
        (
            {"signature_name": "nope", "instances": [1.0]},
            'Serving signature name: "nope" not found in signature def',
        ),
    ],
)
def test_bad_bodies(post, body, message):
    status, answer = post(f"{HALF}:predict", body)
    assert status == 400
    assert message in answer["error"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        (
            {"examples": [{"x": None}]},
            "Feature: x has element with unexpected JSON type: Null",
        ),
        (
            {"examples": [{"x": [[1]]}]},
            "Feature: x has element with unexpected JSON type: Array",
        ),
        (
            {"examples": [{"x": [1.0, 1]}]},
            "Unexpected element type in feature: x expecting type: float",
        ),
        (
            {"examples": [{"x": 2**63}]},
            "Feature: x has uint64 element. Only int64 is supported.",
        ),
        (
            {"signature_name": "x", "examples": [{"x": 1.0}]},
            "No signature was found with the name: x",
        ),
    ],
)
def test_bad_examples(post, body, message):
    status, answer = post(f"{EXAMPLES}:regress", body)
    assert status == 400
    assert message in answer["error"]
