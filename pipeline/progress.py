"""What a run tells while it goes on: plain events, free of TFX.

The runner makes them and hands each to one function; `cli/display.py` draws
them. Both sides import only this module.
"""

import collections.abc
import dataclasses
import pathlib
from typing import ClassVar


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunStarted:
    """The run begins.

    Attributes:
      nodes: Ids of all nodes in the order in which they will run.
    """

    kind: ClassVar[str] = "run_started"
    nodes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeStarted:
    """A node begins; whether it is cached is not known yet."""

    kind: ClassVar[str] = "node_started"
    node: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeFinished:
    """A node is done, or its results were taken from an earlier run.

    Attributes:
      node: Its id.
      seconds: Wall time.
      cached: Whether nothing was executed.
      note: A few words on what came out, as in `3,000 items`; may be empty.
    """

    kind: ClassVar[str] = "node_finished"
    node: str
    seconds: float
    cached: bool = False
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeFailed:
    """A node failed; the runner raises right after."""

    kind: ClassVar[str] = "node_failed"
    node: str
    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunFinished:
    """The run is through all nodes.

    Attributes:
      report_path: The `report.json` of this run; `report.html` lies beside.
      seconds: Wall time of the whole run.
      pushed_version: Name of the version folder; empty if none was pushed.
    """

    kind: ClassVar[str] = "run_finished"
    report_path: pathlib.Path
    seconds: float
    pushed_version: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Note:
    """Something worth a line between the nodes."""

    kind: ClassVar[str] = "note"
    text: str


Event = (
    RunStarted | NodeStarted | NodeFinished | NodeFailed | RunFinished | Note
)
Listener = collections.abc.Callable[[Event], None]
