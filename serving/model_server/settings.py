"""The flags of the server: those of TensorFlow Serving, and a few of ours."""

import dataclasses
import typing

from schema.settings import Settings, SettingsError

AS_FIELD, AS_CONTENT = "as_proto_field", "as_proto_content"
_PORTS = 65535
_MOST = 2**31 - 1
_FROM_0, _FROM_1 = (0, _MOST), (1, _MOST)


def _flag(
    default: typing.Any,
    help_text: str,
    limits: tuple[float, float] | None = None,
    *,
    ours: bool = False,
):
    return dataclasses.field(
        default=default,
        metadata={"help": help_text, "limits": limits, "ours": ours},
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerSettings(Settings):
    """Flags by name; what each means stands in its `help`."""

    port: int = _flag(
        8500, "Port of the gRPC API; 0 takes a free one.", (0, _PORTS)
    )
    host: str = _flag(
        "127.0.0.1", "Address to listen on; 0.0.0.0 is all of them.", ours=True
    )
    grpc_socket_path: str = _flag("", "Also listen on this UNIX socket.")
    rest_api_port: int = _flag(
        0, "Port of the REST API; 0 is none, -1 takes a free one.", (-1, _PORTS)
    )
    rest_api_num_threads: int = _flag(
        8, "Threads that answer requests of the REST API.", _FROM_1
    )
    rest_api_timeout_in_ms: int = _flag(
        30_000, "How long a request of the REST API may take.", _FROM_1
    )
    rest_api_enable_cors_support: bool = _flag(
        False, "Let pages of other sites call the REST API."
    )
    model_name: str = _flag("default", "Name of the model.")
    model_base_path: str = _flag(
        "", "Folder of the model: one folder a version, named by its number."
    )
    model_config_file: str = _flag(
        "",
        "Text proto ModelServerConfig: several models, version policies, "
        "labels; --model_name and --model_base_path do not count then.",
    )
    model_config_file_poll_wait_seconds: int = _flag(
        0, "How often --model_config_file is read again; 0 is never.", _FROM_0
    )
    file_system_poll_wait_seconds: int = _flag(
        1, "How often to look for new versions; 0 is once.", _FROM_0
    )
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "Let a new label name a version that is not loaded yet."
    )
    force_allow_any_version_labels_for_unavailable_models: bool = _flag(
        False, "Let any label name a version that is not loaded yet."
    )
    num_load_threads: int = _flag(
        1, "Versions that may load side by side.", _FROM_1
    )
    max_num_load_retries: int = _flag(
        5, "How often a load that failed is tried again.", _FROM_0
    )
    load_retry_interval_micros: int = _flag(
        60_000_000, "Microseconds from one try to the next."
    )
    enable_model_warmup: bool = _flag(
        True, "Play assets.extra/tf_serving_warmup_requests after a load."
    )
    num_request_iterations_for_warmup: int = _flag(
        1, "How often each warm-up request is played.", _FROM_1
    )
    saved_model_tags: str = _flag(
        "serve", "Tags of the graph to load, separated by commas."
    )
    tensorflow_session_parallelism: int = _flag(
        0,
        "Threads of an op and of a graph; 0 leaves it to TensorFlow.",
        _FROM_0,
    )
    tensorflow_intra_op_parallelism: int = _flag(
        0, "Threads of one op.", _FROM_0
    )
    tensorflow_inter_op_parallelism: int = _flag(
        0, "Ops side by side.", _FROM_0
    )
    per_process_gpu_memory_fraction: float = _flag(
        0.0, "Share of a GPU's memory to take, 0 to 1; 0 lets it grow.", (0, 1)
    )
    enable_batching: bool = _flag(
        False, "Run requests of several clients as one batch."
    )
    batching_parameters_file: str = _flag("", "Text proto BatchingParameters.")
    monitoring_config_file: str = _flag(
        "", "Text proto MonitoringConfig: Prometheus, on the REST port."
    )
    ssl_config_file: str = _flag(
        "", "Text proto SSLConfig with PEM text: TLS for gRPC."
    )
    grpc_channel_arguments: str = _flag(
        "", "Options of the gRPC server: name=value,name=value."
    )
    grpc_max_threads: int = _flag(
        32, "Threads that answer requests of the gRPC API.", _FROM_1
    )
    enable_grpc_healthcheck_service: bool = _flag(
        False, "Answer grpc.health.v1."
    )
    enable_signature_method_name_check: bool = _flag(
        False, "Classify and Regress only what was exported for it."
    )
    predict_response_tensor_serialization_option: str = _flag(
        AS_FIELD, f"How Predict answers: {AS_FIELD} or {AS_CONTENT}."
    )
    enable_grpc_reflection: bool = _flag(
        False, "Tell tools such as grpcurl which methods there are.", ours=True
    )
    enable_model_reload: bool = _flag(
        True, "Answer HandleReloadConfigRequest.", ours=True
    )
    max_request_bytes: int = _flag(
        _MOST,
        "Bytes of the largest request and tensor.",
        (1024, _MOST),
        ours=True,
    )
    max_queued_requests: int = _flag(
        1000,
        "Requests that may wait for a thread, on each port.",
        _FROM_0,
        ours=True,
    )
    max_rest_connections: int = _flag(
        4096, "Connections that the REST API keeps open.", _FROM_1, ours=True
    )
    result_cache_mb: int = _flag(
        0,
        "Room for answers of Predict that are asked for again; 0 is none. Only "
        "for models that answer the same to the same.",
        _FROM_0,
        ours=True,
    )
    result_cache_seconds: int = _flag(
        60, "How long such an answer is good.", _FROM_1, ours=True
    )
    shutdown_grace_seconds: int = _flag(
        30,
        "How long accepted requests may take after SIGTERM.",
        _FROM_0,
        ours=True,
    )

    def __post_init__(self):
        """Checks the values, and that they go together.

        Raises:
          SettingsError: A flag has a value that is not allowed.
        """
        for field in dataclasses.fields(self):
            if limits := field.metadata["limits"]:
                low, high = limits
                self.check(
                    field.name,
                    low <= getattr(self, field.name) <= high,
                    f"{low} to {high}",
                )
        option = "predict_response_tensor_serialization_option"
        self.check(
            option,
            getattr(self, option) in (AS_FIELD, AS_CONTENT),
            f"{AS_FIELD}, {AS_CONTENT}",
        )
        if not (self.model_base_path or self.model_config_file):
            raise SettingsError(
                "give --model_base_path (and --model_name), or "
                "--model_config_file"
            )
        if self.batching_parameters_file and not self.enable_batching:
            raise SettingsError(
                "You supplied --batching_parameters_file without "
                "--enable_batching"
            )
        if self.port and self.port == self.rest_api_port:
            raise SettingsError(
                f"--rest_api_port and --port are both {self.port}; the two "
                "APIs need a port each"
            )
        self.channel_options()

    def channel_options(self) -> list[tuple[str, int | str]]:
        """Returns `grpc_channel_arguments` as names and values.

        Raises:
          SettingsError: One is not of the form name=value.
        """
        options: list[tuple[str, int | str]] = []
        for part in filter(None, self.grpc_channel_arguments.split(",")):
            name, equals, value = part.partition("=")
            self.check(
                "grpc_channel_arguments",
                bool(name and equals),
                "name=value,name=value",
            )
            number = value.lstrip("-").isdigit()
            options.append((name, int(value) if number else value))
        return options

    def check(self, field: str, ok: bool, allowed: str) -> None:
        """Raises unless `ok`, naming the flag as the command line has it."""
        if not ok:
            raise SettingsError(
                f"--{field} is {getattr(self, field)!r}; allowed: {allowed}"
            )
