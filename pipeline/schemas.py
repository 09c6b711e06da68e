"""The schema files that a pipeline imports, named by their content.

ImportSchemaGen is cached by the path it reads; a digest in the file's name
makes an edited schema a new path.
"""

import hashlib
import pathlib

from google.protobuf import text_format

from pipeline.configs import PipelineConfig
from schema import loader

DERIVED = ("catalogue", "behavior")


def schema_files(config: PipelineConfig) -> dict[str, tuple[str, str]]:
    """Returns (file name, text) of the schema of every table and form."""
    files = {}
    for table in (*config.tables, *DERIVED):
        if table == "behavior":
            text = text_format.MessageToString(
                loader.behavior_schema(config.heads), as_utf8=True
            )
        else:
            text = loader.path(table).read_text(encoding="utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        files[table] = (f"{table}-{digest}.pbtxt", text)
    return files


def write_schemas(config: PipelineConfig, folder: pathlib.Path) -> None:
    """Writes the schema files into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schema_files(config).values():
        (folder / name).write_text(text, encoding="utf-8")
