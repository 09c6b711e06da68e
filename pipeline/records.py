"""What one node did in one run."""

import dataclasses
import typing


@dataclasses.dataclass(kw_only=True)
class NodeRecord:
    """State, time and outputs of a node.

    Attributes:
      seconds: Wall time.
      state: `run`, `cached` or `failed`.
      outputs: Folder of the first artifact of each output.
      properties: Custom properties of the same artifacts.
    """

    seconds: float = 0.0
    state: str = "run"
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)
    properties: dict[str, dict[str, typing.Any]] = dataclasses.field(
        default_factory=dict
    )
