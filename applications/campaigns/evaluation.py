"""How well views after the split are told from those that came to nothing."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.campaigns import learning
from applications.campaigns.learning import Fitted
from applications.campaigns.source import Source
from applications.campaigns.views import Views
from models.campaigns.features import HEADS, NAMES, OF_TOWERS
from models.metrics import catalogue_order, retrieval
from models.metrics.intervals import interval
from models.metrics.lists import hit_figures
from models.metrics.ranking import auc
from schema.errors import DataError

OURS = "daogou"
POPULARITY = "popularity"
HISTORY = "history in scope"
# Of a list of campaigns; few run at a time.
TOP = 3
_SAMPLES = 500


@dataclasses.dataclass(frozen=True)
class Asked:
    """Views after the split, and what each method says of them.

    Attributes:
      views: The views.
      scores: float [n, heads] by method, ours first.
      about: Of our training.
      fitted: Ours.
      lists: How lists of what ran stand, as `lists_of_running` returns.
    """

    views: Views
    scores: dict[str, NDArray[np.floating]]
    about: dict
    fitted: Fitted
    lists: dict


def evaluate(source: Source) -> Asked:
    """Learns from views before the split and asks about those after it.

    Beside ours stand the campaign's share of viewers who took part so far,
    the same of its kind, how much of the person's history lies in the scope,
    and ours without what the towers say.

    Raises:
      DataError: There are too few views on one of the sides.
    """
    learned = source.settled_views()
    told = source.views.take(source.views.timestamp >= source.split)
    if not len(told):
        raise DataError(
            "nobody looked at a campaign after the split; there is nothing "
            "to evaluate on"
        )
    features = source.view_features(learned)
    asked = source.view_features(told)
    fitted = learning.fit(
        features, learned.took_part, learned.user, source.settings
    )
    shares, of_kinds = source.popularity.at(told.timestamp)
    own = np.arange(len(told))
    rest = learning.fit(
        _without_towers(features),
        learned.took_part,
        learned.user,
        source.settings,
    )
    history = asked[:, [NAMES.index("history_in_scope")]]
    return Asked(
        views=told,
        scores={
            OURS: fitted.chances(asked),
            POPULARITY: shares[own, told.campaign],
            "popularity of the kind": of_kinds[own, told.campaign],
            HISTORY: np.repeat(history, len(HEADS), axis=1),
            "without the towers": rest.chances(_without_towers(asked)),
        },
        about=fitted.about,
        fitted=fitted,
        lists=lists_of_running(source, fitted, told),
    )


def lists_of_running(source: Source, fitted: Fitted, told: Views) -> dict:
    """Lists what ran when somebody took part in one of several campaigns.

    That one should be in front. Which was seen the shop had decided, so what
    nobody was shown counts as wrong, for every method alike.

    Args:
      source: Of the run.
      fitted: Ours.
      told: Views after the split.

    Returns:
      `views`, how many; `running`, how many campaigns then ran in the mean;
      and `models`, by method precision, recall, F1, NDCG, coverage (of those
      that ran at any of the moments) and diversity (of the middles of their
      items) of the first three. {} where nobody took part.
    """
    goals = [HEADS.index(goal) for goal in source.settings.goals]
    made = source.recommender(None)
    took_part = told.took_part[:, goals].any(1)
    nobody = np.full((len(told), 1), -1)
    runs = made.table.allowed(told.timestamp, nobody).numpy()
    own = np.arange(len(told))
    some = took_part & runs[own, told.campaign] & (runs.sum(1) > 1)
    if not some.any():
        return {}
    views, runs = told.take(some), runs[some]
    features = source.features(views.user, views.timestamp)
    shares, of_kinds = source.popularity.at(views.timestamp)
    history = features[:, :, [NAMES.index("history_in_scope")]]
    ever = int(runs.any(0).sum())
    centres = made.features.centres.numpy()
    return {
        "views": len(views),
        "running": float(runs.sum(1).mean()),
        "models": {
            method: _of_lists(
                np.where(
                    runs, 1 - np.prod(1 - chances[..., goals], 2), -np.inf
                ),
                views.campaign,
                ever,
                centres,
            )
            for method, chances in (
                (OURS, fitted.chances(features)),
                (POPULARITY, shares),
                ("popularity of the kind", of_kinds),
                (HISTORY, np.repeat(history, len(HEADS), axis=2)),
            )
        },
    }


def _of_lists(scores, target, ever, centres):
    order = catalogue_order.tie_order(scores.shape[1])
    top = catalogue_order.top_items(scores.astype(np.float32), TOP, order)
    hits = np.zeros((len(top), TOP), bool)
    hits[:, : top.shape[1]] = top == target[:, None]
    told = hit_figures(hits, np.ones(len(top), np.int64))
    return {
        **{name: float(values.mean()) for name, values in told.items()},
        f"coverage@{TOP}": retrieval.coverage(top, ever),
        f"diversity@{TOP}": retrieval.diversity(top, centres),
    }


def figures(asked: Asked, kinds: list[str]) -> dict:
    """Returns AUC by head and kind, and how far ours is ahead.

    Args:
      asked: As `evaluate` returns.
      kinds: Of the campaigns.

    Returns:
      By head, by `all` and kind: `views`, `took_part`, `models` (AUC by
      method) and `lead` over popularity, with a 95 % interval from drawing
      users.
    """
    kind = np.array(kinds, object)[asked.views.campaign]
    parts = {"all": np.ones(len(kind), bool)}
    parts |= {name: kind == name for name in sorted({*kinds} - {""})}
    told: dict[str, dict] = {head: {} for head in HEADS}
    for column, head in enumerate(HEADS):
        truth = asked.views.took_part[:, column]
        for name, part in parts.items():
            if not truth[part].any() or truth[part].all():
                continue
            scores = {
                method: values[part, column]
                for method, values in asked.scores.items()
            }
            told[head][name] = {
                "views": int(part.sum()),
                "took_part": int(truth[part].sum()),
                "models": {
                    method: auc(truth[part], values)
                    for method, values in scores.items()
                },
                "lead": _lead(
                    truth[part],
                    scores[OURS],
                    scores[POPULARITY],
                    asked.views.user[part],
                ),
            }
    return told


def _lead(truth, ours, other, users):
    """AUC of ours less the other's, with an interval over users."""
    distinct, user = np.unique(users, return_inverse=True)
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(_SAMPLES):
        weight = np.bincount(
            rng.integers(0, len(distinct), len(distinct)),
            minlength=len(distinct),
        )[user].astype(float)
        gap = auc(truth, ours, weight) - auc(truth, other, weight)
        if np.isfinite(gap):
            gaps.append(gap)
    low, high = interval(np.array(gaps)) if gaps else (np.nan, np.nan)
    return {
        "auc": auc(truth, ours) - auc(truth, other),
        "interval": [low, high],
    }


def _without_towers(features):
    blind = features.copy()
    blind[..., [NAMES.index(name) for name in OF_TOWERS]] = 0.0
    return blind
