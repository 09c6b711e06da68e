"""Loads the TFDV schemas of the tables and of the two derived forms."""

import pathlib
from collections.abc import Iterable

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import contract
from schema.errors import DataError
from schema.heads import parse_heads

HERE = pathlib.Path(__file__).parent
NAMES = (*contract.TABLES, "catalogue", "behavior")


def path(table: str) -> pathlib.Path:
    """Returns the schema file of a table or a derived form.

    Args:
      table: One of `NAMES`.

    Raises:
      DataError: There is no such table.
    """
    if table not in NAMES:
        raise DataError(
            f"there is no schema of {table!r}; allowed: {', '.join(NAMES)}"
        )
    return HERE / f"{table}.pbtxt"


def load(table: str) -> schema_pb2.Schema:
    """Returns the schema of a table or a derived form.

    `behavior` comes without labels: see `behavior_schema`.

    Args:
      table: One of `NAMES`.

    Raises:
      DataError: There is no such table.
    """
    return text_format.Parse(
        path(table).read_text(encoding="utf-8"), schema_pb2.Schema()
    )


def behavior_schema(heads: Iterable[str]) -> schema_pb2.Schema:
    """Returns the schema of behaviour examples with the labels of a funnel.

    Args:
      heads: As `parse_heads` takes them; each adds a float `label_<head>`.

    Raises:
      SettingsError: As `parse_heads` does.
    """
    schema = load("behavior")
    for head in parse_heads(heads):
        label = schema.feature.add(name=f"label_{head}", type=schema_pb2.FLOAT)
        label.presence.min_fraction = 1.0
        label.shape.dim.add(size=1)
    return schema


def write_behavior_schema(heads: Iterable[str], path: pathlib.Path) -> None:
    """Writes `behavior_schema(heads)` as a text proto, making its folder.

    The same heads give the same bytes, so a cached node stays cached.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        text_format.MessageToString(behavior_schema(heads), as_utf8=True),
        encoding="utf-8",
    )
