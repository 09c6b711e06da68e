"""Converts between tensor messages and arrays, as TensorFlow itself does.

Works on the messages of `tensorflow` and on those of `serving.protos`.
`tensorflow.make_ndarray` takes twenty times as long for an ordinary request.
"""

import math
import typing

import numpy as np

# Numbers of tensorflow.DataType.
FLOAT, INT32, STRING, INT64 = 1, 3, 7, 9
_BFLOAT16 = 14
# The field of a number's values, and the type of its array.
_FIELDS: dict[int, tuple[str, type[np.generic]]] = {
    FLOAT: ("float_val", np.float32),
    2: ("double_val", np.float64),
    INT32: ("int_val", np.int32),
    4: ("int_val", np.uint8),
    5: ("int_val", np.int16),
    6: ("int_val", np.int8),
    8: ("scomplex_val", np.complex64),
    INT64: ("int64_val", np.int64),
    10: ("bool_val", np.bool_),
    17: ("int_val", np.uint16),
    18: ("dcomplex_val", np.complex128),
    19: ("half_val", np.float16),
    22: ("uint32_val", np.uint32),
    23: ("uint64_val", np.uint64),
}
_ENUMS = {np.dtype(kind): number for number, (_, kind) in _FIELDS.items()}
# Complex numbers travel as pairs, half precision as its bits.
_PARTS: dict[int, type[np.generic]] = {
    8: np.float32,
    _BFLOAT16: np.uint16,
    18: np.float64,
    19: np.uint16,
}
# Fields whose values have the same bytes in a message as in an array.
_PACKED = {
    "float_val": 5,
    "double_val": 6,
    "scomplex_val": 9,
    "dcomplex_val": 12,
}
# Fields that hold numbers narrower than themselves.
_NARROW = ("int_val", "half_val")


class TooLargeError(ValueError):
    """A tensor would take more memory than is allowed."""


def decode(proto: typing.Any, max_bytes: int = 2**31 - 1) -> np.ndarray:
    """Makes an array of a tensor message.

    Values that are missing at the end repeat the last one that is there, and
    are zero or empty where none is, as TensorFlow has it.

    Args:
      proto: A TensorProto.
      max_bytes: How many bytes the array may take; a few bytes of a message
        can ask for terabytes.

    Returns:
      The array; strings as bytes in one of objects.

    Raises:
      TooLargeError: It would take more.
      ValueError: The message is no tensor.
    """
    shape = [dimension.size for dimension in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError("the shape is not known")
    count = math.prod(shape)
    if proto.dtype == STRING:
        _check_size(count * 8, max_bytes)
        return _filled(_strings(proto, count), count, b"", object, shape)
    name, kind = _field(proto.dtype)
    _check_size(count * np.dtype(kind).itemsize, max_bytes)
    if proto.tensor_content:
        # Raises where the bytes are too many or too few.
        return np.frombuffer(proto.tensor_content, kind).reshape(shape)
    values = np.array(
        getattr(proto, name), np.int32 if name in _NARROW else None
    )
    parts = values.astype(_PARTS.get(proto.dtype, kind), copy=False)
    return _filled(parts.view(kind), count, 0, kind, shape)


def encode(
    value: typing.Any, proto: typing.Any, *, as_content: bool = False
) -> None:
    """Writes an array into an empty tensor message.

    Args:
      value: An array; strings as bytes in one of objects.
      proto: A TensorProto.
      as_content: Numbers as raw bytes; by default in the typed fields that
        clients read.

    Raises:
      ValueError: No tensor has values of this type.
    """
    array = np.asarray(value)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if array.dtype.kind in "OSU":
        proto.dtype = STRING
        strings = array.ravel().tolist()
        if str in set(map(type, strings)):
            strings = [
                text.encode() if isinstance(text, str) else text
                for text in strings
            ]
        proto.string_val.extend(strings)
        return
    proto.dtype = _enum(array.dtype)
    name = _field(proto.dtype)[0]
    flat = np.ascontiguousarray(array).ravel()
    if as_content:
        proto.tensor_content = flat.tobytes()
    elif name in _PACKED:
        raw = flat.tobytes()
        if raw:
            proto.MergeFromString(
                bytes([_PACKED[name] << 3 | 2]) + _varint(len(raw)) + raw
            )
    else:
        flat = flat.view(_PARTS.get(proto.dtype, flat.dtype))
        getattr(proto, name).extend(flat.tolist())


def _field(number: int) -> tuple[str, type[np.generic]]:
    if number in _FIELDS:
        return _FIELDS[number]
    if number == _BFLOAT16:
        try:
            import ml_dtypes
        except ImportError as error:
            raise ValueError("bfloat16 needs the package ml_dtypes") from error
        return "half_val", ml_dtypes.bfloat16
    raise ValueError(f"no tensor of type {number} can be read")


def _enum(dtype: np.dtype) -> int:
    if dtype in _ENUMS:
        return _ENUMS[dtype]
    if dtype.name == "bfloat16":
        return _BFLOAT16
    raise ValueError(f"no tensor has values of type {dtype}")


def _check_size(needed: int, max_bytes: int) -> None:
    if needed > max_bytes:
        raise TooLargeError(
            f"a tensor of {needed} bytes is larger than the {max_bytes} that "
            "are allowed"
        )


def _filled(values, count: int, default, kind, shape: list[int]) -> np.ndarray:
    if len(values) == count and isinstance(values, np.ndarray):
        return values.reshape(shape)
    array = np.empty(count, kind)
    there = min(len(values), count)
    array[:there] = values[:there]
    if there < count:
        array[there:] = values[-1] if len(values) else default
    return array.reshape(shape)


def _strings(proto: typing.Any, count: int) -> typing.Any:
    if not proto.tensor_content:
        return list(proto.string_val)
    # All lengths, then all bytes.
    content, at, lengths = proto.tensor_content, 0, []
    for _ in range(count):
        length = shift = 0
        while True:
            if at >= len(content) or shift > 63:
                raise ValueError("the content ends inside a length")
            byte = content[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        lengths.append(length)
    if at + sum(lengths) != len(content):
        raise ValueError("the content is not as long as its lengths say")
    strings = []
    for length in lengths:
        strings.append(content[at : at + length])
        at += length
    return strings


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
