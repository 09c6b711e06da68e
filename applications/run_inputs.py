"""Where a finished run left what the systems on top of it read."""

import pathlib

from pipeline.change_items import run_version
from pipeline.lineage import read_lineage
from pipeline.places import local_places
from schema.contract import TABLES
from schema.errors import DataError


def table_folder(runs: pathlib.Path, preset: str, table: str) -> pathlib.Path:
    """Returns the folder of one of a run's tables.

    Args:
      runs: Folder of all runs.
      preset: Whose run.
      table: Of the contract.

    Raises:
      DataError: The run has no such table.
    """
    folder = pathlib.Path(local_places(runs, preset).data_dir) / table
    if not any(folder.glob("*.parquet")):
        raise DataError(
            f"{folder} holds no Parquet files; the data of preset {preset!r} "
            f"has no table {table!r}, one of {', '.join(TABLES)}"
        )
    return folder


def text_vectors(runs: pathlib.Path, preset: str, report: dict) -> pathlib.Path:
    """Returns the vectors of texts that a run's model was trained on.

    Args:
      runs: Folder of all runs.
      preset: Whose run.
      report: What its `report.json` says.

    Raises:
      DataError: They are gone, or the run is not known any more.
    """
    metadata = pathlib.Path(local_places(runs, preset).metadata_path)
    lineage = read_lineage(metadata, run_version(report))
    folder = lineage.trainer.inputs["text_vectors"]
    if not (folder / "encoder.json").is_file():
        raise DataError(
            f"{folder} is gone, the text vectors of preset {preset!r}; "
            f"run again: daogou run --preset {preset}"
        )
    return folder


def own_folder(runs: pathlib.Path, preset: str, system: str) -> pathlib.Path:
    """Returns where a system keeps what it learned from a preset's runs."""
    home = pathlib.Path(local_places(runs, preset).data_dir).parent
    return home / "applications" / system
