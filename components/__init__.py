"""What transforms artifacts: one folder a pipeline node."""

import importlib

import schema.legacy_keras  # noqa: F401


def __getattr__(name: str) -> type:
    """Finds artifact types here, and imports TFX only for them.

    Raises:
      AttributeError: There is no artifact type of that name.
    """
    if name[:1].isupper():
        types = vars(importlib.import_module("components.artifacts"))
        if name in types:
            return types[name]
    raise AttributeError(f"module 'components' has no attribute {name!r}")
