"""Compiles the same pipeline for Kubeflow Pipelines v2, offline.

Only the places, the Beam options and what the cluster gives to the nodes
differ from a local run. Neither a Resolver nor an InfraValidator is in it,
which open-source Kubeflow Pipelines cannot run.
"""

import dataclasses
import json
import pathlib
import tempfile

import yaml

from components.update_plan.settings import PlanSettings
from pipeline import presets
from pipeline.kubeflow.cluster import Cluster
from pipeline.kubeflow.spec import (
    add_cluster,
    never_cache,
    optional_parameters,
    platform_spec,
)
from pipeline.places import Places
from pipeline.schemas import write_schemas
from pipeline.update import PlannedUpdate
from schema.contract import TABLES
from schema.errors import DataError

# What a run of a pipeline that updates may be told: which version to go on
# with, and which file of events is new. Empty, it finds both.
PARAMETERS = ("warm_start", "span")


def compile_pipeline(
    *,
    preset: str,
    output: pathlib.Path,
    image: str,
    root: str,
    data: str,
    serving: str,
    tables: tuple[str, ...] = tuple(TABLES),
    cluster: Cluster | None = None,
    updates: bool = False,
    allow_drift: bool = False,
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
      cluster: What its nodes get; the defaults of `Cluster` if None.
      updates: Whether each run goes on with the version that the last one
        pushed. The pipeline then has the parameters `PARAMETERS`.
      allow_drift: Whether what is new may differ from the time before it by
        more than the schema allows.

    Returns:
      The folder of the schema files, to be copied to `<root>/schema`.

    Raises:
      DataError: The output's ending is neither of the two, the cluster names
        a node that is not there, or needs what schema 2.0 cannot say.
    """
    if output.suffix not in (".yaml", ".json"):
        raise DataError(
            f"--output {output} ends in {output.suffix!r}; allowed: .yaml, "
            ".json"
        )
    cluster = cluster or Cluster()

    from tfx import v1 as tfx

    from pipeline.pipeline import LOCAL_BEAM, create_pipeline

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
    with tempfile.TemporaryDirectory() as folder:
        runner.KubeflowV2DagRunner(
            config=runner.KubeflowV2DagRunnerConfig(
                default_image=image,
                use_pipeline_spec_2_1=output.suffix == ".yaml",
            ),
            output_dir=folder,
            output_filename=output.name,
        ).run(
            create_pipeline(
                config,
                places,
                beam_args=cluster.beam_args or LOCAL_BEAM,
                update=_planned(config, root, allow_drift) if updates else None,
            )
        )
        job = yaml.safe_load(
            pathlib.Path(folder, output.name).read_text(encoding="utf-8")
        )
    _write(output, job, cluster)
    schemas = output.with_suffix(".schemas")
    write_schemas(config, schemas)
    return schemas


def _planned(config, root, allow_drift):
    """Returns how a node finds the last version, with two parameters."""
    from tfx.orchestration.data_types import RuntimeParameter

    warm_start, span = (
        RuntimeParameter(name=name, ptype=str, default="")
        for name in PARAMETERS
    )
    return PlannedUpdate(
        records_dir=f"{root}/versions",
        plan=PlanSettings(
            positive_event_types=config.behavior_log.positive_event_types,
            allow_drift=allow_drift,
        ),
        warm_start=warm_start,
        span=span,
    )


def _write(output, job, cluster):
    spec = job.get("pipelineSpec", job)
    never_cache(spec)
    optional_parameters(spec)
    add_cluster(spec, cluster)
    platform = platform_spec(spec, cluster)
    if output.suffix == ".json":
        if platform:
            raise DataError(
                f"--output {output} is schema 2.0, which has no place for "
                "secrets, volumes and node selectors; allowed with them: .yaml"
            )
        text = json.dumps(job, sort_keys=True, ensure_ascii=False)
    else:
        documents = [job, platform] if platform else [job]
        text = yaml.safe_dump_all(documents, sort_keys=True, allow_unicode=True)
    half = output.with_name(f".{output.name}.part")
    half.write_text(text, encoding="utf-8")
    half.replace(output)
