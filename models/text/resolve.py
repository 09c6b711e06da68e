"""From the handle of an encoder to its folder, and what the folder says."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import typing

from models.hub_models import fetched, full_handle
from models.text.settings import E5_SMALL_ZH, POOLINGS, is_name
from schema.errors import DataError, MissingDependencyError

# Where an encoder's folder says how it wants to be used.
DESCRIPTION_PATH = "assets.extra/daogou.json"
DEFAULT_SEQ_LENGTH = 128
ROLES = ("item", "query")

# Differs at each saving of the same model.
_NOT_CONTENT = "fingerprint.pb"
_GRAPH = "saved_model.pb"
# Sub folders of an encoder's folder.
_PREPROCESS, _ENCODER = "preprocess", "encoder"
# What differs where the same model is written again: numbers from a counter
# of the process in names of functions, nodes and captured variables, and the
# path that a vocabulary had.
_ACCIDENTAL = re.compile(r'_\d+|"\d+"|"hash_table_[^"]*"')


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderPaths:
    """The two SavedModels of an encoder.

    Attributes:
      preprocess: Strings to token ids.
      encoder: Token ids to vectors.
    """

    preprocess: pathlib.Path
    encoder: pathlib.Path

    def digest(self) -> str:
        """Hashes what both models compute; the same on every machine.

        Variables and assets count as they are, of `saved_model.pb` the
        functions, without the numbers that TensorFlow puts into names.
        """
        digest = hashlib.sha256()
        for root in (self.preprocess, self.encoder):
            for path in sorted(root.rglob("*")):
                if not path.is_file() or path.name == _NOT_CONTENT:
                    continue
                name = path.relative_to(root).as_posix()
                digest.update(f"{name}\0{_file_digest(path)}\n".encode())
            digest.update(b"\n")
        return digest.hexdigest()


def _file_digest(path: pathlib.Path) -> str:
    if path.name != _GRAPH:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    functions = sorted(
        _ACCIDENTAL.sub("", str(function))
        for graph in model.meta_graphs
        for function in graph.graph_def.library.function
    )
    return hashlib.sha256("\0".join(functions).encode()).hexdigest()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """How an encoder wants to be used; the defaults are those of plain BERT.

    Attributes:
      dimension: Length of a vector; 0 where the folder does not say.
      seq_length: Longest sequence in tokens.
      pooling: `pooled_output` or `mean`, see `TextSettings.pooling`.
      prefixes: What is put before a text, by role.
      teacher: Digest of the encoder in whose space the vectors are, where
        they are not in one of their own.
      outline: Fields of the network's `models.text.bert.Outline`; empty where
        the folder does not say.
    """

    dimension: int = 0
    seq_length: int = DEFAULT_SEQ_LENGTH
    pooling: str = "pooled_output"
    prefixes: dict[str, str] = dataclasses.field(default_factory=dict)
    teacher: str = ""
    outline: dict[str, typing.Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, encoder: pathlib.Path) -> "Description":
        """Reads an encoder folder's description, if it has one.

        Raises:
          DataError: It is not JSON, or a value is not allowed.
        """
        path = encoder / DESCRIPTION_PATH
        if not path.is_file():
            return cls()
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
            names = {field.name for field in dataclasses.fields(cls)}
            made = cls(**{k: v for k, v in given.items() if k in names})
            ok = (
                made.dimension >= 0
                and made.seq_length > 3
                and made.pooling in POOLINGS[1:]
                and set(made.prefixes) <= set(ROLES)
                and isinstance(made.teacher, str)
                and isinstance(made.outline, dict)
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{path} cannot be read: {error}") from error
        if not ok:
            raise DataError(
                f"{path} says {made}; allowed: dimension at least 0, "
                f"seq_length above 3, pooling one of {POOLINGS[1:]}, prefixes "
                f"for {ROLES}, teacher a text, outline an object"
            )
        return made


def default_directory(name: str = E5_SMALL_ZH) -> pathlib.Path:
    """Where encoders of a name are put and looked for."""
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "daogou" / "encoders" / name


def built_paths(
    output_dir: str | os.PathLike | None = None,
) -> EncoderPaths | None:
    """Returns the two models of a folder, or None where one is missing.

    Args:
      output_dir: By default where `e5-small-zh` is built.
    """
    root = pathlib.Path(output_dir or default_directory())
    paths = EncoderPaths(preprocess=root / _PREPROCESS, encoder=root / _ENCODER)
    ready = (paths.encoder / DESCRIPTION_PATH).is_file() and (
        paths.preprocess / _GRAPH
    ).is_file()
    return paths if ready else None


def from_anywhere(handle: str) -> str:
    """Makes a folder's path absolute; leaves names and hub handles alone."""
    full = full_handle(handle)
    if is_name(handle) or "://" in full:
        return handle
    return os.path.abspath(handle)


def resolve(preprocess: str, encoder: str) -> EncoderPaths:
    """Finds the two folders of an encoder, fetching them where need be.

    Args:
      preprocess: The name of an encoder in the user's cache, a folder, or a
        hub handle; see `TextSettings`. Hub models that are in
        `TFHUB_CACHE_DIR` need no network.
      encoder: The same.

    Raises:
      MissingDependencyError: There is no encoder of that name, a folder is
        not there, or the hub cannot be reached.
    """
    return EncoderPaths(
        preprocess=_resolve_one(preprocess, _PREPROCESS),
        encoder=_resolve_one(encoder, _ENCODER),
    )


def _resolve_one(handle: str, part: str) -> pathlib.Path:
    full = full_handle(handle)
    if is_name(handle):
        path = default_directory(handle) / part
        if not (path / _GRAPH).is_file():
            raise MissingDependencyError(_no_such_name(handle))
        return path.resolve()
    if "://" not in full:
        path = pathlib.Path(full)
        found = next(
            (p for p in (path, path / part) if (p / _GRAPH).is_file()), None
        )
        if found is None:
            raise MissingDependencyError(
                f"No text model at {path}: a SavedModel folder, one with "
                f"sub folders {_PREPROCESS} and {_ENCODER}, a TF-Hub handle "
                f"or a name such as {E5_SMALL_ZH!r} is needed"
            )
        return found.resolve()
    return fetched(
        full, f"run `daogou encoder build` and take the encoder {E5_SMALL_ZH!r}"
    )


def _no_such_name(name: str) -> str:
    folder = default_directory(name).parent
    names = sorted(path.name for path in folder.glob("*") if built_paths(path))
    return (
        f"The text encoder {name} is not in {folder}, which has "
        f"{', '.join(names) or 'none'}; `daogou encoder build` makes "
        f"{E5_SMALL_ZH}, `daogou encoder import DIR --name {name}` others; "
        "a folder is written with a slash"
    )
