"""Brings raw data, in contract form, to where the pipeline reads it."""

import hashlib
import json
import pathlib
import shutil

from datasets import mall, sources
from pipeline.configs import PipelineConfig
from pipeline.places import Places
from schema.contract import REQUIRED_TABLES, TABLES
from schema.errors import DataError

MANIFEST = "source.json"


def prepare_data(
    config: PipelineConfig, data: pathlib.Path | None, places: Places
) -> str:
    """Writes the contract tables; leaves them alone where nothing changed.

    Unchanged tables keep their files, so that the ingesting nodes find them
    in the cache.

    Args:
      config: Names the source and, for the mall, its settings.
      data: Folder of the raw data.
      places: `data_dir` receives the tables.

    Returns:
      One line on what was done.

    Raises:
      DataError: The folder is missing or the data cannot be read.
    """
    target = pathlib.Path(places.data_dir)
    manifest = target / MANIFEST
    wanted = _fingerprint(config, data)
    if manifest.exists():
        found = json.loads(manifest.read_text())
        if found["fingerprint"] == wanted:
            return f"data: unchanged, {_counted(found['counts'])}"
    scratch = target.with_name(target.name + ".tmp")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    if config.source == "mall":
        counts = mall.generate(config.mall, scratch)
    else:
        counts = sources.convert(config.source, _existing(data), scratch)
    (scratch / MANIFEST).write_text(
        json.dumps({"fingerprint": wanted, "counts": counts}, default=str)
    )
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)
    return f"data: {_counted(counts)}"


def tables_in(data_dir: str) -> tuple[str, ...]:
    """Returns the contract tables that a folder holds.

    Raises:
      DataError: A required one is missing.
    """
    found = tuple(
        table for table in TABLES if (pathlib.Path(data_dir) / table).is_dir()
    )
    for table in REQUIRED_TABLES:
        if table not in found:
            raise DataError(
                f"{data_dir} has no folder {table!r}; needed: "
                f"{', '.join(REQUIRED_TABLES)}"
            )
    return found


def _existing(data: pathlib.Path | None) -> pathlib.Path:
    if data is None:
        raise DataError("this preset needs --data DIR, the folder of its files")
    if not data.is_dir():
        raise DataError(f"--data {data} is not a folder")
    return data


def _fingerprint(config: PipelineConfig, data: pathlib.Path | None) -> str:
    parts = [config.source]
    if config.source == "mall":
        parts.append(config.mall.to_json())
        parts += _sources_of(mall)
    else:
        folder = _existing(data)
        parts += [
            f"{p.relative_to(folder)} {p.stat().st_size} {p.stat().st_mtime_ns}"
            for p in sorted(folder.rglob("*"))
            if p.is_file()
        ]
        parts += _sources_of(sources)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _sources_of(module) -> list[str]:
    folder = pathlib.Path(module.__file__).parent
    return [
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*.py"))
    ]


def _counted(counts: dict) -> str:
    return ", ".join(
        f"{counts[table]:,} {table}"
        for table in TABLES
        if isinstance(counts.get(table), int)
    )
