"""Tensors as JSON, in the two forms of TensorFlow Serving's REST API."""

import json
import typing

import numpy as np
from tensorflow_serving.apis import predict_pb2

from serving import tensors
from serving.model_server.errors import ServingError, invalid_argument
from serving.model_server.json_arrays import (
    array_of,
    is_base64,
    is_object,
    plain,
    shown,
)

SIGNATURE, INSTANCES, INPUTS = "signature_name", "instances", "inputs"
_PREDICTIONS, _OUTPUTS = "predictions", "outputs"

Infos = typing.Mapping[str, typing.Any]


def parse(body: bytes) -> dict[str, typing.Any]:
    """Reads the JSON object of a request.

    Raises:
      ServingError: It is none.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        found = json.loads(body.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise invalid_argument(
            f"JSON Parse error: {error.msg} at offset: {error.pos}"
        ) from error
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise invalid_argument(f"JSON Parse error: {error}") from error
    if not isinstance(found, dict):
        raise invalid_argument(f"JSON Value: {shown(found)} Is not object")
    return found


def signature_name(document: dict[str, typing.Any]) -> str:
    """Returns the signature that a request names, or an empty string.

    Raises:
      ServingError: It is not a string.
    """
    name = document.get(SIGNATURE, "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {shown(document)} not formatted correctly. "
            f"'{SIGNATURE}' key must be a string value."
        )
    return name


def fill_inputs(
    document: dict[str, typing.Any],
    infos: Infos,
    defaults: typing.Container[str],
    request: predict_pb2.PredictRequest,
) -> bool:
    """Puts the tensors of a request into a message.

    Args:
      document: With `instances`, a row each, or `inputs`, a column each.
      infos: Inputs of the signature.
      defaults: Inputs that may be left out.
      request: Is filled.

    Returns:
      Whether they came as rows; so they go back.

    Raises:
      ServingError: The document does not fit the signature.
    """
    if INSTANCES in document and INPUTS in document:
        raise invalid_argument(
            f"JSON Value: {shown(document)} Not formatted correctly "
            f"expecting only one of '{INPUTS}' or '{INSTANCES}' keys to exist "
        )
    if INSTANCES in document:
        rows = document[INSTANCES]
        if not isinstance(rows, list):
            raise invalid_argument(
                f"JSON Value: {shown(document)} Excepting '{INSTANCES}' to be "
                "an list/array"
            )
        if not rows:
            raise invalid_argument(
                f"JSON Value: {shown(document)} No values in '{INSTANCES}' "
                "array"
            )
        columns = _columns(rows, infos, defaults)
        for name, column in columns.items():
            _encode_rows(name, column, infos, request)
        return True
    if INPUTS not in document:
        raise invalid_argument("Missing 'inputs' or 'instances' key")
    given = document[INPUTS]
    if not isinstance(given, dict) or is_base64(given):
        given = {_only(infos, "inputs is a plain value/list"): given}
    for name, info in infos.items():
        if name in given:
            array = array_of(given[name], info.dtype)
            tensors.encode(array, request.inputs[name])
            request.inputs[name].dtype = info.dtype
        elif name not in defaults:
            raise invalid_argument(
                f"Missing named input: {name} in 'inputs' object."
            )
    return False


def to_json(
    arrays: typing.Mapping[str, np.ndarray],
    as_rows: bool,
) -> bytes:
    """Writes the answer of Predict.

    Args:
      arrays: Outputs by name.
      as_rows: One object a row, or one list a column.

    Raises:
      ServingError: The outputs do not agree on the number of rows.
    """
    if not arrays:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    columns = {name: plain(name, array) for name, array in arrays.items()}
    names = sorted(columns)
    if not as_rows:
        answer = columns if len(names) > 1 else columns[names[0]]
        return dump({_OUTPUTS: answer})
    size = -1
    for name in names:
        if not arrays[name].ndim:
            raise invalid_argument(
                f"Tensor name: {name} has no shape information "
            )
        if size >= 0 and len(arrays[name]) != size:
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: "
                f"{len(arrays[name])} expecting: {size}"
            )
        size = len(arrays[name])
    if len(names) == 1:
        return dump({_PREDICTIONS: columns[names[0]]})
    rows = [
        dict(zip(names, row, strict=True))
        for row in zip(*(columns[name] for name in names), strict=True)
    ]
    return dump({_PREDICTIONS: rows})


def dump(document: typing.Any) -> bytes:
    """Writes JSON, with NaN and Infinity as TensorFlow Serving does."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8")


def _columns(
    rows: list[typing.Any], infos: Infos, defaults: typing.Container[str]
) -> dict[str, list[typing.Any]]:
    if not is_object(rows[0]):
        name = _only(infos, "instances is a plain list")
        for number, row in enumerate(rows):
            if is_object(row):
                raise invalid_argument(
                    "Expecting value/list but got object at item "
                    f"{number} of input list"
                )
        return {name: rows}
    keys = set(rows[0])
    for number, row in enumerate(rows):
        if not is_object(row):
            raise invalid_argument(
                f"Expecting object but got list at item {number} of input list"
            )
        for name in row:
            if name not in infos:
                raise invalid_argument(
                    f"Failed to process element: {number} key: {name} of "
                    "'instances' list. Error: INVALID_ARGUMENT: JSON object: "
                    f"does not have named input: {name}"
                )
        missing = [n for n in infos if n not in row and n not in defaults]
        if missing or set(row) != keys:
            raise invalid_argument(
                f"Failed to process element: {number} of 'instances' list. "
                f"JSON object: {shown(row)} keys must be equal to: "
                f"{','.join(sorted(infos))}"
            )
    return {name: [row[name] for row in rows] for name in sorted(keys)}


def _encode_rows(
    name: str,
    column: list[typing.Any],
    infos: Infos,
    request: predict_pb2.PredictRequest,
) -> None:
    dtype = infos[name].dtype
    try:
        array = array_of(column, dtype)
    except ServingError as error:
        raise _in_row(error, name, column, infos) from error
    tensors.encode(array, request.inputs[name])
    request.inputs[name].dtype = dtype


def _in_row(
    error: ServingError, name: str, column: list[typing.Any], infos: Infos
) -> ServingError:
    """Says in which row something is wrong."""
    key = f" key: {name}" if len(infos) > 1 else ""
    first = None
    for number, value in enumerate(column):
        reason = None
        try:
            array = array_of(value, infos[name].dtype)
        except ServingError as inner:
            reason = inner.message
        else:
            first = array if first is None else first
            if array.size != first.size:
                reason = (
                    f"Expecting tensor size: {first.size} but got: {array.size}"
                )
            elif array.shape != first.shape:
                reason = (
                    f"Expecting shape {list(first.shape)} but got: "
                    f"{list(array.shape)}"
                ).replace(" ,", ",")
        if reason:
            return invalid_argument(
                f"Failed to process element: {number}{key} of 'instances' "
                f"list. Error: INVALID_ARGUMENT: {reason}"
            )
    return error


def _only(infos: Infos, what: str) -> str:
    if len(infos) > 1:
        kind = "list of objects" if "instances" in what else "an object"
        raise invalid_argument(
            f"{what}, but expecting {kind} as multiple input tensors required "
            "as per tensorinfo_map"
        )
    return next(iter(infos))
