"""tf.Examples as JSON: what Classify and Regress take and answer."""

import typing

import numpy as np
import tensorflow as tf

from serving.model_server.errors import invalid_argument
from serving.model_server.json_arrays import (
    decoded_base64,
    is_object,
    lossless,
    shortest,
    type_name,
)
from serving.model_server.json_tensors import dump

_CONTEXT, _EXAMPLES, _RESULTS = "context", "examples", "results"
_INT64 = (-(2**63), 2**63 - 1)


def fill_input(document: dict[str, typing.Any], given: typing.Any) -> None:
    """Puts the examples of a request into a message.

    Args:
      document: With `examples`, and perhaps a `context` that is part of each.
      given: A `tensorflow.serving.Input` that is filled.

    Raises:
      ServingError: The document is not of that form.
    """
    target = given.example_list
    if _CONTEXT in document:
        target = given.example_list_with_context
        _fill(document[_CONTEXT], target.context)
    if _EXAMPLES not in document:
        raise invalid_argument(
            f"When method is classify, key '{_EXAMPLES}' is expected and was "
            "not found"
        )
    examples = document[_EXAMPLES]
    if not isinstance(examples, list):
        raise invalid_argument(
            f"Expecting '{_EXAMPLES}' value to be an list/array"
        )
    if not examples:
        raise invalid_argument(f"'{_EXAMPLES}' value is an empty array")
    for example in examples:
        _fill(example, target.examples.add())


def classes_to_json(result: typing.Any) -> bytes:
    """Writes a ClassificationResult: pairs of label and score by example.

    Raises:
      ServingError: It is empty.
    """
    if not result.classifications:
        raise invalid_argument(
            "Cannot convert empty ClassificationResults to JSON"
        )
    rows = []
    for found in result.classifications:
        scores = _floats([one.score for one in found.classes])
        labels = [one.label for one in found.classes]
        rows.append([list(pair) for pair in zip(labels, scores, strict=True)])
    return dump({_RESULTS: rows})


def regressions_to_json(result: typing.Any) -> bytes:
    """Writes a RegressionResult: one number by example.

    Raises:
      ServingError: It is empty.
    """
    if not result.regressions:
        raise invalid_argument("Cannot convert empty RegressionResults to JSON")
    return dump({_RESULTS: _floats([one.value for one in result.regressions])})


def _floats(values: list[float]) -> list[float]:
    return shortest(np.array(values, np.float32)).tolist()


def _fill(document: typing.Any, example: tf.train.Example) -> None:
    if not isinstance(document, dict):
        raise invalid_argument(
            f"Example must be JSON object but got JSON {type_name(document)}"
        )
    for name, content in document.items():
        feature = example.features.feature[name]
        for value in content if isinstance(content, list) else [content]:
            _add(name, value, feature)


def _add(name: str, value: typing.Any, feature: tf.train.Feature) -> None:
    if value is None or isinstance(value, list) or is_object(value):
        raise invalid_argument(
            f"Feature: {name} has element with unexpected JSON type: "
            f"{type_name(value)}"
        )
    if isinstance(value, str | dict):
        kind = "bytes_list"
        value = (
            decoded_base64(value)
            if isinstance(value, dict)
            else value.encode("utf-8", "surrogatepass")
        )
    elif isinstance(value, float):
        kind = "float_list"
        if not lossless(value):
            raise invalid_argument(
                f"Cannot convert JSON value: {value} to float without loss of "
                "precision."
            )
    else:
        kind = "int64_list"
        if not _INT64[0] <= value <= _INT64[1]:
            raise invalid_argument(
                f"Feature: {name} has uint64 element. Only int64 is supported."
            )
    there = feature.WhichOneof("kind")
    if there not in (None, kind):
        raise invalid_argument(
            f"Unexpected element type in feature: {name} expecting type: "
            f"{there.removesuffix('_list')}"
        )
    getattr(feature, kind).value.append(value)
