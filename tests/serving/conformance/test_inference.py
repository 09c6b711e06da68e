"""Classify, Regress and MultiInference over the wire."""

import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    regression_pb2,
)

from tests.serving.asking import SECONDS, Code, refused, spec
from tests.serving.foreign_models import EXAMPLES, HALF, TEXTS, example

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def examples(*values):
    given = input_pb2.Input()
    given.example_list.SetInParent()
    given.example_list.examples.extend(example(x=value) for value in values)
    return given


def asking(method, kind):
    """Returns what asks one method, with requests of its kind."""

    def ask(signature, given, name=EXAMPLES):
        asked = kind(model_spec=spec(name, signature), input=given)
        return method(asked, timeout=SECONDS)

    return ask


@pytest.fixture(scope="module")
def classify(prediction):
    return asking(prediction.Classify, classification_pb2.ClassificationRequest)


@pytest.fixture(scope="module")
def regress(prediction):
    return asking(prediction.Regress, regression_pb2.RegressionRequest)


def task(signature, method, name=EXAMPLES):
    return inference_pb2.InferenceTask(
        model_spec=spec(name, signature), method_name=method
    )


@pytest.fixture(scope="module")
def multi(prediction):
    def ask(given, *tasks):
        return prediction.MultiInference(
            inference_pb2.MultiInferenceRequest(tasks=tasks, input=given),
            timeout=SECONDS,
        )

    return ask


def test_classifies(classify):
    answer = classify("", examples(0.75, 0.0))
    first, second = answer.result.classifications
    assert [one.label for one in first.classes] == TEXTS
    assert [one.score for one in first.classes] == [0.25, 0.25, 0.75]
    assert [one.score for one in second.classes] == [1.0, 0.25, 0.0]
    assert answer.model_spec.signature_name == "serving_default"
    assert answer.model_spec.version.value == 1
    (only,) = classify("scores_only", examples(0.25)).result.classifications
    assert [(o.label, o.score) for o in only.classes] == [
        ("", 0.75),
        ("", 0.25),
    ]


def test_regresses(regress):
    answer = regress("regress", examples(1.0, 2.0))
    assert [one.value for one in answer.result.regressions] == [2.5, 3.0]
    assert answer.model_spec.signature_name == "regress"


def test_context_belongs_to_every_example(regress):
    given = input_pb2.Input()
    both = given.example_list_with_context
    both.context.CopyFrom(example(c=3.0))
    both.examples.extend([example(x=1.0), example(x=2.0)])
    answer = regress("context", given)
    assert [one.value for one in answer.result.regressions] == [31.0, 32.0]


def test_no_example(classify, regress):
    for given in (examples(), input_pb2.Input()):
        with refused(Code.INVALID_ARGUMENT, "Input is empty."):
            classify("", given)
        with refused(Code.INVALID_ARGUMENT, "Input is empty."):
            regress("regress", given)


def test_unknown_signature(classify, regress):
    for ask in (classify, regress):
        with refused(
            Code.INVALID_ARGUMENT, "No signature was found with the name: x"
        ):
            ask("x", examples(1.0))


def test_no_model_spec(prediction):
    with refused(Code.INVALID_ARGUMENT, "Missing ModelSpec"):
        prediction.Classify(classification_pb2.ClassificationRequest())
    with refused(Code.INVALID_ARGUMENT, "Missing ModelSpec"):
        prediction.Regress(regression_pb2.RegressionRequest())


def test_signatures_of_another_kind(classify, regress):
    with refused(Code.INVALID_ARGUMENT, "Expected one input Tensor."):
        classify("add", examples(1.0), HALF)
    with refused(
        Code.FAILED_PRECONDITION,
        part="No regression inputs found in SignatureDef: ",
    ):
        regress("", examples(1.0), HALF)
    with refused(
        Code.FAILED_PRECONDITION,
        part='to contain at least one of "classes" or "scores".',
    ):
        classify("regress", examples(1.0))
    with refused(
        Code.INVALID_ARGUMENT,
        "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE",
    ):
        regress("wide_regress", examples(1.0))


def test_examples_that_the_graph_refuses(regress):
    with refused(Code.INVALID_ARGUMENT, part="x"):
        regress(
            "regress",
            input_pb2.Input(
                example_list=input_pb2.ExampleList(examples=[example(y=1.0)])
            ),
        )


def test_several_tasks_at_once(multi):
    answer = multi(
        examples(0.5),
        task("serving_default", CLASSIFY),
    )
    (one,) = answer.results
    assert one.model_spec.signature_name == "serving_default"
    assert one.model_spec.version.value == 1
    (found,) = one.classification_result.classifications
    assert [c.score for c in found.classes] == [0.5, 0.25, 0.5]


def test_tasks_that_do_not_go_together(multi):
    given = examples(0.5)
    for tasks, code, message in (
        ([], Code.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (
            [task("regress", REGRESS), task("", CLASSIFY, HALF)],
            Code.INVALID_ARGUMENT,
            "All ModelSpecs in a MultiInferenceRequest must access the same "
            "model name.",
        ),
        (
            [task("regress", REGRESS), task("regress", REGRESS)],
            Code.INVALID_ARGUMENT,
            "Duplicate evaluation of signature: regress",
        ),
        (
            [task("x", REGRESS)],
            Code.INVALID_ARGUMENT,
            "Requested signature not found in model graph: x",
        ),
        (
            [task("regress", "predict")],
            Code.UNIMPLEMENTED,
            "Unsupported signature method_name: predict",
        ),
        (
            # Each signature of TensorFlow 2 has an input of its own.
            [task("regress", REGRESS), task("", CLASSIFY)],
            Code.INVALID_ARGUMENT,
            "Input tensor must be the same for all Signatures.",
        ),
    ):
        with refused(code, message):
            multi(given, *tasks)
