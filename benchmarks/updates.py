"""Daily updates beside one training and beside training anew every day.

A simulated mall is cut by its days. A model is trained on the first of them.
Then each day's events come in: one model stays as it is and only takes the
new items in, one goes on with yesterday's, one is trained anew on all there
is. The next day's events ask all three, with the same catalogue and the same
code. `daogou bench update` runs it.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf

import models.text.hub  # noqa: F401  Keras 2, and the text encoder's ops
from components.item_index.building import examples_of
from components.retrieval_evaluator import requests
from components.retrieval_evaluator.last_version import figures, ranks_at
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from datasets.mall.generator import generate
from datasets.mall.settings import MallSettings
from models import new_items
from models.training.update_settings import UpdateSettings
from pipeline import presets, progress
from pipeline.configs import PipelineConfig
from pipeline.local_nodes import run_nodes
from pipeline.places import Places, local_places
from pipeline.records import NodeRecord
from pipeline.report.collect import catalogue_dir
from pipeline.schemas import write_schemas
from pipeline.update import Update
from schema.contract import TABLES
from schema.errors import DataError

ONCE, UPDATED, ANEW = "trained once", "daily updates", "trained anew"
_NAME = "update-bench"
_LAST = "Trainer"
_TABLES = tuple(TABLES)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is simulated and when what is learned.

    Attributes:
      mall: The simulation.
      days: Days that come in one by one; the next one asks, so that many and
        one more are the simulation's last.
      training: How much an update learns.
      max_epochs: Passes of a whole training at most; 0 as the preset has it.
    """

    mall: MallSettings
    days: int = 3
    training: UpdateSettings = dataclasses.field(default_factory=UpdateSettings)
    max_epochs: int = 0


@dataclasses.dataclass(frozen=True)
class _Trained:
    """A run of the Trainer: where it is, and what it cost."""

    model_dir: pathlib.Path
    run_dir: pathlib.Path
    seconds: dict[str, float]


def run(
    options: Options,
    folder: pathlib.Path,
    tell: Callable[[str], None] = lambda line: None,
) -> dict:
    """Simulates, trains and asks, day after day.

    Args:
      options: What is done.
      folder: For tables, artifacts and models; kept. Texts that an earlier
        comparison there encoded are not encoded again.
      tell: Told a line when something is done.

    Returns:
      `days`, what each came to: date, queries, and for each of the three
      recall@50, ndcg@10 and the Trainer's seconds (wall and CPU); `mean`, the
      same over the days; `unchanged`, of the queries of users without events
      since the first training.

    Raises:
      DataError: The folder holds an earlier comparison, whose trainings
        would come from the cache and cost nothing.
    """
    if (folder / _NAME).exists():
        raise DataError(
            f"{folder / _NAME} is an earlier comparison; allowed: a folder "
            "without one"
        )
    mall = _Mall(options.mall, folder / "mall")
    first = options.mall.num_days - options.days - 2
    config = _config(options)
    places = local_places(folder, _NAME)
    base_end = options.mall.day_start(first + 1)

    def train(day: int, update: Update | None) -> tuple[_Trained, dict]:
        split = options.mall.day_start(day + 1)
        return _train(config, places, split, update)

    mall.write(pathlib.Path(places.data_dir), first + 1)
    once, _ = train(first, None)
    tell(f"{options.mall.date(first)}: {ONCE}, {_told(once)}")
    last, days = once, []
    for day in range(first + 1, first + 1 + options.days):
        mall.write(pathlib.Path(places.data_dir), day + 1)
        update = Update(warm_start=str(last.run_dir), settings=options.training)
        last, outputs = train(day, update)
        anew, _ = train(day, None)
        asked = _Asked(outputs, config.retrieval_evaluation, base_end)
        contenders = {
            ONCE: _with_new_items(once.model_dir, outputs, folder / "once"),
            UPDATED: tf.saved_model.load(str(last.model_dir)),
            ANEW: tf.saved_model.load(str(anew.model_dir)),
        }
        found = {name: asked.ranks(model) for name, model in contenders.items()}
        days.append((asked, found))
        costs = {UPDATED: last.seconds, ANEW: anew.seconds}
        row = {
            "date": str(options.mall.date(day)),
            **_figures(found, np.ones(len(asked.unchanged), bool)),
            "seconds": costs,
        }
        asked.row = row
        tell(f"{row}")
    return {
        "mall": dataclasses.asdict(options.mall),
        "training": dataclasses.asdict(config.training),
        "update": dataclasses.asdict(options.training),
        "once": {"seconds": once.seconds},
        "days": [asked.row for asked, _ in days],
        **_summary(days),
    }


class _Mall:
    """The tables of a mall as they are on the evening of a day."""

    def __init__(self, settings: MallSettings, folder: pathlib.Path):
        generate(settings, folder)
        self._settings = settings
        self._tables = {
            table: pq.read_table(folder / table)
            for table in _TABLES
            if (folder / table).is_dir()
        }

    def write(self, data_dir: pathlib.Path, day: int) -> None:
        """Writes what is there when a day, from 0, is over."""
        end = self._settings.day_start(day + 1)
        for table, rows in self._tables.items():
            there = rows
            column = {"events": "timestamp", "items": "listed_at"}.get(table)
            if column:
                times = pc.fill_null(rows[column], 0)
                there = rows.filter(pc.less(times, pa.scalar(end)))
            (data_dir / table).mkdir(parents=True, exist_ok=True)
            pq.write_table(there, data_dir / table / "part-00000.parquet")


def _config(options: Options) -> PipelineConfig:
    config = presets.by_name("demo")
    training = dataclasses.replace(config.training, max_seconds=0.0)
    if options.max_epochs:
        training = dataclasses.replace(training, max_epochs=options.max_epochs)
    return dataclasses.replace(
        config, name=_NAME, tables=_TABLES, mall=options.mall, training=training
    )


def _train(
    config: PipelineConfig,
    places: Places,
    split: int,
    update: Update | None,
) -> tuple[_Trained, dict[str, NodeRecord]]:
    """Runs the pipeline's nodes up to the Trainer."""
    config = dataclasses.replace(
        config,
        behavior_log=dataclasses.replace(
            config.behavior_log, split_timestamp=split
        ),
    )
    write_schemas(config, pathlib.Path(places.schema_dir))
    records: dict[str, NodeRecord] = {}
    clock = _Clock(_LAST)
    run_nodes(config, places, records, clock, update=update, until=_LAST)
    outputs = records[_LAST].outputs
    trained = _Trained(
        pathlib.Path(outputs["model"], "Format-Serving"),
        pathlib.Path(outputs["model_run"]),
        {"wall": records[_LAST].seconds, "cpu": clock.seconds},
    )
    return trained, records


class _Clock:
    """Takes the processor time of a node; other work of a machine adds none."""

    def __init__(self, node: str):
        self._node, self._begun = node, 0.0
        self.seconds = 0.0

    def __call__(self, event: progress.Event) -> None:
        if getattr(event, "node", "") != self._node:
            return
        if isinstance(event, progress.NodeStarted):
            self._begun = time.process_time()
        else:
            self.seconds = time.process_time() - self._begun


class _Asked:
    """The next day's queries.

    Attributes:
      unchanged: bool [queries], of users with a history of which nothing is
        later than the first training.
      row: What the day came to.
    """

    def __init__(
        self,
        outputs: dict[str, NodeRecord],
        settings: RetrievalEvaluationSettings,
        base_end: int,
    ):
        self._settings = settings
        self._files = requests.split_files(
            outputs["BehaviorLog"].outputs["examples"], "sequence_eval"
        )
        spec = {"history_timestamps": tf.io.VarLenFeature(tf.int64)}
        newest = [
            tf.reduce_max(
                tf.sparse.to_dense(
                    tf.io.parse_example(batch, spec)["history_timestamps"]
                ),
                axis=1,
            ).numpy()
            for batch in tf.data.TFRecordDataset(self._files, "GZIP").batch(512)
        ]
        # Without a column at all the maximum is the least number.
        times = np.maximum(np.concatenate(newest), 0)
        self._positions = requests.choose(
            len(times), settings.max_queries, settings.seed
        )
        times = times[self._positions]
        self.unchanged = (times > 0) & (times < base_end)
        self.row: dict = {}

    def ranks(self, model) -> np.ndarray:
        """Returns int64 [queries]; what the model does not know is last."""
        return ranks_at(model, self._files, self._positions, self._settings)


def _with_new_items(
    model_dir: pathlib.Path,
    outputs: dict[str, NodeRecord],
    folder: pathlib.Path,
):
    """Loads a model that takes in, untrained, the items it does not know."""
    split = pathlib.Path(catalogue_dir(outputs) or "", "Split-all")
    trained = tf.saved_model.load(str(model_dir))
    known = list(trained.item_ids().numpy())
    text = tf.io.FixedLenFeature([], tf.string)
    spec = {"item_id": text, "text": text}
    examples = np.array(list(examples_of(split).as_numpy_iterator()), object)
    parsed = tf.io.parse_example(tf.constant(examples.tolist()), spec)
    ids = parsed["item_id"].numpy()
    there = set(known)
    new = np.flatnonzero([item_id not in there for item_id in ids])
    copy = folder / f"model-{len(known) + len(new)}"
    if not copy.exists():
        new_items.copy_with_ids(model_dir, [*known, *ids[new]], copy)
    model = new_items.load(copy)
    if len(new):
        texts = tf.gather(parsed["text"], new)
        model.put_items(
            tf.constant(examples[new].tolist()), model.encode_items(texts)
        )
    return model


def _figures(found: dict[str, np.ndarray], chosen: np.ndarray) -> dict:
    return {
        "queries": int(chosen.sum()),
        "models": {
            name: {
                metric: round(value, 4)
                for metric, value in figures(ranks[chosen]).items()
            }
            for name, ranks in found.items()
        },
    }


def _summary(days: list[tuple[_Asked, dict[str, np.ndarray]]]) -> dict:
    """Joins the days' queries, each of them counted alike."""
    joined = {
        name: np.concatenate([found[name] for _, found in days])
        for name in (ONCE, UPDATED, ANEW)
    }
    unchanged = np.concatenate([asked.unchanged for asked, _ in days])
    costs = {
        name: {
            clock: sum(asked.row["seconds"][name][clock] for asked, _ in days)
            for clock in ("wall", "cpu")
        }
        for name in (UPDATED, ANEW)
    }
    everybody = _figures(joined, np.ones(len(unchanged), bool))
    of = everybody["models"]
    return {
        "all": everybody,
        "unchanged": _figures(joined, unchanged),
        "seconds": costs,
        "share_of_time": round(
            costs[UPDATED]["cpu"] / max(costs[ANEW]["cpu"], 1e-9), 4
        ),
        "of_training_anew": {
            metric: round(of[UPDATED][metric] / of[ANEW][metric], 4)
            for metric in of[ANEW]
            if of[ANEW][metric]
        },
    }


def _told(trained: _Trained) -> str:
    return f"{trained.seconds['cpu']:.0f} s of a processor"
