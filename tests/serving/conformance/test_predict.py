"""Predict over the wire: row by row what TensorFlow Serving does."""

import time

import grpc
import numpy as np
import pytest
import tensorflow as tf

from tests.serving.asking import SECONDS, Code, proto, refused, request
from tests.serving.foreign_models import EXAMPLES, HALF, KERAS, example


@pytest.fixture(scope="module")
def predict(prediction):
    return lambda asked, timeout=SECONDS: prediction.Predict(
        asked, timeout=timeout
    )


def test_answers_in_typed_fields_and_names_who_answered(predict):
    answer = predict(request(HALF, x=[1.0, 2.0, 5.0]))
    y = answer.outputs["y"]
    assert list(y.float_val) == [3.5, 4.0, 5.5]
    assert not y.tensor_content
    assert [d.size for d in y.tensor_shape.dim] == [3]
    assert answer.model_spec.name == HALF
    assert answer.model_spec.version.value == 2
    assert answer.model_spec.signature_name == "serving_default"


def test_answers_by_version(predict):
    answer = predict(request(HALF, x=[1.0], version=1))
    assert list(answer.outputs["y"].float_val) == [2.5]
    assert answer.model_spec.version.value == 1


def test_answers_every_type_in_its_field(predict):
    answer = predict(
        request(
            HALF,
            "types",
            n32=np.array([1], np.int32),
            n64=np.array([2**40], np.int64),
            flag=[True],
            wide=np.array([0.1]),
            small=np.array([254], np.uint8),
            half=np.array([0.5], np.float16),
        )
    ).outputs
    assert list(answer["n32"].int_val) == [2]
    assert list(answer["n64"].int64_val) == [2**40 + 1]
    assert list(answer["flag"].bool_val) == [False]
    assert list(answer["wide"].double_val) == [1.1]
    assert list(answer["small"].int_val) == [255]
    assert tf.make_ndarray(answer["half"]).tolist() == [1.5]


def test_answers_strings(predict):
    answer = predict(request(HALF, "strings", text=["aé", "鼠标"])).outputs
    assert list(answer["upper"].string_val) == ["AÉ".encode(), "鼠标".encode()]


def test_takes_typed_fields_and_content_alike(predict):
    typed = tf.make_tensor_proto([1.0, 2.0])
    typed.ClearField("tensor_content")
    typed.float_val[:] = [1.0, 2.0]
    # One value stands for all that follow.
    repeated = tf.make_tensor_proto([0.0, 0.0, 0.0])
    repeated.ClearField("tensor_content")
    repeated.float_val[:] = [1.0, 4.0]
    for given, expected in ((typed, [3.5, 4.0]), (repeated, [3.5, 5.0, 5.0])):
        answer = predict(request(HALF, x=given))
        assert list(answer.outputs["y"].float_val) == expected


def test_fills_in_defaults_of_the_signature(predict):
    answer = predict(request(HALF, "times", x=[2.0]))
    assert list(answer.outputs["y"].float_val) == [6.0]
    answer = predict(request(HALF, "times", x=[2.0], by=5.0))
    assert list(answer.outputs["y"].float_val) == [10.0]


def test_serves_a_keras_classifier(predict):
    rows = np.array([[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3]], np.float32)
    answer = predict(request(KERAS, petals=rows))
    (output,) = answer.outputs.values()
    chances = tf.make_ndarray(output)
    assert chances.shape == (2, 3)
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    assert answer.model_spec.version.value == 7


def test_predicts_on_serialised_examples(predict):
    examples = [example(x=0.5).SerializeToString()]
    answer = predict(request(EXAMPLES, "regress", inputs=examples))
    assert list(answer.outputs["outputs"].float_val) == [2.25]


def test_unknown_model_and_version(predict):
    with refused(
        Code.NOT_FOUND, "Servable not found for request: Latest(nope)"
    ):
        predict(request("nope", x=[1.0]))
    with refused(
        Code.NOT_FOUND,
        f"Servable not found for request: Specific({HALF}, 9)",
    ):
        predict(request(HALF, x=[1.0], version=9))


def test_unknown_label(predict):
    with refused(
        Code.INVALID_ARGUMENT, "Unrecognized servable version label: x"
    ):
        predict(request(HALF, x=[1.0], label="x"))


def test_no_model_spec_or_name(predict):
    asked = request(HALF, x=[1.0])
    asked.ClearField("model_spec")
    with refused(Code.INVALID_ARGUMENT, "Missing ModelSpec"):
        predict(asked)
    with refused(Code.INVALID_ARGUMENT, "ModelSpec has no name specified."):
        predict(request("", x=[1.0]))


def test_unknown_signature(predict):
    with refused(
        Code.FAILED_PRECONDITION, 'Serving signature key "x" not found.'
    ):
        predict(request(HALF, "x", x=[1.0]))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {},
            "input size does not match signature: 0!=2 len({}) != len({a,b}). "
            "Sent extra: {}. Missing but required: {a,b}.",
        ),
        (
            {"a": [[1.0]]},
            "input size does not match signature: 1!=2 len({a}) != len({a,b})."
            " Sent extra: {}. Missing but required: {b}.",
        ),
        (
            {"a": [[1.0]], "b": [[1.0]], "c": [1.0]},
            "input size does not match signature: 3!=2 len({a,b,c}) != "
            "len({a,b}). Sent extra: {c}. Missing but required: {}.",
        ),
    ],
)
def test_wrong_number_of_inputs(predict, inputs, message):
    with refused(Code.INVALID_ARGUMENT, message):
        predict(request(HALF, "add", **inputs))


def test_wrong_names_of_inputs(predict):
    with refused(
        Code.INVALID_ARGUMENT, part="not found in request and no default value"
    ):
        predict(request(HALF, "add", a=[[1.0]], c=[[1.0]]))
    # Fewer may come where there are defaults, but not others.
    with refused(
        Code.INVALID_ARGUMENT,
        "Inputs contains invalid name. Used request inputs: x, request "
        "input: x,z",
    ):
        predict(request(HALF, "times", x=[1.0], z=1.0))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (["a"], "string"),
        (np.array([1.0]), "double"),
        (np.array([1], np.int64), "int64"),
        ([True], "bool"),
    ],
)
def test_wrong_type_is_never_cast(predict, value, name):
    with refused(
        Code.INVALID_ARGUMENT,
        part=f"Expects arg[0] to be float but {name} is provided",
    ):
        predict(request(HALF, x=value))


def test_broken_tensors(predict):
    short = tf.make_tensor_proto(np.zeros(3, np.float32))
    short.tensor_content = b"123"
    negative = proto([1.0])
    negative.tensor_shape.dim[0].size = -1
    no_type = proto([1.0])
    no_type.dtype = 0
    for broken in (short, negative, no_type):
        with refused(Code.INVALID_ARGUMENT, part="tensor parsing error: x"):
            predict(request(HALF, x=broken))


def test_output_filter(predict):
    answer = predict(
        request(HALF, "half_plus_three", x=[2.0], outputs=["version"])
    )
    assert list(answer.outputs) == ["version"]
    with refused(
        Code.INVALID_ARGUMENT,
        "output tensor alias not found in signature: x Outputs expected to "
        "be in the set {version,y}.",
    ):
        predict(request(HALF, "half_plus_three", x=[2.0], outputs=["x"]))
    with refused(Code.INVALID_ARGUMENT, "duplicate output tensor alias: y"):
        predict(request(HALF, x=[2.0], outputs=["y", "y"]))


def test_what_the_graph_refuses(predict):
    with refused(Code.INVALID_ARGUMENT, part="x must be below 5, but is"):
        predict(request(HALF, "checked", x=[7.0]))


def test_long_messages_are_cut(predict):
    with pytest.raises(grpc.RpcError) as caught:
        predict(request(HALF, "repeated", x=[7.0]))
    assert caught.value.code() == Code.INVALID_ARGUMENT
    kept, _, nothing = caught.value.details().partition("...TRUNCATED")
    # A character that does not fit is left out.
    assert 1021 < len(kept.encode()) <= 1024
    assert not nothing


def test_the_deadline_ends_the_run(predict):
    begin = time.monotonic()
    with refused(Code.DEADLINE_EXCEEDED):
        predict(
            request(HALF, "slow", rounds=np.array([10**6], np.int32)),
            timeout=0.3,
        )
    assert time.monotonic() - begin < 60
    # The server is not still at it.
    begin = time.monotonic()
    predict(request(HALF, "slow", rounds=np.array([1], np.int32)))
    assert time.monotonic() - begin < 60


def test_messages_beyond_grpcs_default(predict):
    many = np.arange(2_000_000, dtype=np.float32)
    answer = predict(request(HALF, x=many))
    assert len(answer.outputs["y"].float_val) == len(many)
    assert answer.outputs["y"].float_val[-1] == many[-1] / 2 + 3
