"""The server: puts the parts together, starts and stops them."""

import concurrent.futures
import logging
import pathlib
import threading
import typing

import grpc
from tensorflow.core.protobuf import config_pb2
from tensorflow_serving.config import model_server_config_pb2

from schema.errors import DataError
from serving.model_server import configs, grpc_front, health, tls, warmup
from serving.model_server.api import Api
from serving.model_server.batch_scheduler import (
    BatchingSettings,
    BatchScheduler,
)
from serving.model_server.batching import BatchingRunner
from serving.model_server.core import Core
from serving.model_server.errors import ServingError
from serving.model_server.health import HEALTH_SERVICE, Health
from serving.model_server.http_server import Bounds, HttpServer
from serving.model_server.inference import Inferrer
from serving.model_server.metrics import Metrics
from serving.model_server.predict import Predictor
from serving.model_server.reflection import Reflection
from serving.model_server.rest import Rest
from serving.model_server.result_cache import Counts, ResultCache
from serving.model_server.running import Runner
from serving.model_server.servable import Servable
from serving.model_server.settings import AS_CONTENT, ServerSettings
from serving.model_server.versions import PLATFORM

_LOG = logging.getLogger(__name__)
_MILLISECOND = 1e-3
# When the port closes on those who call again and again, and do not listen.
_CLOSING_SECONDS = 5.0


class ModelServer:
    """Serves models until it is stopped.

    Attributes:
      port: Of the gRPC API, once started.
      rest_api_port: Of the REST API, once started; 0 where there is none.
    """

    def __init__(self, settings: ServerSettings):
        """Reads the files that the settings name; does not listen yet.

        Raises:
          DataError: A file cannot be read, or is not what it should be.
          SettingsError: A file holds a value that is not allowed.
        """
        self.settings = settings
        self.port = 0
        self.rest_api_port = 0
        self._config = _initial_config(settings)
        self._credentials = tls.credentials(settings.ssl_config_file)
        metrics_path = configs.metrics_path(settings.monitoring_config_file)
        self._cache = (
            ResultCache(
                settings.result_cache_mb << 20, settings.result_cache_seconds
            )
            if settings.result_cache_mb
            else None
        )
        self._metrics = Metrics(self._cache)
        self._scheduler = _scheduler(settings)
        self._runner = (
            Runner(self._metrics)
            if self._scheduler is None
            else BatchingRunner(self._metrics, self._scheduler)
        )
        self.core = Core(settings, self._load, self._forget)
        self.api = Api(
            self.core,
            Predictor(
                runner=self._runner,
                as_content=settings.predict_response_tensor_serialization_option
                == AS_CONTENT,
                max_tensor_bytes=settings.max_request_bytes,
                check_method=settings.enable_signature_method_name_check,
                cache=self._cache,
            ),
            Inferrer(
                runner=self._runner,
                check_method=settings.enable_signature_method_name_check,
            ),
            self._metrics,
            allow_reload=settings.enable_model_reload,
        )
        self._health = Health(
            ["", "PredictionService", "ModelService", *grpc_front.METHODS]
        )
        self._gate = grpc_front.Gate()
        self._grpc: grpc.Server | None = None
        self._rest = Rest(
            self.api,
            self._metrics,
            timeout_seconds=settings.rest_api_timeout_in_ms * _MILLISECOND,
            metrics_path=metrics_path,
            cors=settings.rest_api_enable_cors_support,
        )
        self._http: HttpServer | None = None
        self._stopped = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Loads the models, then opens the ports.

        Raises:
          DataError: A model cannot be loaded, or a port cannot be had.
        """
        try:
            self.core.reload(self._config, self._stopped.is_set)
            if self._stopped.is_set():
                return
            self._start_grpc()
            self._start_rest()
        except (ServingError, OSError, RuntimeError) as error:
            self.stop()
            raise DataError(f"Failed to start server. Error: {error}") from (
                error
            )
        self._health.set_serving(True)
        if self.settings.model_config_file_poll_wait_seconds:
            self._watcher = threading.Thread(
                target=self._watch_config, name="config", daemon=True
            )
            self._watcher.start()

    def stop(self) -> None:
        """Takes nothing more, answers what has been accepted, unloads."""
        grace = self.settings.shutdown_grace_seconds
        self._stopped.set()
        self._health.set_serving(False)
        self._gate.close()
        if self._grpc:
            self._gate.wait_until_quiet(_CLOSING_SECONDS)
        stopping = self._grpc.stop(grace) if self._grpc else None
        if self._http:
            self._http.stop(grace)
        if stopping is not None:
            stopping.wait()
        if self._scheduler:
            self._scheduler.stop()
        self.core.stop()

    def wait(self) -> None:
        """Blocks until `stop` is called."""
        self._stopped.wait()

    def request_stop(self) -> None:
        """Lets `wait` return; fit for a signal handler."""
        self._stopped.set()

    def cache_counts(self) -> Counts:
        """Returns what the cache of answers has done; zeros without one."""
        return Counts() if self._cache is None else self._cache.counts()

    def _forget(self, servable: Servable) -> None:
        self._runner.forget(servable)
        if self._cache is not None:
            self._cache.forget(servable)

    def _load(self, path: str) -> Servable:
        settings = self.settings
        servable = Servable(
            path,
            tags=[tag for tag in settings.saved_model_tags.split(",") if tag],
            session_config=_session_config(settings),
        )
        if settings.enable_model_warmup:
            try:
                warmup.play(
                    servable,
                    {
                        "predict_log": self.api.warm_up("Predict"),
                        "classify_log": self.api.warm_up("Classify"),
                        "regress_log": self.api.warm_up("Regress"),
                        "multi_inference_log": self.api.warm_up(
                            "MultiInference"
                        ),
                    },
                    settings.num_request_iterations_for_warmup,
                )
            except Exception:
                servable.close()
                raise
        return servable

    def _start_grpc(self) -> None:
        settings = self.settings
        server = grpc.server(
            concurrent.futures.ThreadPoolExecutor(
                settings.grpc_max_threads, thread_name_prefix="grpc"
            ),
            # gRPC takes the first of two values, so each name stands once.
            options=list(
                {
                    "grpc.max_receive_message_length": (
                        settings.max_request_bytes
                    ),
                    "grpc.max_send_message_length": -1,
                    "grpc.so_reuseport": 0,
                    **dict(settings.channel_options()),
                }.items()
            ),
            maximum_concurrent_rpcs=settings.grpc_max_threads
            + settings.max_queued_requests,
        )
        handlers = grpc_front.handlers(self.api)
        services: dict[str, typing.Any] = dict(grpc_front.METHODS)
        if settings.enable_grpc_healthcheck_service:
            handlers.append(self._health.handler())
            services[HEALTH_SERVICE] = health.METHODS
        if settings.enable_grpc_reflection:
            handlers += Reflection(services).handlers()
        server.add_generic_rpc_handlers((self._gate, *handlers))
        address = f"{settings.host}:{settings.port}"
        if self._credentials is None:
            self.port = server.add_insecure_port(address)
        else:
            self.port = server.add_secure_port(address, self._credentials)
        if settings.grpc_socket_path:
            path = pathlib.Path(settings.grpc_socket_path).absolute()
            server.add_insecure_port(f"unix:{path}")
        server.start()
        self._grpc = server
        _LOG.info("Running gRPC ModelServer at %s:%s", settings.host, self.port)

    def _start_rest(self) -> None:
        settings = self.settings
        if not settings.rest_api_port:
            return
        self._http = HttpServer(
            self._rest.answer,
            self._rest.refuse,
            Bounds(
                threads=settings.rest_api_num_threads,
                queue=settings.max_queued_requests,
                connections=settings.max_rest_connections,
                body_bytes=settings.max_request_bytes,
                timeout_seconds=settings.rest_api_timeout_in_ms * _MILLISECOND,
            ),
        )
        self.rest_api_port = self._http.start(
            settings.host, max(0, settings.rest_api_port)
        )
        _LOG.info(
            "Exporting HTTP/REST API at %s:%s",
            settings.host,
            self.rest_api_port,
        )

    def _watch_config(self) -> None:
        """Reads the configuration file again from time to time."""
        seconds = self.settings.model_config_file_poll_wait_seconds
        while not self._stopped.wait(seconds):
            try:
                config = _initial_config(self.settings)
                if config != self._config:
                    self.core.reload(config, self._stopped.is_set)
                    self._config = config
            except (DataError, ServingError) as error:
                _LOG.warning("%s: %s", self.settings.model_config_file, error)


def _initial_config(settings: ServerSettings) -> typing.Any:
    """Returns the ModelServerConfig that the flags ask for."""
    if settings.model_config_file:
        return configs.read(
            settings.model_config_file,
            model_server_config_pb2.ModelServerConfig,
        )
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.config.add(
        name=settings.model_name,
        base_path=str(pathlib.Path(settings.model_base_path).absolute()),
        model_platform=PLATFORM,
    )
    return config


def _session_config(settings: ServerSettings) -> config_pb2.ConfigProto:
    threads = settings.tensorflow_session_parallelism
    return config_pb2.ConfigProto(
        intra_op_parallelism_threads=(
            settings.tensorflow_intra_op_parallelism or threads
        ),
        inter_op_parallelism_threads=(
            settings.tensorflow_inter_op_parallelism or threads
        ),
        gpu_options=config_pb2.GPUOptions(
            per_process_gpu_memory_fraction=(
                settings.per_process_gpu_memory_fraction
            ),
            allow_growth=not settings.per_process_gpu_memory_fraction,
        ),
        allow_soft_placement=True,
    )


def _scheduler(settings: ServerSettings) -> BatchScheduler | None:
    if not settings.enable_batching:
        return None
    batching = BatchingSettings()
    if settings.batching_parameters_file:
        batching = BatchingSettings.from_proto(
            configs.read(
                settings.batching_parameters_file, configs.BatchingParameters
            )
        )
    return BatchScheduler(batching)
