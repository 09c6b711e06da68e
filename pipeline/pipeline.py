"""Wires the nodes.

What differs by data is in the config, by platform in the places; nothing here
knows either.
"""

import json
from collections.abc import Sequence

from tfx import v1 as tfx
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import base_component, executor_spec

from components.behavior_log.component import BehaviorLog
from components.catalogue.component import Catalogue
from components.data_gate.component import DataGate
from components.item_index.component import ItemIndex
from components.item_understanding.component import ItemUnderstanding
from components.parquet_ingest import executor as parquet_executor
from components.pusher.component import AtomicPusher
from components.quality_gate.component import QualityGate
from components.quality_gate.ranking_metrics import eval_config
from components.retrieval_evaluator.component import RetrievalEvaluator
from components.servable.component import Servable
from components.serving_validator.component import ServingValidator
from components.text_embedding.component import TextEmbedding
from components.trainer.component import RecommenderTrainer
from components.tuner.component import RecommenderTuner
from components.update_plan.component import PlanUpdate, RecordVersion
from pipeline.code_digest import code_digest
from pipeline.configs import PipelineConfig
from pipeline.places import Places
from pipeline.schemas import schema_files
from pipeline.update import PlannedUpdate, Update

# What each Transform transforms; the first is what it learns from.
SPLITS = {
    "Item": ["all"],
    "Behavior": ["train", "eval", "sequence_train", "sequence_eval"],
}
# The in-memory Beam runner; faster than several processes on small data.
LOCAL_BEAM = (
    "--direct_running_mode=in_memory",
    "--direct_num_workers=1",
    # No container is started, but TFX takes it that workers have what they
    # need. Else each node packs all of TFX for them, which takes seconds and
    # leaves 50 MB in the temporary folder.
    "--sdk_container_image=none",
)


def create_pipeline(
    config: PipelineConfig,
    places: Places,
    *,
    beam_args: Sequence[str] = LOCAL_BEAM,
    enable_cache: bool = True,
    update: Update | PlannedUpdate | None = None,
) -> tfx.dsl.Pipeline:
    """Returns the whole pipeline, from raw tables to a pushed version.

    Args:
      config: What to do: tables, settings of each node, thresholds.
      places: Where to read and write.
      beam_args: Options of the Beam runner.
      enable_cache: Whether nodes whose inputs, settings and code have not
        changed reuse what they made before.
      update: The version that training goes on with, or how a node of the
        pipeline finds it; None trains anew.
    """
    planned = update if isinstance(update, PlannedUpdate) else None
    given = update if isinstance(update, Update) else None
    nodes: list[base_component.BaseComponent] = []
    schemas = {
        table: f"{places.schema_dir}/{name}"
        for table, (name, _) in schema_files(config).items()
    }
    tables = {}
    anomalies = {}
    for table in config.tables:
        ingest, checks = _ingest_and_check(table, schemas[table], places)
        tables[table] = ingest.outputs["examples"]
        anomalies[table] = checks[-1].outputs["anomalies"]
        nodes += [ingest, *checks]
    plan = _plan(planned, places)
    told = {"plan": plan.outputs["plan"]} if plan else {}
    data_gate = DataGate(
        **anomalies,
        **told,
        settings=config.data_gate.to_json(),
        code_digest=code_digest("components.data_gate.component"),
        compared=_compared(given, schemas),
        events_schema=schemas["events"] if plan else "",
    )
    catalogue = Catalogue(
        items=tables["items"],
        settings=config.catalogue.to_json(),
        code_digest=code_digest("components.catalogue.component"),
    )
    catalogue.add_upstream_node(data_gate)
    # Whoever reads more of an item than its id reads it here.
    understanding, items = _understood(config, catalogue)
    behavior = BehaviorLog(
        events=tables["events"],
        catalogue=catalogue.outputs["catalogue"],
        **_if_there(tables, "users"),
        **told,
        settings=config.behavior_log.to_json(),
        code_digest=code_digest("components.behavior_log.component"),
    )
    behavior.add_upstream_node(data_gate)
    text = TextEmbedding(
        catalogue=items,
        queries=behavior.outputs["queries"],
        settings=config.text_settings(places.text_cache_dir).to_json(),
        code_digest=code_digest("components.text_embedding.component"),
    )
    item_schema, item_transform = _transform(
        "Item", items, schemas["catalogue"], config
    )
    behavior_schema, behavior_transform = _transform(
        "Behavior", behavior.outputs["examples"], schemas["behavior"], config
    )
    to_learn_from = {
        "examples": behavior_transform.outputs["transformed_examples"],
        "transform_graph": behavior_transform.outputs["transform_graph"],
        "item_transform_graph": item_transform.outputs["transform_graph"],
        "transformed_items": item_transform.outputs["transformed_examples"],
        "text_vectors": text.outputs["text_vectors"],
    }
    tuner = _tuner(config, places, to_learn_from)
    trainer = RecommenderTrainer(
        run_fn="models.training.trainer.run_fn",
        **to_learn_from,
        custom_config={
            "model_settings": config.model.to_json(),
            "training_settings": config.training.to_json(),
            "fine_tuning_settings": config.fine_tuning.to_json(),
            "code_digest": code_digest("models.training.trainer"),
            **_update_settings(update),
        },
        warm_start=given.warm_start if given else None,
        update_plan=plan.outputs["plan"] if plan else None,
        hyperparameters=tuner.outputs["best_hyperparameters"]
        if tuner
        else None,
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["eval"]),
    ).with_id("Trainer")
    model = trainer.outputs["model"]
    evaluator = tfx.components.Evaluator(
        examples=behavior.outputs["examples"],
        example_splits=["eval"],
        model=model,
        eval_config=eval_config(config.head_names),
    )
    retrieval = RetrievalEvaluator(
        model=model,
        examples=behavior.outputs["examples"],
        settings=config.retrieval_evaluation.to_json(),
        code_digest=code_digest("components.retrieval_evaluator.component"),
        **told,
        last_version=given.last_version if given else "",
    )
    index = ItemIndex(
        model=model,
        examples=behavior.outputs["examples"],
        settings=config.index.to_json(),
        code_digest=code_digest("components.item_index.component"),
    )
    servable = Servable(
        model=model,
        index=index.outputs["index"],
        catalogue=items,
        examples=behavior.outputs["examples"],
        **_if_there(tables, "campaigns"),
        settings=config.servable.to_json(),
        code_digest=code_digest("components.servable.component"),
    )
    validator = ServingValidator(
        servable=servable.outputs["servable"],
        settings=config.serving_validator.to_json(),
        code_digest=code_digest("components.serving_validator.component"),
    )
    gate = QualityGate(
        evaluation=evaluator.outputs["evaluation"],
        retrieval=retrieval.outputs["evaluation"],
        index=index.outputs["index"],
        serving=validator.outputs["report"],
        settings=config.gate.to_json(),
        code_digest=code_digest("components.quality_gate.component"),
    )
    pusher = AtomicPusher(
        model=servable.outputs["servable"],
        model_blessing=gate.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=places.serving_dir
            )
        ),
    )
    nodes += [plan] if plan else []
    nodes += [data_gate, catalogue, *understanding, behavior, text]
    nodes += [item_schema, item_transform, behavior_schema, behavior_transform]
    nodes += [tuner] if tuner else []
    nodes += [trainer, evaluator, retrieval, index, servable, validator]
    nodes += [gate, pusher]
    if planned and plan:
        nodes.append(
            RecordVersion(
                pushed_model=pusher.outputs["pushed_model"],
                model=model,
                model_run=trainer.outputs["model_run"],
                plan=plan.outputs["plan"],
                records_dir=planned.records_dir,
                code_digest=code_digest("components.update_plan.component"),
            )
        )
    return tfx.dsl.Pipeline(
        pipeline_name=config.pipeline_name,
        pipeline_root=places.pipeline_root,
        components=nodes,
        enable_cache=enable_cache,
        metadata_connection_config=(
            tfx.orchestration.metadata.sqlite_metadata_connection_config(
                places.metadata_path
            )
            if places.metadata_path
            else None
        ),
        beam_pipeline_args=list(beam_args),
    )


def _plan(planned, places):
    """Returns the node that finds the last version, if one is to."""
    if planned is None:
        return None
    return PlanUpdate(
        data_dir=places.data_dir,
        records_dir=planned.records_dir,
        warm_start=planned.warm_start,
        span=planned.span,
        settings=planned.plan.to_json(),
        code_digest=code_digest("components.update_plan.component"),
    )


def _compared(update, schemas):
    """Returns which span the data gate holds against the time before it."""
    if update is None or not update.span:
        return "[]"
    compared = {
        "table": "events",
        "span": update.span,
        "before": update.before,
        "schema": schemas["events"],
    }
    return json.dumps([compared])


def _update_settings(update):
    """Returns what the Trainer reads where it goes on with a version."""
    if update is None:
        return {}
    return {"update_settings": update.settings.to_json()}


def _understood(config, catalogue):
    """Returns what fills missing categories in, if anything, and the items."""
    if config.item_understanding is None:
        return [], catalogue.outputs["catalogue"]
    node = ItemUnderstanding(
        catalogue=catalogue.outputs["catalogue"],
        settings=config.item_understanding.to_json(),
        cleaning=config.catalogue.to_json(),
        code_digest=code_digest("components.item_understanding.component"),
    )
    return [node], node.outputs["understood"]


def _tuner(config, places, inputs):
    """Returns the search for settings, None where there is none."""
    if config.tuning is None:
        return None
    return RecommenderTuner(
        tuner_fn="models.tuning.tuner.tuner_fn",
        **inputs,
        custom_config={
            "model_settings": config.model.to_json(),
            "training_settings": config.training.to_json(),
            "tuning_settings": config.tuning.to_json(),
            "tuning_dir": places.tuning_dir,
            "code_digest": code_digest("models.tuning.tuner"),
        },
    ).with_id("Tuner")


def _if_there(tables, name):
    """Returns a table as an input of its name, where the data has it."""
    return {name: tables[name]} if name in tables else {}


def _ingest_and_check(table: str, schema_file: str, places: Places):
    """Returns the ExampleGen of a table, and its statistics to validator."""
    name = table.capitalize()
    files = tfx.proto.Input(
        splits=[tfx.proto.Input.Split(name="all", pattern=f"{table}/*.parquet")]
    )
    ingest = FileBasedExampleGen(
        input_base=places.data_dir,
        input_config=files,
        # The input's one split; else it would be cut into train and eval.
        output_config=tfx.proto.Output(),
        custom_executor_spec=executor_spec.BeamExecutorSpec(
            parquet_executor.Executor
        ),
    ).with_id(f"{name}Gen")
    schema = tfx.components.ImportSchemaGen(schema_file=schema_file).with_id(
        f"{name}Schema"
    )
    # Without the schema: a wrong type is then an anomaly, not a crash.
    statistics = tfx.components.StatisticsGen(
        examples=ingest.outputs["examples"]
    ).with_id(f"{name}Statistics")
    validator = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
    ).with_id(f"{name}Validator")
    return ingest, [schema, statistics, validator]


def _transform(name: str, examples, schema_file: str, config: PipelineConfig):
    """Returns the schema import and the Transform of a derived form."""
    schema = tfx.components.ImportSchemaGen(schema_file=schema_file).with_id(
        f"{name}TransformSchema"
    )
    splits = SPLITS[name]
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema.outputs["schema"],
        preprocessing_fn=(
            f"models.preprocessing.{name.lower()}_preprocessing_fn"
        ),
        splits_config=tfx.proto.SplitsConfig(
            analyze=splits[:1], transform=splits
        ),
        custom_config={
            "heads": list(config.heads),
            "code_digest": code_digest("models.preprocessing"),
        },
    ).with_id(f"{name}Transform")
    return schema, transform
