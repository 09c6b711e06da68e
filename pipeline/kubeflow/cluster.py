"""What the nodes get on a cluster: machines, secrets, volumes, retries."""

import dataclasses
import pathlib
import re
import typing

from schema.errors import DataError
from schema.settings import Settings, SettingsError

# As Kubernetes writes amounts of memory.
_MEMORY = re.compile(r"\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine(Settings):
    """What the container of a node may use, and where it runs.

    Attributes:
      cpu: Cores at most, 0 for no limit.
      memory: At most, as in `16Gi`; empty for no limit.
      gpus: How many.
      gpu_type: The resource that the cluster's plug-in offers.
      node_selector: Labels that a Kubernetes node must have.
    """

    cpu: float = 0.0
    memory: str = ""
    gpus: int = 0
    gpu_type: str = "nvidia.com/gpu"
    node_selector: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.check("cpu", self.cpu >= 0, "0 or more cores")
        self.check(
            "memory",
            not self.memory or bool(_MEMORY.fullmatch(self.memory)),
            "an amount such as 16Gi, or nothing",
        )
        self.check("gpus", self.gpus >= 0, "0 or more")
        self.check("gpu_type", bool(self.gpu_type), "a name")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Secret(Settings):
    """A value that a container gets from a Kubernetes secret, by reference.

    Attributes:
      secret: Name of the Kubernetes secret.
      key: Of the value in it.
      variable: Environment variable that receives it.
    """

    secret: str
    key: str
    variable: str

    def __post_init__(self) -> None:
        self.check(
            "secret",
            bool(_NAME.fullmatch(self.secret)),
            "a Kubernetes name (a-z, 0-9, - and .)",
        )
        self.check("key", bool(self.key), "a key of the secret")
        self.check(
            "variable",
            bool(_VARIABLE.fullmatch(self.variable)),
            "the name of an environment variable",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Volume(Settings):
    """A persistent volume that every container sees.

    Attributes:
      claim: Name of the claim.
      path: Where it is mounted.
    """

    claim: str
    path: str

    def __post_init__(self) -> None:
        self.check("claim", bool(_NAME.fullmatch(self.claim)), "a claim's name")
        self.check("path", self.path.startswith("/"), "an absolute path")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster(Settings):
    """What a cluster gives to the nodes of a pipeline.

    Attributes:
      machine: Of every node that `nodes` does not name.
      nodes: By the node's name, as in `Trainer`.
      retries: How often a failed node is tried again.
      backoff_seconds: Before the first of them; doubled after each.
      secrets: Every container gets them.
      volumes: Every container sees them.
      beam_args: Options of the Beam runner, as in `--runner=FlinkRunner`.
    """

    machine: Machine = dataclasses.field(default_factory=Machine)
    nodes: dict[str, Machine] = dataclasses.field(default_factory=dict)
    retries: int = 2
    backoff_seconds: int = 60
    secrets: tuple[Secret, ...] = ()
    volumes: tuple[Volume, ...] = ()
    beam_args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.check("retries", 0 <= self.retries <= 100, "0 to 100")
        self.check("backoff_seconds", self.backoff_seconds > 0, "1 or more")
        self.check(
            "beam_args",
            all(word.startswith("--") for word in self.beam_args),
            "options that begin with --",
        )

    def machine_of(self, node: str) -> Machine:
        """Returns what a node may use."""
        return self.nodes.get(node, self.machine)


def read_cluster(path: pathlib.Path) -> Cluster:
    """Reads a cluster file.

    Args:
      path: YAML with the fields of `Cluster`.

    Raises:
      DataError: It cannot be read, or a field is unknown or not allowed.
    """
    import yaml

    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        told = _mapping("the file", {} if told is None else told)
        parts = {
            **told,
            "machine": _made(Machine, "machine", told.get("machine", {})),
            "nodes": {
                name: _made(Machine, f"nodes.{name}", machine)
                for name, machine in _mapping(
                    "nodes", told.get("nodes", {})
                ).items()
            },
            "secrets": _several(Secret, "secrets", told),
            "volumes": _several(Volume, "volumes", told),
            "beam_args": tuple(told.get("beam_args", ())),
        }
        return _made(Cluster, "the file", parts)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except SettingsError as error:
        raise DataError(f"{path}: {error}") from error


def _several(kind, name, told):
    entries = told.get(name, ())
    if not isinstance(entries, (list, tuple)):
        raise SettingsError(f"{name} is {entries!r}; allowed: a list")
    return tuple(
        _made(kind, f"{name}[{place}]", entry)
        for place, entry in enumerate(entries)
    )


def _mapping(name: str, told: typing.Any) -> dict:
    if not isinstance(told, dict):
        raise SettingsError(f"{name} is {told!r}; allowed: fields with values")
    return told


def _made(kind: type, name: str, told: typing.Any):
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in _mapping(name, told):
        if key not in fields:
            raise SettingsError(
                f"{name} has {key!r}; allowed: {', '.join(fields)}"
            )
    for key, field in fields.items():
        bare = (
            field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        )
        if bare and key not in told:
            raise SettingsError(f"{name} has no {key!r}")
    try:
        return kind(**told)
    except TypeError as error:
        raise SettingsError(f"{name} is {told!r}: {error}") from error
