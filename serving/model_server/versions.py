"""Which versions of a model are wanted, and what stands in its folder."""

import dataclasses
import os
import re
import typing

from serving.model_server.errors import invalid_argument

PLATFORM = "tensorflow"
_NUMBER = re.compile(r"[+-]?\d{1,30}", re.ASCII)
_LARGEST = 2**63 - 1
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One model to serve.

    Attributes:
      name: What requests call it.
      base_path: Folder of its version folders.
      latest: How many of the newest versions to serve; 0 with other policies.
      specific: Versions to serve, whatever is newer; None for all of them
        if `latest` is 0.
      labels: Names of versions.
    """

    name: str
    base_path: str
    latest: int = 1
    specific: frozenset[int] | None = None
    labels: tuple[tuple[str, int], ...] = ()

    def wanted(self, there: dict[int, str]) -> dict[int, str]:
        """Chooses of the versions that are there.

        Args:
          there: Folder by version.

        Returns:
          The same for those that are to be served.
        """
        if self.latest:
            chosen = sorted(there)[-self.latest :]
        elif self.specific is not None:
            chosen = [number for number in there if number in self.specific]
        else:
            chosen = list(there)
        return {number: there[number] for number in chosen}


def platform_of(config: typing.Any) -> str:
    """Returns the platform of a `tensorflow.serving.ModelConfig`.

    Raises:
      ServingError: It names none, or in two ways.
    """
    if config.model_type and config.model_platform:
        raise invalid_argument(
            "Illegal setting both ModelServerConfig::model_type (deprecated) "
            "and ModelServerConfig::model_platform."
        )
    if config.model_type > 1:
        raise invalid_argument(
            f"ModelServerConfig::model_type choice {config.model_type} not "
            "supported."
        )
    platform = PLATFORM if config.model_type else config.model_platform
    if not platform:
        raise invalid_argument(
            "Illegal setting neither ModelServerConfig::model_type "
            "(deprecated) nor ModelServerConfig::model_platform."
        )
    return platform


def from_proto(config: typing.Any) -> ModelConfig:
    """Reads a `tensorflow.serving.ModelConfig`.

    Raises:
      ServingError: It has no platform, or one that is not TensorFlow.
    """
    platform = platform_of(config)
    if platform != PLATFORM:
        raise invalid_argument(
            f"Model {config.name} requests unsupported platform {platform}"
        )
    policy = config.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    latest = 0
    if choice not in ("all", "specific"):
        latest = max(policy.latest.num_versions, 1)
    return ModelConfig(
        name=config.name,
        base_path=config.base_path,
        latest=latest,
        specific=frozenset(policy.specific.versions)
        if choice == "specific"
        else None,
        labels=tuple(sorted(config.version_labels.items())),
    )


def is_relative(path: str) -> bool:
    """Says whether a base path means something only in some folder."""
    return not (os.path.isabs(path) or _URI.match(path))


def list_versions(base_path: str) -> dict[int, str]:
    """Looks which versions stand in a folder.

    Args:
      base_path: Of a model.

    Returns:
      Folder by version; of two names for one number the last by name. A name
      that cannot be looked at counts as a folder: its load will say why.

    Raises:
      OSError: The folder is not there or cannot be read.
    """
    found = {}
    with os.scandir(base_path) as entries:
        folders = [entry for entry in entries if _perhaps_folder(entry)]
    for entry in sorted(folders, key=lambda entry: entry.name):
        if _NUMBER.fullmatch(entry.name):
            number = int(entry.name)
            if abs(number) <= _LARGEST:
                found[number] = entry.path
    return found


def _perhaps_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return True
