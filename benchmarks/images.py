"""What image vectors are worth: with them, without, and with wrong ones.

A simulated mall's items have made-up images (`datasets.mall.images`), some
none. The towers are trained on the same examples without images, with them, and
with the same images dealt out to other items, which tell nothing: what those
bring is not the images' doing. `daogou bench images` runs it.
"""

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Callable

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf

from benchmarks import coldstart, held_out
from components.retrieval_evaluator.evaluation import evaluate
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from datasets.mall.settings import MallSettings
from models.metrics import intervals, retrieval
from models.settings import ModelSettings, TrainingSettings
from models.training import trainer
from models.training.data import split_files
from pipeline import presets
from pipeline.configs import PipelineConfig
from pipeline.local_nodes import run_nodes
from pipeline.places import local_places
from pipeline.records import NodeRecord
from pipeline.schemas import write_schemas
from pipeline.source import prepare_data, tables_in
from schema.errors import DataError

OFF, ON, SHUFFLED = "without images", "with images", "with others' images"
METRICS = ("recall@50", "ndcg@10")
_NAME = "images-bench"
# The last of what all trainings read.
_LAST = "TextEmbedding"
_GZIP = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
# Ranking plays no part here; its heads are made and left alone.
_RANKING_EXAMPLES = 256

Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is simulated and how often each way is trained.

    Attributes:
      mall: The simulation, with images.
      seeds: Of the trainings; a query counts with its mean over them.
      queries_per_user: Held-out choices of a user that are asked at most.
      max_epochs: Passes of a training at most; 0 as the demo has it.
      image_dropout: Of the model.
    """

    mall: MallSettings
    seeds: tuple[int, ...] = (20, 21)
    queries_per_user: int = 20
    max_epochs: int = 0
    image_dropout: float = ModelSettings.image_dropout


def run(options: Options, folder: pathlib.Path, tell: Tell) -> dict:
    """Simulates, trains and asks.

    Args:
      options: What is done.
      folder: For tables, artifacts and models; kept. What was trained or
        encoded there before, with these options, is not done again.
      tell: Told a line when something is done.

    Returns:
      `queries` by group; `models`, by way and group recall@50 and ndcg@10, and
      the `epochs` of each training; `lead`, by how much the ways with images
      are ahead of the one without, with an interval; `lead_over_wrong`, by how
      much images are ahead of those of other items, which cost the training
      as much and tell nothing.

    Raises:
      DataError: The mall has no images, nothing is to be trained, or the
        folder holds a comparison with other options.
    """
    for what, count in (
        ("image_width", options.mall.image_width),
        ("seeds", len(options.seeds)),
    ):
        if not count:
            raise DataError(f"{what}: 0; allowed: 1 or more")
    _claim(folder, options)
    config = _config(options)
    artifacts = _prepare(config, folder, tell)
    dealt = _with_others_images(artifacts.sources, folder / "shuffled")
    model = dataclasses.replace(
        config.model, images=True, image_dropout=options.image_dropout
    )
    ways = {
        OFF: (artifacts.sources, config.model),
        ON: (artifacts.sources, model),
        SHUFFLED: (dealt, model),
    }
    figures: dict[str, list] = {way: [] for way in ways}
    epochs: dict[str, list[int]] = {way: [] for way in ways}
    for seed in options.seeds:
        training = dataclasses.replace(config.training, seed=seed)
        for number, (way, (sources, settings)) in enumerate(ways.items()):
            work = folder / f"trained-{number}-{seed}"
            done = work / "run" / "history.json"
            if not done.exists():
                shutil.rmtree(work, ignore_errors=True)
                trainer.train(
                    sources, f"{work}/model", f"{work}/run", settings, training
                )
            history = json.loads(done.read_text(encoding="utf-8"))
            trained = coldstart.ask(
                f"{work}/model",
                len(history["retrieval"]),
                artifacts,
                config.retrieval_evaluation,
            )
            found = _figures(trained, config.retrieval_evaluation)
            figures[way].append(found)
            epochs[way].append(trained.epochs)
            means = {name: f"{v.mean():.4f}" for name, v in found.items()}
            tell(f"{way}, seed {seed}, {trained.epochs} epochs: {means}")
    pictured = _pictured(folder)
    with_image = np.array([i in pictured for i in trained.item_ids])
    asked = trained.asked
    return {
        **_settings(options, config.training),
        "items": {
            "all": len(with_image),
            "without image": int((~with_image).sum()),
            "unseen": int(asked.unseen.sum()),
        },
        **compare(
            {way: _mean(found) for way, found in figures.items()},
            _groups(asked.queries.targets, asked.unseen, with_image),
            asked.user_ids,
        ),
        "epochs": epochs,
    }


def compare(
    figures: dict[str, dict[str, np.ndarray]],
    groups: dict[str, np.ndarray],
    users: np.ndarray,
) -> dict:
    """Sums up by group, and says how far ways are ahead of others.

    Args:
      figures: By way and metric, float [queries].
      groups: By name bool [queries]; empty ones are left out.
      users: Who asked, [queries].

    Returns:
      `queries`, `models`, `lead` and, with `SHUFFLED`, `lead_over_wrong` of
      `run`.
    """
    groups = {name: mask for name, mask in groups.items() if mask.any()}
    result: dict = {
        "queries": {name: int(mask.sum()) for name, mask in groups.items()},
        "models": {
            way: {
                group: {
                    m: round(float(found[m][mask].mean()), 4) for m in found
                }
                for group, mask in groups.items()
            }
            for way, found in figures.items()
        },
        "lead": {
            way: _leads(found, figures[OFF], groups, users)
            for way, found in figures.items()
            if way != OFF
        },
    }
    if SHUFFLED in figures:
        result["lead_over_wrong"] = _leads(
            figures[ON], figures[SHUFFLED], groups, users
        )
    return result


def _leads(found, other, groups, users) -> dict[str, dict]:
    return {
        group: {
            metric: _lead(found[metric][mask], other[metric][mask], users[mask])
            for metric in found
        }
        for group, mask in groups.items()
    }


def _lead(values, off, users) -> dict[str, float]:
    ahead = intervals.paired_difference(values, off, users)
    return {
        name: round(value, 4)
        for name, value in dataclasses.asdict(ahead).items()
    }


def _claim(folder: pathlib.Path, options: Options) -> None:
    """Lets a folder hold trainings of these options and no others."""
    told = dataclasses.asdict(options)
    del told["seeds"]
    text = json.dumps(told, indent=1)
    path = folder / "options.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(text, encoding="utf-8")
    elif path.read_text(encoding="utf-8") != text:
        raise DataError(
            f"{folder} holds a comparison with other options; allowed: the "
            f"same ones ({path}), or another folder"
        )


def _settings(options: Options, training: TrainingSettings) -> dict:
    return {
        "mall": dataclasses.asdict(options.mall),
        "training": dataclasses.asdict(training),
        "image_dropout": options.image_dropout,
        "seeds": list(options.seeds),
    }


def _config(options: Options) -> PipelineConfig:
    config = presets.by_name("demo")
    training = dataclasses.replace(
        config.training, max_seconds=0.0, ranking_epochs=1
    )
    if options.max_epochs:
        training = dataclasses.replace(training, max_epochs=options.max_epochs)
    behavior = dataclasses.replace(
        config.behavior_log, eval_queries_per_user=options.queries_per_user
    )
    return dataclasses.replace(
        config,
        name=_NAME,
        mall=options.mall,
        behavior_log=behavior,
        training=training,
    )


def _prepare(
    config: PipelineConfig, folder: pathlib.Path, tell: Tell
) -> coldstart.Artifacts:
    """Simulates, and runs the nodes that come before the Trainer."""
    places = local_places(folder, _NAME)
    tell(prepare_data(config, None, places))
    config = dataclasses.replace(config, tables=tables_in(places.data_dir))
    write_schemas(config, pathlib.Path(places.schema_dir))
    records: dict[str, NodeRecord] = {}
    run_nodes(config, places, records, lambda event: None, until=_LAST)
    tell("the examples are there")
    behavior = records["BehaviorTransform"].outputs
    items = records["ItemTransform"].outputs
    few = folder / "examples"
    shutil.rmtree(few, ignore_errors=True)
    examples = behavior["transformed_examples"]
    shutil.copytree(
        f"{examples}/Split-sequence_train", few / "Split-sequence_train"
    )
    held_out.copy_some(
        split_files(examples, "train"), few / "Split-train", _RANKING_EXAMPLES
    )
    return coldstart.Artifacts(
        examples=pathlib.Path(records["BehaviorLog"].outputs["examples"]),
        sources=trainer.Sources(
            examples=str(few),
            transform_graph=behavior["transform_graph"],
            items=items["transformed_examples"],
            item_transform_graph=items["transform_graph"],
            text_vectors=records[_LAST].outputs["text_vectors"],
        ),
    )


def _with_others_images(
    sources: trainer.Sources, folder: pathlib.Path
) -> trainer.Sources:
    """Returns the sources with the items' images dealt out anew."""
    files = split_files(sources.items, "all")
    records = [
        tf.train.Example.FromString(record)
        for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()
    ]
    deal_images(records, seed=1)
    target = folder / "Split-all"
    shutil.rmtree(folder, ignore_errors=True)
    target.mkdir(parents=True)
    path = str(target / "data_tfrecord-00000-of-00001.gz")
    with tf.io.TFRecordWriter(path, _GZIP) as writer:
        for record in records:
            writer.write(record.SerializeToString())
    return dataclasses.replace(sources, items=str(folder))


def deal_images(records: list[tf.train.Example], seed: int) -> None:
    """Gives images to other items in place; who has none gets none.

    Args:
      records: Transformed items.
      seed: Of the draw.
    """
    lists = [record.features.feature["image"].float_list for record in records]
    images = [list(image.value) for image in lists if image.value]
    order = np.random.default_rng(seed).permutation(len(images))
    drawn = iter(order.tolist())
    for image in lists:
        if image.value:
            image.value[:] = images[next(drawn)]


def _figures(
    trained: coldstart.Trained, evaluation: RetrievalEvaluationSettings
) -> dict[str, np.ndarray]:
    """Returns the figures of each query, float64 [queries]."""
    ranks = evaluate(
        trained.asked.scores(trained.items),
        trained.asked.queries,
        len(trained.item_ids),
        evaluation,
    ).ranks
    values = ((ranks < 50).astype(np.float64), retrieval.gains(ranks, 10))
    return dict(zip(METRICS, values, strict=True))


def _mean(found: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {m: np.mean([one[m] for one in found], axis=0) for m in METRICS}


def _pictured(folder: pathlib.Path) -> set[bytes]:
    """Returns the ids of the items that have an image."""
    table = pq.read_table(
        pathlib.Path(local_places(folder, _NAME).data_dir, "items"),
        columns=["item_id", "image_embedding"],
    )
    there = table.filter(pc.is_valid(table["image_embedding"]))
    return {item_id.encode() for item_id in there["item_id"].to_pylist()}


def _groups(targets, unseen, with_image) -> dict[str, np.ndarray]:
    """Marks queries by what their target is."""
    new, pictured = unseen[targets], with_image[targets]
    return {
        "all": np.ones(len(targets), bool),
        "seen": ~new,
        "unseen": new,
        "with image": pictured,
        "without image": ~pictured,
        "unseen, with image": new & pictured,
        "unseen, without image": new & ~pictured,
    }
