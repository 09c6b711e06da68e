"""The models that are configured, their labels, and who answers for them."""

import contextlib
import threading
import typing
from collections.abc import Callable, Iterator

from serving.model_server.errors import (
    failed_precondition,
    invalid_argument,
    not_found,
)
from serving.model_server.manager import Manager
from serving.model_server.servable import Servable
from serving.model_server.settings import ServerSettings
from serving.model_server.source import Source
from serving.model_server.version_states import State
from serving.model_server.versions import (
    PLATFORM,
    ModelConfig,
    from_proto,
    is_relative,
    platform_of,
)


class Core:
    """Takes a configuration, and finds servables by a request's ModelSpec."""

    def __init__(
        self,
        settings: ServerSettings,
        load: Callable[[str], Servable],
        unloaded: Callable[[Servable], None],
    ):
        """Starts without models.

        Args:
          settings: Flags.
          load: Makes a servable of a folder, warm-up included.
          unloaded: Is told when a servable is gone.
        """
        self._settings = settings
        self.manager = Manager(
            load,
            unloaded,
            num_load_threads=settings.num_load_threads,
            max_num_load_retries=settings.max_num_load_retries,
            load_retry_interval_micros=settings.load_retry_interval_micros,
        )
        self._source = Source(
            self.manager, settings.file_system_poll_wait_seconds
        )
        self._reloading = threading.Lock()
        self._configs: dict[str, ModelConfig] = {}
        self._labels: dict[str, dict[str, int]] = {}

    def reload(
        self,
        config: typing.Any,
        until: Callable[[], bool] = lambda: False,
    ) -> None:
        """Takes a new configuration; blocks until new models are available.

        Args:
          config: A `tensorflow.serving.ModelServerConfig`.
          until: Says when to stop waiting.

        Raises:
          ServingError: The configuration is not allowed, and nothing has
            changed; or a new model cannot be loaded.
        """
        with self._reloading:
            kind = config.WhichOneof("config")
            if kind != "model_config_list":
                if kind is None and not self._configs:
                    return
                raise failed_precondition(
                    "Cannot transition to requested config. It is only legal "
                    "to transition from one ModelConfigList to another."
                )
            configs = self._checked(config.model_config_list)
            labels = self._checked_labels(configs)
            new = set(configs) - set(self._configs)
            self._configs = configs
            self._labels = labels
            self._source.configure(configs)
            self.manager.wait(new, until)

    @contextlib.contextmanager
    def servable(self, spec: typing.Any) -> Iterator[tuple[int, Servable]]:
        """Lends the servable that a `tensorflow.serving.ModelSpec` asks for.

        Yields:
          Its version, and itself.

        Raises:
          ServingError: There is none, or the spec is incomplete.
        """
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        with self.manager.servable(spec.name, self.version(spec)) as lent:
            yield lent

    def version(self, spec: typing.Any) -> int | None:
        """Returns which version is asked for, by number or label.

        Returns:
          The number; None for the newest.

        Raises:
          ServingError: The label is not known.
        """
        choice = spec.WhichOneof("version_choice")
        if choice == "version":
            return spec.version.value
        if choice == "version_label":
            labels = self._labels.get(spec.name, {})
            if spec.version_label not in labels:
                raise invalid_argument(
                    f"Unrecognized servable version label: {spec.version_label}"
                )
            return labels[spec.version_label]
        return None

    def states(self, spec: typing.Any) -> dict[int, tuple]:
        """Returns where the versions stand that a ModelSpec asks for.

        Returns:
          State and error by version, newest first.

        Raises:
          ServingError: There are none.
        """
        states = self.manager.states(spec.name)
        number = self.version(spec)
        if number is not None:
            if number not in states:
                raise not_found(
                    f"Could not find version {number} of model {spec.name}"
                )
            return {number: states[number]}
        if not states:
            raise not_found(f"Could not find any versions of model {spec.name}")
        return states

    def configured(self, model: str) -> bool:
        """Says whether a model of this name is configured."""
        return model in self._configs

    def look(self) -> None:
        """Looks for new versions now, not only when it is time."""
        self._source.look()

    def stop(self) -> None:
        """Stops watching, and unloads when all requests are answered."""
        self._source.stop()
        self.manager.stop()

    def _checked(self, models: typing.Any) -> dict[str, ModelConfig]:
        """Returns the models of a ModelConfigList by name, if allowed."""
        names = set()
        for model in models.config:
            if model.name in names:
                raise invalid_argument(
                    f"Illegal to list model {model.name} multiple times in "
                    "config list"
                )
            names.add(model.name)
        for model in models.config:
            if is_relative(model.base_path):
                raise invalid_argument(
                    f"Expected model {model.name} to have an absolute path or "
                    f"URI; got base_path()={model.base_path}"
                )
        for model in models.config:
            platform = platform_of(model)
            if model.name in self._configs and platform != PLATFORM:
                raise invalid_argument(
                    "Illegal to change a model's platform. For model "
                    f"{model.name} platform was {PLATFORM} and new platform "
                    f"requested is {platform}"
                )
        return {model.name: from_proto(model) for model in models.config}

    def _checked_labels(
        self, configs: dict[str, ModelConfig]
    ) -> dict[str, dict[str, int]]:
        """Returns the labels of a configuration, if all may be set."""
        settings = self._settings
        labels: dict[str, dict[str, int]] = {}
        for name, config in configs.items():
            states = self.manager.states(name)
            for label, number in config.labels:
                known = self._labels.get(name, {}).get(label, number)
                allowed = (
                    settings.force_allow_any_version_labels_for_unavailable_models
                    or (
                        settings.allow_version_labels_for_unavailable_models
                        and known == number
                    )
                )
                state = states.get(number, (None,))[0]
                if not allowed and state != State.AVAILABLE:
                    raise failed_precondition(
                        f"Request to assign label to version {number} of "
                        f"model {name}, which is not currently available for "
                        "inference"
                    )
                labels.setdefault(name, {})[label] = number
        return labels
