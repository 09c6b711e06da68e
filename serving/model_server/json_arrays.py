"""Nested lists of JSON as arrays, and arrays as nested lists."""

import base64
import binascii
import json
import math
import typing

import numpy as np
import tensorflow as tf

from serving.model_server.errors import ServingError, invalid_argument

_BASE64 = "b64"
_BYTES_SUFFIX = "_bytes"
_SHOWN = 200
_TYPES = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}


def array_of(value: typing.Any, dtype: int) -> np.ndarray:
    """Makes an array of nested lists.

    Args:
      value: From JSON.
      dtype: A tensorflow.DataType.

    Raises:
      ServingError: The lists are ragged, or a value is of another type.
    """
    flat = [value]
    shape: list[int] = []
    while flat and isinstance(flat[0], list):
        size = len(flat[0])
        for part in flat:
            if not isinstance(part, list):
                raise invalid_argument(
                    f"JSON Value: {shown(part)} found at incorrect level: "
                    f"{len(shape) + 1} in the JSON DOM. Expected at level: "
                    f"{_depth(flat[0]) + len(shape)}"
                )
            if len(part) != size:
                raise invalid_argument(
                    f"Encountered list at unexpected size: {len(part)} at "
                    f"level: {len(shape)} expected size: {size}"
                )
        shape.append(size)
        flat = [leaf for part in flat for leaf in part]
    # What follows an empty list has no values to look at.
    for leaf in flat:
        if isinstance(leaf, list):
            raise invalid_argument(
                f"Encountered list at unexpected level: {len(shape)} expected "
                f"< {len(shape)}"
            )
    return _leaves(flat, dtype).reshape(shape)


def plain(name: str, array: np.ndarray) -> typing.Any:
    """Returns nested lists of what JSON knows."""
    if array.dtype.kind == "O":
        if name.endswith(_BYTES_SUFFIX):
            return _nested(
                array,
                lambda text: {_BASE64: base64.b64encode(text).decode()},
            )
        return _nested(array, lambda text: text.decode(errors="replace"))
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise invalid_argument(
            "Failed to write JSON value for tensor type: "
            f"{_name(tf.as_dtype(array.dtype))}"
        )
    if array.dtype.kind in "biu":
        return array.tolist()
    return shortest(array).tolist()


def shortest(array: np.ndarray) -> np.ndarray:
    """Returns doubles that print as short as the floats they stand for.

    >>> shortest(np.array([0.2], np.float32)).tolist()
    [0.2]
    """
    if array.dtype == np.float64:
        return array
    narrow = array.astype(np.float32)
    return narrow.astype("U32").astype(np.float64)


def decoded_base64(value: dict[str, str]) -> bytes:
    """Returns the bytes of a `{"b64": …}`.

    Raises:
      ServingError: They are not base64.
    """
    if not is_base64(value):
        raise invalid_argument(
            f"JSON Value: {shown(value)} not formatted correctly for base64 "
            "data"
        )
    try:
        return base64.b64decode(value[_BASE64], validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error


def is_object(value: typing.Any) -> bool:
    """Says whether a value is an object that stands for more than bytes."""
    return isinstance(value, dict) and not is_base64(value)


def is_base64(value: typing.Any) -> bool:
    """Says whether a value is an object that stands for bytes."""
    return (
        isinstance(value, dict)
        and len(value) == 1
        and isinstance(value.get(_BASE64), str)
    )


def type_name(value: typing.Any) -> str:
    """Returns what TensorFlow Serving calls the type of a JSON value."""
    if isinstance(value, bool):
        return str(value)
    return _TYPES[type(value)]


def lossless(value: float) -> bool:
    """Says whether a number fits a float32."""
    if isinstance(value, int):
        return abs(value) < 2**24
    largest = float(np.finfo(np.float32).max)
    return not math.isfinite(value) or abs(value) <= largest


def shown(value: typing.Any) -> str:
    """Shows a value in a message, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, indent=4, default=repr)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _depth(value: typing.Any) -> int:
    depth = 0
    while isinstance(value, list) and value:
        value, depth = value[0], depth + 1
    return depth


def _leaves(flat: list[typing.Any], number: int) -> np.ndarray:
    kind = tf.as_dtype(number)
    types = set(map(type, flat))
    if kind == tf.string:
        if dict in types:
            flat = [
                decoded_base64(leaf) if isinstance(leaf, dict) else leaf
                for leaf in flat
            ]
        _check_types(flat, (str, bytes), kind)
        array = np.empty(len(flat), object)
        array[:] = [
            leaf.encode("utf-8", "surrogatepass")
            if isinstance(leaf, str)
            else leaf
            for leaf in flat
        ]
        return array
    if kind == tf.bool:
        _check_types(flat, (bool,), kind)
    elif kind.is_floating:
        _check_types(flat, (int, float), kind)
        _check_floats(flat, kind)
    elif kind.is_integer:
        _check_types(flat, (int,), kind)
        _check_integers(flat, kind)
    else:
        raise invalid_argument(
            f"Conversion of JSON Value: {shown(flat[:1])} to type: "
            f"{_name(kind)}"
        )
    return np.array(flat, kind.as_numpy_dtype)


def _check_types(flat, allowed: tuple[type, ...], kind: tf.DType) -> None:
    if set(map(type, flat)) <= set(allowed):
        return
    for leaf in flat:
        if type(leaf) not in allowed:
            raise _type_error(leaf, kind)


def _check_floats(flat, kind: tf.DType) -> None:
    whole = 2**53 if kind == tf.float64 else 2**24
    largest = float(kind.max)
    for leaf in flat:
        if isinstance(leaf, int):
            bad = abs(leaf) >= whole
        else:
            bad = math.isfinite(leaf) and abs(leaf) > largest
        if bad:
            raise invalid_argument(
                f"Cannot convert JSON value: {shown(leaf)} to {_name(kind)} "
                "without loss of precision."
            )


def _check_integers(flat, kind: tf.DType) -> None:
    low, high = kind.min, kind.max
    for leaf in flat:
        if not low <= leaf <= high:
            raise _type_error(leaf, kind)


def _type_error(value: typing.Any, kind: tf.DType) -> ServingError:
    return invalid_argument(
        f"JSON Value: {shown(value)} Type: {type_name(value)} is not of "
        f"expected type: {_name(kind)}"
    )


def _name(kind: tf.DType) -> str:
    return {"float32": "float", "float64": "double"}.get(kind.name, kind.name)


def _nested(array: np.ndarray, convert) -> typing.Any:
    if not array.ndim:
        return convert(array.item())
    plain = np.empty(array.shape, object)
    plain.ravel()[:] = [convert(text) for text in array.ravel()]
    return plain.tolist()
