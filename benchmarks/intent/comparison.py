"""Purchase intent after a split in time, beside rules and LightGBM.

Each head of the peers learns from the steps that ours learns from, but for a
sample where there are more than enough, tuned on the same users held out.
"""

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import tempfile
import time
import typing
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from applications.intent import evaluation, fitting, job, pairs, steps
from applications.intent.content import Content
from applications.intent.evaluation import Asked
from applications.intent.job import Trained
from applications.intent.settings import IntentSettings
from applications.intent.steps import ASKING, NOW_KIND
from benchmarks import environments
from benchmarks.intent import features
from benchmarks.quality.peers import PeerError
from benchmarks.ranking.comparison import PEERS, REQUIREMENTS
from models.metrics.ranking import auc, log_loss

PEER = pathlib.Path(environments.__file__).parent / "ranking/boosted_peer.py"
# Rows that the peers learn from; their grids take minutes as it is.
_MOST_ROWS = 12_000
_FEWEST_POSITIVES = 10
_TAIL_LINES = 5

Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class _Problem:
    """One thing to predict, for the peers.

    Attributes:
      learned: Columns of the rows to learn from.
      labels: Theirs.
      held: bool, those that the peers are tuned on.
      asked: Columns of the rows to predict.
    """

    learned: dict[str, NDArray]
    labels: NDArray
    held: NDArray
    asked: dict[str, NDArray]


def run(
    log: pa.Table,
    content: Content,
    settings: IntentSettings,
    until: int,
    *,
    peers: bool = True,
    tell: Tell = lambda line: None,
) -> dict:
    """Trains ours and the peers, and compares.

    Args:
      log: Merged and cleaned.
      content: Its searches are of before `until`.
      settings: Of ours.
      until: Unix seconds, the split.
      peers: Whether LightGBM and logistic regression are asked too.
      tell: Is told what is done, and how long it took.

    Returns:
      `categories` (accuracy of three), `category_lists` (their precision,
      recall, F1, NDCG and coverage), `buys` by horizon, `pairs` by head;
      what the log is too short for is absent.
    """
    with _timed(f"train on {len(log):,} rows", tell):
        trained = job.train(log, content, settings, until)
    with _timed("ask at every step after the split", tell):
        asked = evaluation.sessions(trained, log)
    lists = evaluation.category_lists(asked, content, until)
    return {
        "training": trained.about,
        "asked": len(asked.places),
        "categories": lists.accuracy(),
        "category_lists": lists.figures(),
        "buys": _buys(trained, asked, peers, tell),
        "pairs": _pairs(trained, log, peers, tell),
    }


@contextlib.contextmanager
def _timed(what: str, tell: Tell) -> Iterator[None]:
    begun = time.monotonic()
    yield
    tell(f"{what}: {time.monotonic() - begun:.0f} s")


def _buys(trained: Trained, asked: Asked, peers: bool, tell: Tell) -> dict:
    walked, content = asked.steps, trained.content
    told = steps.label(
        walked, content, trained.settings.horizons, trained.until
    )
    held = fitting.held_out(walked, trained.settings)
    learned = np.flatnonzero(
        (walked.time < trained.until) & np.isin(walked.kind, ASKING)
    )
    rng = np.random.default_rng(trained.settings.seed)
    learned = np.sort(rng.permutation(learned)[:_MOST_ROWS])
    columns = features.table(walked, content, learned)
    wanted = features.table(walked, content, asked.places)
    found = {}
    for place, hours in enumerate(trained.settings.horizons):
        truth = asked.labels.bought[:, place]
        known = truth >= 0
        labels = told.bought[learned, place]
        there = labels >= 0
        if not _enough(truth[known]) or not _enough(labels[there]):
            continue
        problem = _Problem(
            {name: values[there] for name, values in columns.items()},
            labels[there],
            held[walked.user[learned[there]]],
            {name: values[known] for name, values in wanted.items()},
        )
        rules = {
            "latest cart": _recency(wanted["since cart"][known]),
            "actions in 1 h": sum(
                wanted[f"{kind} 1 h"][known] for kind in ("view", "click")
            ),
        }
        with _timed(f"compare on purchases within {hours} h", tell):
            found[f"{hours} h"] = _compared(
                asked.buys[known, place], truth[known], problem, rules, peers
            )
    return found


def _pairs(trained: Trained, log: pa.Table, peers: bool, tell: Tell) -> dict:
    browsed = evaluation.browsed(trained, log)
    if browsed is None:
        return {}
    asked, truth, chances = browsed
    settings, content = trained.settings, trained.content
    walked = steps.with_questions(steps.from_log(log, content))
    questions = np.flatnonzero(
        (walked.kind == NOW_KIND)
        & (walked.time + settings.days * 86_400 <= trained.until)
    )
    learned = job.find_pairs(walked, content, settings, questions)
    labels = pairs.bought(
        walked, content, learned, settings.days, trained.until
    )
    held = fitting.held_out(walked, settings)[walked.user[learned.question]]
    rng = np.random.default_rng(settings.seed)
    kept = rng.permutation(len(labels))[: 3 * _MOST_ROWS]
    places = {name: place for place, name in enumerate(pairs.FEATURES)}
    wanted = {name: asked.features[:, at] for name, at in places.items()}
    found = {}
    for head, name in enumerate(("item", "category")):
        if not _enough(truth[:, head]) or not _enough(labels[kept, head]):
            continue
        problem = _Problem(
            {n: learned.features[kept, at] for n, at in places.items()},
            labels[kept, head],
            held[kept],
            wanted,
        )
        rules = {"latest": -wanted["hours since last"]}
        with _timed(f"compare on purchases of the browsed {name}", tell):
            found[f"browsed {name} in {settings.days} days"] = _compared(
                chances[:, head], truth[:, head], problem, rules, peers
            )
    return found


def _compared(ours, truth, problem: _Problem, rules, peers) -> dict:
    told = {"daogou": _figures(ours, truth)}
    if peers:
        theirs = _ask_peers(problem)
        for name, title in PEERS.items():
            told[title] = _figures(theirs[name][:, 0], truth)
    told |= {name: {"auc": auc(truth, score)} for name, score in rules.items()}
    return {
        "asked": len(truth),
        "positives": int(truth.sum()),
        "models": told,
    }


def _figures(chances, truth):
    return {"auc": auc(truth, chances), "log_loss": log_loss(truth, chances)}


def _ask_peers(problem: _Problem) -> dict[str, NDArray]:
    names = list(problem.learned)
    held = problem.held
    if min(problem.labels[held].sum(), problem.labels[~held].sum()) < 2:
        held = np.arange(len(held)) % 5 == 0
    arrays: dict[str, typing.Any] = {}
    for name, columns, labels in (
        ("fit", _rows(problem.learned, ~held), problem.labels[~held]),
        ("choose", _rows(problem.learned, held), problem.labels[held]),
        ("asked", problem.asked, None),
    ):
        table = np.stack([columns[column] for column in names], 1)
        told = np.zeros(len(table)) if labels is None else labels
        arrays[f"{name}_x"] = table.astype(np.float32)
        arrays[f"{name}_y"] = told[:, None].astype(np.float32)
        arrays[f"{name}_w"] = np.ones(len(table), np.float32)
    about = {
        "columns": names,
        "categories": [n for n in names if n in features.CATEGORIES],
        # A second one waits more than it works on so few rows.
        "threads": 1,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        np.savez(folder / "problem.npz", **arrays)
        (folder / "problem.json").write_text(json.dumps(about), "utf-8")
        done = subprocess.run(
            [environments.python_of(REQUIREMENTS), PEER, folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = "\n".join(done.stderr.strip().splitlines()[-_TAIL_LINES:])
            raise PeerError(f"{PEER.name}: {said}")
        return dict(np.load(folder / "predictions.npz"))


def _rows(columns, rows):
    return {name: values[rows] for name, values in columns.items()}


def _recency(since):
    """Returns a score that is the higher the later, least for never."""
    return -np.nan_to_num(since, nan=1e9)


def _enough(labels) -> bool:
    positives = int((labels == 1).sum())
    return min(positives, int((labels == 0).sum())) >= _FEWEST_POSITIVES
