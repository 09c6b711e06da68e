"""Classify, Regress and MultiInference: tf.Examples in, results out."""

import dataclasses
import typing
from collections.abc import Callable

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    regression_pb2,
)

from serving.model_server.errors import (
    ServingError,
    failed_precondition,
    invalid_argument,
)
from serving.model_server.predict import (
    CLASSIFY,
    DEFAULT_SIGNATURE,
    REGRESS,
)
from serving.model_server.running import Runner
from serving.model_server.servable import Servable, Signature

_INPUTS, _CLASSES, _SCORES, _OUTPUTS = "inputs", "classes", "scores", "outputs"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inferrer:
    """Answers requests that carry tf.Examples.

    Attributes:
      runner: Runs graphs.
      check_method: Refuse signatures that were exported for something else.
    """

    runner: Runner
    check_method: bool = False

    def classify(
        self,
        version: int,
        servable: Servable,
        request: classification_pb2.ClassificationRequest,
        timeout_seconds: float | None = None,
    ) -> classification_pb2.ClassificationResponse:
        """Answers a ClassificationRequest.

        Raises:
          ServingError: The request or the signature does not fit.
        """
        response = classification_pb2.ClassificationResponse()
        _fill_classes(
            response.result,
            *self._one(
                servable,
                request,
                self._classification,
                timeout_seconds,
                api="Classify",
            ),
        )
        _fill_spec(response.model_spec, request.model_spec, version)
        return response

    def regress(
        self,
        version: int,
        servable: Servable,
        request: regression_pb2.RegressionRequest,
        timeout_seconds: float | None = None,
    ) -> regression_pb2.RegressionResponse:
        """Answers a RegressionRequest.

        Raises:
          ServingError: The request or the signature does not fit.
        """
        response = regression_pb2.RegressionResponse()
        _fill_regressions(
            response.result,
            *self._one(
                servable,
                request,
                self._regression,
                timeout_seconds,
                api="Regress",
            ),
        )
        _fill_spec(response.model_spec, request.model_spec, version)
        return response

    def multi_inference(
        self,
        version: int,
        servable: Servable,
        request: inference_pb2.MultiInferenceRequest,
        timeout_seconds: float | None = None,
    ) -> inference_pb2.MultiInferenceResponse:
        """Answers several tasks on the same examples with one run.

        Raises:
          ServingError: A task does not fit its signature or the others.
        """
        feed = ""
        fetches: dict[str, None] = {}
        names: list[str] = []
        for task in request.tasks:
            name, tensors = self._task(request, task, servable, names)
            feed = feed or tensors[0]
            if tensors[0] != feed:
                raise invalid_argument(
                    "Input tensor must be the same for all Signatures."
                )
            fetches.update(dict.fromkeys(tensors[1:]))
            names.append(name)
        values, count = self._run(
            servable,
            ",".join(names),
            request.input,
            [feed, *fetches],
            timeout_seconds,
            model=request.tasks[0].model_spec.name,
            api="MultiInference",
        )
        response = inference_pb2.MultiInferenceResponse()
        for name, task in zip(names, request.tasks, strict=True):
            result = response.results.add()
            _fill_spec(result.model_spec, task.model_spec, version)
            signature = servable.signatures[name]
            if task.method_name == CLASSIFY:
                _fill_classes(
                    result.classification_result, signature, values, count
                )
            else:
                _fill_regressions(
                    result.regression_result, signature, values, count
                )
        return response

    def _one(
        self,
        servable: Servable,
        request: typing.Any,
        tensors_of: Callable[[Signature], list[str]],
        timeout_seconds: float | None,
        *,
        api: str,
    ) -> tuple[Signature, dict[str, np.ndarray], int]:
        """Runs the one signature that a request names.

        Returns:
          The signature, values by tensor, and how many examples.
        """
        name, signature = _signature(servable, request.model_spec)
        values, count = self._run(
            servable,
            name,
            request.input,
            tensors_of(signature),
            timeout_seconds,
            model=request.model_spec.name,
            api=api,
        )
        return signature, values, count

    def _task(self, request, task, servable, before):
        """Returns the name of a task's signature, and its tensors."""
        if not task.model_spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if task.model_spec.name != request.tasks[0].model_spec.name:
            raise invalid_argument(
                "All ModelSpecs in a MultiInferenceRequest must access the "
                "same model name."
            )
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in before:
            raise invalid_argument(f"Duplicate evaluation of signature: {name}")
        signature = servable.signatures.get(name)
        if signature is None:
            raise invalid_argument(
                f"Requested signature not found in model graph: {name}"
            )
        if task.method_name == CLASSIFY:
            return name, self._classification(signature)
        if task.method_name == REGRESS:
            return name, self._regression(signature)
        raise ServingError(
            grpc.StatusCode.UNIMPLEMENTED,
            f"Unsupported signature method_name: {task.method_name}",
        )

    def _classification(self, signature: Signature) -> list[str]:
        """Returns the tensors of a classification, the input first."""
        self._check_method(signature, CLASSIFY, "classification")
        _check_one_input(signature)
        if len(signature.outputs) not in (1, 2):
            raise invalid_argument(
                "Expected one or two output Tensors, found "
                f"{len(signature.outputs)}"
            )
        feed = _input(signature, "classification")
        fetches = [
            signature.outputs[key].name
            for key in (_CLASSES, _SCORES)
            if key in signature.outputs
        ]
        if not fetches:
            raise failed_precondition(
                "Expected classification signature outputs to contain at "
                f'least one of "{_CLASSES}" or "{_SCORES}". Signature was: '
                f"{signature}"
            )
        return [feed, *fetches]

    def _regression(self, signature: Signature) -> list[str]:
        """Returns the tensors of a regression, the input first."""
        self._check_method(signature, REGRESS, "regression")
        _check_one_input(signature)
        if len(signature.outputs) != 1:
            raise invalid_argument("Expected one output Tensor.")
        feed = _input(signature, "regression")
        if _OUTPUTS not in signature.outputs:
            raise failed_precondition(
                f"No regression outputs found in SignatureDef: {signature}"
            )
        return [feed, signature.outputs[_OUTPUTS].name]

    def _check_method(self, signature: Signature, method: str, kind: str):
        if self.check_method and signature.method_name != method:
            raise invalid_argument(
                f"Expected {kind} signature method_name to be {method}. Was: "
                f"{signature.method_name}"
            )

    def _run(
        self,
        servable: Servable,
        name: str,
        given: typing.Any,
        tensors: list[str],
        timeout_seconds: float | None,
        *,
        model: str,
        api: str,
    ) -> tuple[dict[str, np.ndarray], int]:
        """Feeds examples; returns values by tensor, and how many examples."""
        examples = _serialized(given)
        feed, *fetches = tensors
        values = self.runner.run(
            servable,
            name,
            [(feed, examples)],
            fetches,
            timeout_seconds,
            model=model,
            api=api,
        )
        arrays = [np.asarray(value) for value in values]
        return dict(zip(fetches, arrays, strict=True)), len(examples)


def _signature(servable: Servable, spec: typing.Any) -> tuple[str, Signature]:
    name = spec.signature_name or DEFAULT_SIGNATURE
    if name not in servable.signatures:
        raise invalid_argument(f"No signature was found with the name: {name}")
    return name, servable.signatures[name]


def _check_one_input(signature: Signature) -> None:
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")


def _input(signature: Signature, kind: str) -> str:
    if _INPUTS not in signature.inputs:
        raise failed_precondition(
            f"No {kind} inputs found in SignatureDef: {signature}"
        )
    return signature.inputs[_INPUTS].name


def _serialized(given: typing.Any) -> np.ndarray:
    """Returns the examples of an Input as strings, the context in each."""
    kind = given.WhichOneof("kind")
    examples = getattr(given, kind).examples if kind else ()
    if not examples:
        raise invalid_argument("Input is empty.")
    # Two messages one after the other are the two merged.
    context = b""
    if kind == "example_list_with_context":
        context = given.example_list_with_context.context.SerializeToString()
    array = np.empty(len(examples), object)
    array[:] = [context + example.SerializeToString() for example in examples]
    return array


def _fill_spec(spec: typing.Any, asked: typing.Any, version: int) -> None:
    spec.name = asked.name
    spec.version.value = version
    spec.signature_name = asked.signature_name or DEFAULT_SIGNATURE


def _fill_classes(
    result: classification_pb2.ClassificationResult,
    signature: Signature,
    values: dict[str, np.ndarray],
    count: int,
) -> None:
    found = {}
    for key, kind, code in ((_CLASSES, "O", "STRING"), (_SCORES, "f", "FLOAT")):
        if key not in signature.outputs:
            continue
        array = values[signature.outputs[key].name]
        _check_matrix(array)
        if array.dtype.kind != kind or (kind == "f" and array.itemsize != 4):
            raise invalid_argument(
                f"Expected {key} Tensor of DT_{code}. Got: {_type(array)}"
            )
        if len(array) != count:
            raise invalid_argument(
                f"Expected {key} output batch size of {count}. Got: "
                f"{len(array)}"
            )
        found[key] = array.tolist()
    classes, scores = found.get(_CLASSES), found.get(_SCORES)
    if classes and scores and len(classes[0]) != len(scores[0]):
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). Got "
            f"{len(classes[0])} vs. {len(scores[0])}"
        )
    for row in range(count):
        row_of = result.classifications.add()
        for column in range(len((classes or scores or [])[row])):
            one = row_of.classes.add()
            if classes:
                one.label = classes[row][column].decode(errors="replace")
            if scores:
                one.score = scores[row][column]


def _fill_regressions(
    result: regression_pb2.RegressionResult,
    signature: Signature,
    values: dict[str, np.ndarray],
    count: int,
) -> None:
    array = values[signature.outputs[_OUTPUTS].name]
    if array.ndim != 1 and not (array.ndim == 2 and array.shape[1] == 1):
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or "
            f"[batch_size, 1] but got {_shape(array)}"
        )
    if len(array) != count:
        raise invalid_argument(
            "Input batch size did not match output batch size: "
            f"{count} vs. {len(array)}"
        )
    if array.dtype != np.float32:
        raise invalid_argument(
            f"Expected output Tensor of DT_FLOAT.  Got: {_type(array)}"
        )
    for value in array.ravel().tolist():
        result.regressions.add(value=value)


def _check_matrix(array: np.ndarray) -> None:
    if array.ndim != 2:
        raise invalid_argument(
            "Expected Tensor shape: [batch_size num_classes] but got "
            f"{_shape(array)}"
        )


def _shape(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _type(array: np.ndarray) -> str:
    kind = tf.string if array.dtype.kind == "O" else tf.as_dtype(array.dtype)
    return f"DT_{kind.name.upper()}".replace("FLOAT32", "FLOAT").replace(
        "FLOAT64", "DOUBLE"
    )
