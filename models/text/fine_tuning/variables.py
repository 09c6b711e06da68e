"""Which variable of a loaded encoder belongs to which layer.

A SavedModel has a flat list of variables. Their layers stand in the paths by
which its objects reach them, or, in models that Keras made, in their names.
"""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

# `model/layers/3/qkv/kernel` are paths of ours,
# `transformer/layer_3/self_attention/query/kernel` names of Google's.
_LAYER = re.compile(r"(?:^|[/_.])layers?[/_.](\d+)(?=[/_.:]|$)")
_OBJECT = tf.__internal__.tracking.AutoTrackable
# Lists whose places say nothing.
_FLAT = ("variables", "trainable_variables")
NO_LAYER = -1


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedVariable:
    """A variable that can be trained.

    Attributes:
      name: A path or the name it was made with, whichever says more.
      layer: Number of its layer from the bottom, or `NO_LAYER`.
      variable: In the loaded model.
    """

    name: str
    layer: int
    variable: tf.Variable


def trainable_variables(loaded: Any) -> list[NamedVariable]:
    """Names the variables of a loaded encoder that can be trained.

    Args:
      loaded: What `tf.saved_model.load` gave, with `trainable_variables` as
        TF-Hub has it; nothing can be trained without.
    """
    paths: dict[Any, list[str]] = {}
    for path, variable in _walk(loaded):
        paths.setdefault(variable.ref(), []).append(path)
    found = []
    for variable in getattr(loaded, "trainable_variables", ()):
        known = paths.get(variable.ref(), [])
        names = [variable.name.partition(":")[0], *known]
        telling = [name for name in names if _LAYER.search(name)]
        name = telling[0] if telling else names[-1]
        layer = _LAYER.search(name)
        found.append(
            NamedVariable(
                name=name,
                layer=int(layer.group(1)) if layer else NO_LAYER,
                variable=variable,
            )
        )
    return found


def _walk(root: Any) -> Iterator[tuple[str, tf.Variable]]:
    """Yields every path to every variable, short ones first."""
    waiting = [("", root)]
    seen = set()
    while waiting:
        path, here = waiting.pop(0)
        if isinstance(here, tf.Variable):
            yield path, here
            continue
        if id(here) in seen:
            continue
        seen.add(id(here))
        for name, child in _children(here):
            waiting.append((f"{path}/{name}" if path else name, child))


def _children(here: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(here, list | tuple):
        yield from ((str(n), child) for n, child in enumerate(here))
    elif isinstance(here, dict):
        yield from ((str(key), child) for key, child in here.items())
    elif isinstance(here, _OBJECT):
        yield from (
            (name, child)
            for name, child in vars(here).items()
            if not name.startswith("_") and name not in _FLAT
        )
