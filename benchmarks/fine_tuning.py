"""What training the text encoder with the towers brings, and costs.

The towers are trained anew on a finished run's artifacts: with the encoder as
it is, and with it trained along in each of the ways there are. Some items are
held out as in `benchmarks.coldstart`, because text is all that is known of
them. `daogou bench fine-tuning --preset demo` runs it.
"""

import dataclasses
import math
import pathlib
import tempfile

import numpy as np

from benchmarks import coldstart
from components.retrieval_evaluator import requests
from components.retrieval_evaluator.evaluation import (
    Result,
    evaluate,
)
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.metrics import intervals, retrieval
from models.settings import ModelSettings, TrainingSettings
from models.text.fine_tuning.settings import FROZEN, TOP, FineTuningSettings
from models.training import trainer

# The towers trained on just as long, with an encoder that does not move:
# what is gained over this one is the encoder's.
TOWERS = "towers trained on"
# Too small to change a float32.
_NOTHING = 1e-30
_VALIDATIONS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is compared.

    Attributes:
      modes: Of `FineTuningSettings`, `frozen` left out.
      share: Of the items that training saw, those that it shall not see, and
        as many that it sees up to five times.
      seed: Of their draw.
      texts_a_step: As `FineTuningSettings` has it.
      towers_epochs: Passes over the sequences before, at most; 0 as the run
        had it.
      epochs: Passes over the sequences with the encoder, for each mode.
      seconds: Wall time of these at most; 0 for no limit.
    """

    modes: tuple[str, ...]
    share: float = 0.2
    seed: int = 7
    texts_a_step: int = 32
    towers_epochs: int = 0
    epochs: int = 6
    seconds: float = 0.0


def run(
    artifacts: coldstart.Artifacts,
    model: ModelSettings,
    training: TrainingSettings,
    evaluation: RetrievalEvaluationSettings,
    options: Options,
) -> dict:
    """Trains and evaluates each contender.

    Args:
      artifacts: Of the finished run.
      model: As the run had it, but for a complete catalogue.
      training: As the run had it; its limit of time is lifted, so that all
        begin with the same towers.
      evaluation: As the run had it.
      options: What is compared.

    Returns:
      Queries of each group of targets, and for each contender its training
      and its metrics by group, with how far it is ahead of the frozen one.
    """
    training = dataclasses.replace(
        training,
        max_seconds=0.0,
        ranking_epochs=1,
        max_epochs=options.towers_epochs or training.max_epochs,
    )
    # What is held out was not there, whatever the run's catalogue was.
    model = dataclasses.replace(model, complete_catalogue=False)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        out, sources = coldstart.hold_out(
            artifacts, work, share=options.share, seed=options.seed
        )
        trained, told = {}, {}
        for number, (name, tuning) in enumerate(_contenders(options).items()):
            into = f"{work}/{number}"
            history = trainer.train(
                sources,
                f"{into}/model",
                f"{into}/run",
                model,
                training,
                fine_tuning=tuning,
            )
            rows = history["retrieval"]
            trained[name] = coldstart.ask(
                f"{into}/model", len(rows), artifacts, evaluation
            )
            told[name] = _told(rows, tuning)
        train = requests.read_sequences(
            requests.split_files(str(work / "raw"), "sequence_train"),
            trained[FROZEN].lookup,
            evaluation.positive_event_types,
        )
    asked = trained[FROZEN].asked
    num_items = len(trained[FROZEN].item_ids)
    counts = np.bincount(train.rows[train.rows >= 0], minlength=num_items)
    groups = _groups(counts[asked.queries.targets], asked.has_query)
    ranked = {
        name: evaluate(
            found.asked.scores(found.items),
            asked.queries,
            num_items,
            evaluation,
        )
        for name, found in trained.items()
    }
    return {
        "items": num_items,
        "held_out": len(out.unseen),
        "kept_few": len(out.few_since),
        "texts_a_step": options.texts_a_step,
        "queries": {name: int(mask.sum()) for name, mask in groups.items()},
        "contenders": {
            name: {
                **told[name],
                "groups": {
                    group: _figures(
                        result, ranked[FROZEN], mask, asked.user_ids
                    )
                    for group, mask in groups.items()
                },
            }
            for name, result in ranked.items()
        },
    }


def _contenders(options: Options) -> dict[str, FineTuningSettings]:
    with_text = FineTuningSettings(
        texts_a_step=options.texts_a_step,
        max_epochs=options.epochs,
        max_seconds=options.seconds,
        # Before each, the whole catalogue is encoded.
        validate_every=max(1, options.epochs // _VALIDATIONS),
    )
    return {
        FROZEN: FineTuningSettings(),
        TOWERS: dataclasses.replace(
            with_text,
            mode=TOP,
            top_layers=1,
            learning_rate=_NOTHING,
            weight_decay=0.0,
            texts_a_step=1,
        ),
        **{
            mode: dataclasses.replace(with_text, mode=mode)
            for mode in options.modes
        },
    }


def _told(rows: list[dict], tuning: FineTuningSettings) -> dict:
    """Says how a training went."""
    told = {
        "epochs": len(rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "val_gain": max(row.get("val_gain", -math.inf) for row in rows),
    }
    if tuning.mode == FROZEN:
        return told
    with_text = [row for row in rows if "texts" in row]
    return told | {
        "settings": dataclasses.asdict(tuning),
        "epochs_with_text": len(with_text),
        "seconds_with_text": round(sum(row["seconds"] for row in with_text), 1),
    }


def _groups(seen, has_query) -> dict[str, np.ndarray]:
    groups = {
        "all": seen >= 0,
        "unseen": seen == 0,
        "1 to 5 events": (seen > 0) & (seen <= coldstart.MOST_EVENTS),
        "more events": seen > coldstart.MOST_EVENTS,
        "with search": has_query,
    }
    return {name: mask for name, mask in groups.items() if mask.any()}


def _figures(
    result: Result, frozen: Result, mask: np.ndarray, users: np.ndarray
) -> dict:
    """Gives metrics of some queries, and their lead over the frozen ones."""
    figures: dict = {
        "recall@10": round(float((result.ranks[mask] < 10).mean()), 4),
        "recall@50": round(float((result.ranks[mask] < 50).mean()), 4),
    }
    gains, before = (
        retrieval.gains(one.ranks[mask], 10) for one in (result, frozen)
    )
    figures["ndcg@10"] = round(float(gains.mean()), 4)
    if result is not frozen:
        ahead = intervals.paired_difference(gains, before, users[mask])
        figures["ndcg@10 over frozen"] = {
            "mean": round(ahead.mean, 4),
            "interval": [round(ahead.low, 4), round(ahead.high, 4)],
            "p": round(ahead.p, 4),
        }
    return figures
