"""Predict: any signature, tensors in and tensors out."""

import dataclasses
import typing

import grpc
from tensorflow_serving.apis import predict_pb2

from serving import tensors
from serving.model_server.errors import (
    ServingError,
    exhausted,
    failed_precondition,
    invalid_argument,
)
from serving.model_server.result_cache import ResultCache
from serving.model_server.running import Runner
from serving.model_server.servable import Servable, Signature

DEFAULT_SIGNATURE = "serving_default"
# What a signature can have been exported for.
PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictor:
    """Answers PredictRequests.

    Attributes:
      runner: Runs graphs, one request by one or in batches.
      as_content: Answer numbers as raw bytes, not in typed fields.
      max_tensor_bytes: Of the largest tensor.
      check_method: Refuse signatures that were exported for nothing known.
      cache: Of answers; None for none.
    """

    runner: Runner
    as_content: bool = False
    max_tensor_bytes: int = 2**31 - 1
    check_method: bool = False
    cache: ResultCache | None = None

    def predict(
        self,
        version: int,
        servable: Servable,
        request: predict_pb2.PredictRequest,
        timeout_seconds: float | None = None,
    ) -> predict_pb2.PredictResponse:
        """Answers a request.

        Args:
          version: Of the servable.
          servable: What answers.
          request: What is asked.
          timeout_seconds: When to give up; None never.

        Raises:
          ServingError: The request does not fit the signature, or the graph
            refuses.
        """
        if self.cache is None:
            return self._predict(version, servable, request, timeout_seconds)
        key = self.cache.key(servable, request)
        answer = self.cache.get(key)
        if answer is None:
            answer = self._predict(version, servable, request, timeout_seconds)
            self.cache.put(key, answer)
        return answer

    def _predict(self, version, servable, request, timeout_seconds):
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        signature = servable.signatures.get(name)
        if signature is None:
            raise failed_precondition(
                f'Serving signature key "{name}" not found.'
            )
        known = (PREDICT, CLASSIFY, REGRESS)
        if self.check_method and signature.method_name not in known:
            raise ServingError(
                grpc.StatusCode.INTERNAL,
                "Expected prediction signature method_name to be one of "
                f"{{{', '.join(known)}}}. Was: {signature.method_name}",
            )
        inputs = self._inputs(signature, request.inputs)
        aliases = _outputs(signature, request.output_filter)
        values = self.runner.run(
            servable,
            name,
            inputs,
            [signature.outputs[alias].name for alias in aliases],
            timeout_seconds,
            model=request.model_spec.name,
            api="Predict",
        )
        response = predict_pb2.PredictResponse()
        spec = response.model_spec
        spec.name = request.model_spec.name
        spec.version.value = version
        spec.signature_name = name
        for alias, value in zip(aliases, values, strict=True):
            tensors.encode(
                value, response.outputs[alias], as_content=self.as_content
            )
        return response

    def _inputs(
        self, signature: Signature, given: typing.Mapping[str, typing.Any]
    ) -> list[tuple[str, typing.Any]]:
        defaults = signature.defaults
        _check_size(given, signature)
        feeds = []
        seen = []
        for alias in sorted(signature.inputs):
            if alias in given:
                proto = given[alias]
                seen.append(alias)
            elif alias in defaults:
                proto = defaults[alias]
            else:
                raise invalid_argument(
                    f"Signature input alias: {alias}(feed name: "
                    f"{signature.inputs[alias].name}) not found in request "
                    "and no default value provided. Inputs expected to be in "
                    f"the request {{{','.join(sorted(given))}}}, or default "
                    f"input alias set: {','.join(sorted(defaults))}"
                )
            feeds.append(
                (signature.inputs[alias].name, self._decode(alias, proto))
            )
        if len(seen) != len(given):
            raise invalid_argument(
                "Inputs contains invalid name. Used request inputs: "
                f"{','.join(seen)}, request input: {','.join(sorted(given))}"
            )
        return feeds

    def _decode(self, alias: str, proto: typing.Any):
        try:
            return tensors.decode(proto, self.max_tensor_bytes)
        except tensors.TooLargeError as error:
            raise exhausted(f"{alias}: {error}") from error
        except (ValueError, OverflowError) as error:
            raise invalid_argument(f"tensor parsing error: {alias}") from error


def _check_size(
    given: typing.Mapping[str, typing.Any], signature: Signature
) -> None:
    expected = signature.inputs
    if len(given) == len(expected):
        return
    if len(given) < len(expected) and signature.defaults:
        return
    extra = sorted(set(given) - set(expected))
    missing = sorted(set(expected) - set(given))
    raise invalid_argument(
        f"input size does not match signature: {len(given)}!={len(expected)} "
        f"len({{{','.join(sorted(given))}}}) != "
        f"len({{{','.join(sorted(expected))}}}). "
        f"Sent extra: {{{','.join(extra)}}}. "
        f"Missing but required: {{{','.join(missing)}}}."
    )


def _outputs(
    signature: Signature, wanted: typing.Sequence[str]
) -> typing.Sequence[str]:
    seen = set()
    for alias in wanted:
        if alias not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {alias} Outputs "
                f"expected to be in the set "
                f"{{{','.join(sorted(signature.outputs))}}}."
            )
        if alias in seen:
            raise invalid_argument(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return list(wanted) or sorted(signature.outputs)
