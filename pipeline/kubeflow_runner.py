"""Compiles the same pipeline for Kubeflow Pipelines v2, offline.

Only the places and the Beam options differ from a local run. Neither a
Resolver nor an InfraValidator is in it, which open-source Kubeflow
Pipelines cannot run.
"""

import dataclasses
import pathlib

from pipeline import presets
from pipeline.places import Places
from pipeline.schemas import write_schemas
from schema.contract import TABLES
from schema.errors import DataError


def compile_pipeline(
    *,
    preset: str,
    output: pathlib.Path,
    image: str,
    root: str,
    data: str,
    serving: str,
    tables: tuple[str, ...] = tuple(TABLES),
) -> pathlib.Path:
    """Writes the pipeline spec, and the schemas that belong at its root.

    Args:
      preset: Which preset's settings to take.
      output: `.yaml` for schema 2.1, `.json` for 2.0.
      image: Container image of every node (see the Dockerfile).
      root: Folder of the artifacts, on a file system of the cluster.
      data: Folder with one folder of Parquet files a table.
      serving: TF Serving's base path of the model.
      tables: Which tables the data folder has.

    Returns:
      The folder of the schema files, to be copied to `<root>/schema`.

    Raises:
      DataError: The output's ending is neither of the two.
    """
    if output.suffix not in (".yaml", ".json"):
        raise DataError(
            f"--output {output} ends in {output.suffix!r}; allowed: .yaml, "
            ".json"
        )

    from tfx import v1 as tfx

    from pipeline.pipeline import create_pipeline

    config = dataclasses.replace(presets.by_name(preset), tables=tables)
    places = Places(
        data_dir=data,
        schema_dir=f"{root}/schema",
        pipeline_root=f"{root}/artifacts",
        serving_dir=serving,
        text_cache_dir=f"{root}/text_cache",
        tuning_dir=f"{root}/tuning",
    )
    runner = tfx.orchestration.experimental
    runner.KubeflowV2DagRunner(
        config=runner.KubeflowV2DagRunnerConfig(
            default_image=image,
            use_pipeline_spec_2_1=output.suffix == ".yaml",
        ),
        output_dir=str(output.parent.resolve()),
        output_filename=output.name,
    ).run(create_pipeline(config, places))
    schemas = output.with_suffix(".schemas")
    write_schemas(config, schemas)
    return schemas
