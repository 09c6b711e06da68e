"""All that the server can be asked, whichever way the question comes."""

import time
import typing
from collections.abc import Callable

import grpc

from serving.model_server import status
from serving.model_server.core import Core
from serving.model_server.errors import (
    ServingError,
    invalid_argument,
    of,
)
from serving.model_server.inference import Inferrer
from serving.model_server.metrics import UNKNOWN_MODEL, Metrics
from serving.model_server.predict import Predictor
from serving.model_server.servable import Servable

GRPC, REST = "GRPC", "REST"


class Api:
    """Finds who answers, asks, and counts."""

    def __init__(
        self,
        core: Core,
        predictor: Predictor,
        inferrer: Inferrer,
        metrics: Metrics,
        *,
        allow_reload: bool = True,
    ):
        """Puts the parts together.

        Args:
          core: The models.
          predictor: Answers Predict.
          inferrer: Answers Classify, Regress and MultiInference.
          metrics: Counts.
          allow_reload: Take configurations by request.
        """
        self.core = core
        self._metrics = metrics
        self._allow_reload = allow_reload
        self._calls: dict[str, Callable[..., typing.Any]] = {
            "Predict": predictor.predict,
            "Classify": inferrer.classify,
            "Regress": inferrer.regress,
            "MultiInference": inferrer.multi_inference,
        }

    def infer(
        self,
        call: str,
        request: typing.Any,
        timeout_seconds: float | None,
        entrypoint: str = GRPC,
    ) -> typing.Any:
        """Answers Predict, Classify, Regress or MultiInference.

        Args:
          call: Which.
          request: Its message.
          timeout_seconds: When to give up; None never.
          entrypoint: How the request came, for the metrics.

        Raises:
          ServingError: There is no answer.
        """
        begin = time.perf_counter()
        name = ""
        outcome = grpc.StatusCode.OK
        try:
            if timeout_seconds is not None and timeout_seconds <= 0:
                raise ServingError(
                    grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"
                )
            spec = _spec(call, request)
            name = spec.name
            with self.core.servable(spec) as (version, servable):
                return self._calls[call](
                    version, servable, request, timeout_seconds
                )
        except ServingError as error:
            outcome = error.code
            raise
        except Exception as error:
            # In no variable, which would make a circle that holds the request.
            outcome = of(error).code
            raise of(error) from error
        finally:
            self._metrics.answered(
                name if self.core.configured(name) else UNKNOWN_MODEL,
                call,
                entrypoint,
                outcome.name,
                time.perf_counter() - begin,
            )

    def warm_up(self, call: str) -> Callable[[Servable, typing.Any], object]:
        """Returns what plays a request on a servable that is not out yet."""
        return lambda servable, request: self._calls[call](0, servable, request)

    def model_status(self, request: typing.Any) -> typing.Any:
        """Answers GetModelStatus.

        Raises:
          ServingError: There is no such model.
        """
        return status.model_status(self.core, request)

    def model_metadata(self, request: typing.Any) -> typing.Any:
        """Answers GetModelMetadata.

        Raises:
          ServingError: There is no such model, or something else is asked.
        """
        return status.model_metadata(self.core, request)

    def reload(self, request: typing.Any, until: Callable[[], bool]) -> None:
        """Answers HandleReloadConfigRequest.

        Args:
          request: With the new configuration.
          until: Says when nobody waits any more.

        Raises:
          ServingError: The configuration is refused, or a model of it.
        """
        if not self._allow_reload:
            raise ServingError(
                grpc.StatusCode.PERMISSION_DENIED,
                "This server takes no configuration by request: "
                "--enable_model_reload is false.",
            )
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid_argument(
                "ServerModelConfig type not supported by "
                "HandleReloadConfigRequest. Only ModelConfigList is currently "
                "supported"
            )
        self.core.reload(request.config, until)


def _spec(call: str, request: typing.Any) -> typing.Any:
    """Returns the ModelSpec of a request."""
    if call == "MultiInference":
        task = request.tasks[0] if request.tasks else None
        if task is None:
            raise invalid_argument("ModelSpec has no name specified.")
        return task.model_spec
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    return request.model_spec
