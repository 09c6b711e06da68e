"""Trains on logs, and predicts for their users."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from applications.intent import fitting, pair_network, pairs, steps
from applications.intent.content import Content
from applications.intent.network import IntentNetwork
from applications.intent.pair_network import PairModel
from applications.intent.settings import IntentSettings
from applications.intent.steps import NOW_KIND, Steps
from schema.errors import DataError

# Pairs that are learned from; more of a long log say little more.
_MOST_PAIRS = 150_000
# Questions that are answered at a time; bounds memory.
_QUESTIONS = 4096


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training made.

    Attributes:
      settings: How.
      content: What items and searches are.
      network: The sequence model.
      pair_model: Of browsed items; None where the log is too short for
        anything to have been bought days later.
      until: Unix seconds; nothing later was learned from.
      about: What was done, for people.
    """

    settings: IntentSettings
    content: Content
    network: IntentNetwork
    pair_model: PairModel | None
    until: int
    about: dict


def split_time(log: pa.Table, train_share: float) -> int:
    """Returns the time that a log is learned from until."""
    low, high = pc.min_max(log["timestamp"]).as_py().values()
    return int(low + train_share * (high - low))


def known_queries(log: pa.Table, until: int) -> pa.Array:
    """Returns the distinct searches before a time."""
    asked = pc.and_(
        pc.less(log["timestamp"], until), pc.not_equal(log["query"], "")
    )
    return pc.unique(log.filter(asked)["query"])


def train(
    log: pa.Table, content: Content, settings: IntentSettings, until: int
) -> Trained:
    """Trains both models on what came before a time.

    Args:
      log: As `logs.merge` made it.
      content: Its searches are of before `until`.
      settings: How.
      until: Unix seconds; labels do not look beyond it either.

    Raises:
      DataError: There is too little to learn from.
    """
    walked = steps.with_questions(steps.from_log(log, content))
    early = walked.time < until
    if early.sum() < settings.length:
        raise DataError(
            f"{int(early.sum())} steps are before the split; needed: at least "
            f"{settings.length}"
        )
    labels = steps.label(walked, content, settings.horizons, until)
    network, about = fitting.fit(walked, labels, content, settings, until)
    found = find_pairs(
        walked, content, settings, _answered(walked, settings, until)
    )
    told = pairs.bought(walked, content, found, settings.days, until)
    pair_model = None
    if len(told) and told.max(initial=0) > 0:
        rng = np.random.default_rng(settings.seed)
        kept = np.flatnonzero(told[:, 0] >= 0)
        kept = rng.permutation(kept)[:_MOST_PAIRS]
        held = fitting.held_out(walked, settings)
        pair_model = pair_network.fit(
            found.features[kept],
            told[kept],
            held[walked.user[found.question[kept]]],
            settings.seed,
        )
        about["pairs"] = len(kept)
        about["bought"] = told[kept].sum(0).tolist()
    return Trained(settings, content, network, pair_model, until, about)


def _answered(walked: Steps, settings, until) -> NDArray[np.int64]:
    """Returns questions whose answer is known before a time."""
    return np.flatnonzero(
        (walked.kind == NOW_KIND)
        & (walked.time + settings.days * 86_400 <= until)
    )


def find_pairs(
    walked: Steps,
    content: Content,
    settings: IntentSettings,
    questions: NDArray[np.int64],
) -> pairs.Pairs:
    """Finds what users had browsed at questions, some questions at a time."""
    parts = [
        pairs.browsed(
            walked,
            content,
            questions[start : start + _QUESTIONS],
            settings.browsed,
        )
        for start in range(0, max(len(questions), 1), _QUESTIONS)
    ]
    joined = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("question", "row", "features")
    ]
    return pairs.Pairs(*joined)


def predict(
    trained: Trained, log: pa.Table, at: int, num_users: int, num_items: int
) -> pa.Table:
    """Says what the users that were active last will buy of what they saw.

    Args:
      trained: The models.
      log: The same that was learned from, or a newer one.
      at: Unix seconds; only what came before it is read.
      num_users: Most of them, the last active first.
      num_items: Most of each, the last browsed ones.

    Returns:
      `user_id`, `item_id`, `probability` that the item is bought,
      `category_probability` that anything of its category is, both within
      the settings' days, and `user_probability` that the user buys anything
      within the longest horizon; likeliest first for each user.

    Raises:
      DataError: The log was too short to learn this from, or nobody was
        active before `at`.
    """
    if trained.pair_model is None:
        raise DataError(
            "nothing was bought days after it was browsed in the log that "
            f"was learned from ({trained.settings.days} days); a longer one is "
            "needed, or fewer days"
        )
    settings = dataclasses.replace(trained.settings, browsed=num_items)
    walked = steps.from_log(log, trained.content)
    seen = walked.time < at
    last = np.zeros(len(walked.users), np.int64)
    np.maximum.at(last, walked.user[seen], walked.time[seen])
    active = np.argsort(-last, kind="stable")[:num_users]
    active = np.sort(active[last[active] > 0])
    if not len(active):
        raise DataError("nobody did anything before the time that is asked at")
    walked = steps.asked_at(walked, at)
    questions = np.flatnonzero(walked.kind == NOW_KIND)
    questions = questions[np.isin(walked.user[questions], active)]
    found = find_pairs(walked, trained.content, settings, questions)
    wanted = np.zeros(len(walked.user), bool)
    wanted[questions] = True
    _, buys = fitting.ask(trained.network, walked, wanted, settings.length)
    chances = trained.pair_model.chances(found.features)
    question = np.searchsorted(questions, found.question)
    order = np.lexsort((-chances[:, 0], question))
    user = walked.user[found.question]
    return pa.table(
        {
            "user_id": walked.users.take(pa.array(user[order])),
            "item_id": trained.content.item_ids.take(
                pa.array(found.row[order] - 1)
            ),
            "probability": chances[order, 0].astype(np.float32),
            "category_probability": chances[order, 1].astype(np.float32),
            "user_probability": buys[question[order], -1],
        }
    )
