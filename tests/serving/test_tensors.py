import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from serving import tensors

VALUES = [
    np.array([[1.5, -2.5]], np.float32),
    np.array([1e300, 0.1]),
    np.array([[-1], [2**31 - 1]], np.int32),
    np.array([255, 0], np.uint8),
    np.array([-128, 127], np.int8),
    np.array([-(2**15)], np.int16),
    np.array([2**16 - 1], np.uint16),
    np.array([2**32 - 1], np.uint32),
    np.array([2**64 - 1], np.uint64),
    np.array([-(2**63), 2**63 - 1]),
    np.array([True, False]),
    np.array([0.5, 65504], np.float16),
    np.array([1 + 2j], np.complex64),
    np.array([1 - 2j]),
    np.array(7, np.int64),
    np.zeros([0, 3], np.float32),
    np.array([["鼠标".encode(), b""]], object),
    tf.constant([1.5, 3.0], tf.bfloat16).numpy(),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{v.dtype}")
@pytest.mark.parametrize("as_content", [False, True])
def test_there_and_back_and_as_tensorflow_reads_it(value, as_content):
    proto = tensor_pb2.TensorProto()
    tensors.encode(value, proto, as_content=as_content)
    read = tensors.decode(proto)
    assert read.dtype == value.dtype
    np.testing.assert_array_equal(read, value)
    np.testing.assert_array_equal(tf.make_ndarray(proto), value)


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{v.dtype}")
def test_reads_what_tensorflow_writes(value):
    np.testing.assert_array_equal(
        tensors.decode(tf.make_tensor_proto(value)), value
    )


def test_repeats_the_last_value_that_is_there():
    proto = tensor_pb2.TensorProto(dtype=9, int64_val=[1, 2])
    proto.tensor_shape.dim.add(size=2)
    proto.tensor_shape.dim.add(size=2)
    assert tensors.decode(proto).tolist() == [[1, 2], [2, 2]]
    proto.int64_val[:] = []
    assert tensors.decode(proto).tolist() == [[0, 0], [0, 0]]
    text = tensor_pb2.TensorProto(dtype=7, string_val=[b"a"])
    text.tensor_shape.dim.add(size=2)
    assert tensors.decode(text).tolist() == [b"a", b"a"]


def test_reads_strings_in_content():
    # As TensorFlow's C++ writes them: lengths, then bytes.
    proto = tensor_pb2.TensorProto(
        dtype=7, tensor_content=b"\x02\x00\x80\x01" + b"ab" + b"c" * 128
    )
    proto.tensor_shape.dim.add(size=3)
    assert tensors.decode(proto).tolist() == [b"ab", b"", b"c" * 128]
    for broken in (b"\x02", b"\x05\x00\x00ab", b"\x80"):
        proto.tensor_content = broken
        with pytest.raises(ValueError, match="content"):
            tensors.decode(proto)


def test_what_is_no_tensor():
    proto = tensor_pb2.TensorProto(dtype=1)
    proto.tensor_shape.unknown_rank = True
    with pytest.raises(ValueError, match="shape"):
        tensors.decode(proto)
    with pytest.raises(ValueError, match="type 21"):
        tensors.decode(tensor_pb2.TensorProto(dtype=21))
    with pytest.raises(ValueError, match="datetime64"):
        tensors.encode(
            np.array(["2020-01-01"], "M8[D]"), tensor_pb2.TensorProto()
        )


def test_a_few_bytes_cannot_ask_for_terabytes():
    proto = tensor_pb2.TensorProto(dtype=1)
    proto.tensor_shape.dim.add(size=2**40)
    with pytest.raises(tensors.TooLargeError, match="4398046511104 bytes"):
        tensors.decode(proto)
    proto.dtype = 7
    with pytest.raises(tensors.TooLargeError):
        tensors.decode(proto, 1024)
