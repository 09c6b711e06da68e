"""Brings raw data, in contract form, to where the pipeline reads it."""

import hashlib
import json
import pathlib
import shutil

import datasets
from datasets import sources
from datasets.mall.generator import generate
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
            return f"data: unchanged, {_counted(found['rows'])}"
    scratch = target.with_name(target.name + ".tmp")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    if config.mall is not None:
        made = generate(config.mall, scratch)
        rows = {table: made[table] for table in TABLES}
    else:
        convert = sources.CONVERT[config.source]
        rows = {
            table: counts["written"]
            for table, counts in convert(_existing(data), scratch).items()
        }
    (scratch / MANIFEST).write_text(
        json.dumps({"fingerprint": wanted, "rows": rows})
    )
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)
    return f"data: {_counted(rows)}"


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
    # Whatever of ours makes the tables: an edited adapter converts anew.
    parts = [config.source, *_digests(pathlib.Path(datasets.__file__).parent)]
    if config.mall is not None:
        parts.append(config.mall.to_json())
    else:
        folder = _existing(data)
        parts += [
            f"{p.relative_to(folder)} {p.stat().st_size} {p.stat().st_mtime_ns}"
            for p in sorted(folder.rglob("*"))
            if p.is_file()
        ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _digests(folder: pathlib.Path) -> list[str]:
    return [
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".csv")
    ]


def _counted(rows: dict[str, int]) -> str:
    return ", ".join(
        f"{rows[table]:,} {table}" for table in TABLES if rows.get(table)
    )
