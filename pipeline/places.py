"""Where a run reads and writes; the only thing that differs by platform."""

import dataclasses
import os
import pathlib


@dataclasses.dataclass(frozen=True, kw_only=True)
class Places:
    """Folders of one preset, on a local disk or any file system of TF.

    Attributes:
      data_dir: The contract tables, one folder a table.
      schema_dir: The files of `pipeline.schemas.schema_files`.
      pipeline_root: Artifacts of all runs.
      metadata_path: SQLite file of ML Metadata; empty where the platform
        brings its own.
      serving_dir: The model's base path in TF Serving; versions go below.
      text_cache_dir: Vectors of texts already encoded, across runs.
      tuning_dir: What searches for settings have tried.
    """

    data_dir: str
    schema_dir: str
    pipeline_root: str
    serving_dir: str
    text_cache_dir: str
    tuning_dir: str
    metadata_path: str = ""


def local_places(runs: pathlib.Path, preset: str) -> Places:
    """Returns the places of a preset below a folder of runs.

    Args:
      runs: The folder of all runs, as `daogou run --runs` has it.
      preset: Name of the preset.
    """
    home = pathlib.Path(os.path.abspath(runs)) / preset
    return Places(
        data_dir=str(home / "data"),
        schema_dir=str(home / "pipeline" / "schema"),
        pipeline_root=str(home / "pipeline" / "artifacts"),
        metadata_path=str(home / "pipeline" / "metadata.db"),
        serving_dir=str(home / "serving" / "daogou"),
        text_cache_dir=str(home.parent / "cache" / "text"),
        tuning_dir=str(home / "pipeline" / "tuning"),
    )


def newest_version(places: Places) -> str | None:
    """Returns the name of the newest version folder, None without any."""
    try:
        names = os.listdir(places.serving_dir)
    except FileNotFoundError:
        return None
    return max((n for n in names if n.isdigit()), key=int, default=None)
