"""A hash of the source that a node runs, so that edits never meet the cache.

TFX caches a node by its inputs and execution properties. A dotted path such
as `models.training.trainer.run_fn` is only a string to it, so each node also
carries the digest of that module and of all our modules that it imports.
"""

import ast
import functools
import hashlib
import importlib.util
import pathlib

OURS = ("components", "models", "schema")


def code_digest(module: str) -> str:
    """Returns a short hash over a module and what it imports of ours.

    Args:
      module: Dotted name, as in `models.training.trainer`.

    Raises:
      ModuleNotFoundError: There is no such module.
    """
    seen: dict[str, pathlib.Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        path = _source(name)
        if path is None:
            if name == module:
                raise ModuleNotFoundError(f"no module named {module!r}")
            continue
        seen[name] = path
        # A package's __init__ runs before its modules.
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        waiting += _imports(path)
    digest = hashlib.sha256()
    for name in sorted(seen):
        digest.update(name.encode())
        digest.update(seen[name].read_bytes())
    return digest.hexdigest()[:16]


def _imports(path: pathlib.Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            # `from models import towers` imports a module, not a name.
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in names if name.split(".")[0] in OURS]


@functools.cache
def _source(name: str) -> pathlib.Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None:
        return None
    return pathlib.Path(spec.origin)
