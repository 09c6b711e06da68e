"""What showing campaigns would bring, asked of a simulated mall's truth.

A log tells what came of the campaign that was shown. The mall knows of every
visit how likely the shopper joins any campaign, so that choices can be
compared on all visits without guessing.
"""

import dataclasses
import pathlib

import numpy as np
from numpy.typing import NDArray

from applications.campaigns.evaluation import OURS, POPULARITY
from applications.campaigns.learning import Fitted
from applications.campaigns.source import Source
from datasets.mall.generator import generate
from datasets.mall.ground_truth import GroundTruth
from datasets.mall.joining import join_chance, leaves_covered
from datasets.mall.page_truth import PageTruth
from datasets.mall.settings import MallSettings
from models.campaigns.features import HEADS, NAMES
from models.metrics.intervals import paired_difference
from models.metrics.ranking import auc
from schema.errors import DataError

_JOIN = HEADS.index("join")
TRUTH = "truth"
# Seconds after which the page that a search or a view opens is noted.
_OPENED = 2
CHANCE = "any that runs"


def replay_by_taste(
    data: pathlib.Path, folder: pathlib.Path, joining_taste: float
) -> None:
    """Makes a mall anew whose shoppers join campaigns by taste.

    Nothing else changes but which rows are spoilt or doubled, so that a model
    of the first mall knows the second one as well.

    Args:
      data: Tables of a simulated mall, with its ground truth.
      folder: Where the other is written.
      joining_taste: See `MallSettings`.

    Raises:
      DataError: There is no ground truth.
    """
    path = data / "ground_truth" / "settings.json"
    if not path.is_file():
        raise DataError(f"{path} is missing: {data} is no simulated mall")
    settings = MallSettings.from_json(path.read_text(encoding="utf-8"))
    generate(dataclasses.replace(settings, joining_taste=joining_taste), folder)


@dataclasses.dataclass(frozen=True)
class Visits:
    """Visits after the split, with all that could have been shown.

    Attributes:
      user: int64 [visits], rows of the log's users.
      running: bool [visits, C], campaigns that may be shown then.
      truth: float64 [visits, C], chance to join.
      scores: float [visits, C] by method, ours first.
    """

    user: NDArray[np.int64]
    running: NDArray[np.bool_]
    truth: NDArray[np.float64]
    scores: dict[str, NDArray[np.floating]]


def visits_after_split(
    source: Source, fitted: Fitted, data: pathlib.Path
) -> Visits:
    """Asks about all campaigns at the beginning of every visit.

    Args:
      source: Of a simulated mall.
      fitted: Ours.
      data: Its tables and ground truth.
    """
    log = source.log
    events = log.events
    _, first = np.unique(log.visit, return_index=True)
    first = first[events.timestamp[first] >= source.split]
    user, when = events.user[first], events.timestamp[first]
    features = source.features(user, when)
    shares, of_kinds = source.popularity.at(when)
    none = np.full((len(user), 1), -1)
    table = source.recommender(None).table
    return Visits(
        user=user,
        running=table.allowed(when, none).numpy(),
        truth=_truth(source, first, data),
        scores={
            OURS: fitted.chances(features)[:, :, _JOIN],
            POPULARITY: shares[:, :, _JOIN],
            "popularity of the kind": of_kinds[:, :, _JOIN],
            "history in scope": features[:, :, NAMES.index("history_in_scope")],
        },
    )


def _truth(source, rows, data):
    events = source.log.events
    truth = GroundTruth(data / "ground_truth")
    pages = PageTruth(truth)
    world = truth.world
    order = [
        world.campaigns.campaign_ids.index(name)
        for name in source.columns.campaign_ids
    ]
    texts = np.asarray(events.session.texts.to_pylist(), object)
    when = events.timestamp[rows]
    wanted = pages.wanted(texts[events.session.codes[rows]], when + _OPENED)
    names = np.asarray(events.users.to_pylist(), object)
    users = pages.rows("user", names[events.user[rows]])
    covered = leaves_covered(world.campaigns, world.catalogue)
    days = np.minimum(
        [truth.day_of(int(one)) for one in when], truth.settings.num_days - 1
    )
    found = np.zeros((len(rows), len(order)))
    for day in np.unique(days):
        here = np.flatnonzero(days == day)
        for column, campaign in enumerate(order):
            found[here, column] = join_chance(
                truth.settings,
                world.campaigns,
                covered=covered,
                shoppers=world.shoppers,
                tastes=truth.tastes(int(day)),
                users=users[here],
                wanted=wanted[here],
                campaign=np.full(len(here), campaign),
            )
    return found


def figures(visits: Visits, kinds: list[str]) -> dict:
    """Returns what each method is worth on all visits, and by kind.

    Args:
      visits: As `visits_after_split` returns.
      kinds: Of the campaigns.

    Returns:
      By `all` and kind: `visits` on which one such runs and `auc` by method,
      of joins drawn by their chance, over all of them that run. Of `choices`,
      the visits on which two or more run: `joins`, the mean chance that the
      campaign shown is joined, where each method shows its first; and `lead`
      over popularity of those, with a 95 % interval from drawing users.
    """
    told: dict[str, dict] = {}
    parts = {"all": np.ones(len(kinds), bool)}
    parts |= {
        name: np.array([kind == name for kind in kinds])
        for name in sorted({*kinds} - {""})
    }
    for name, part in parts.items():
        choice = visits.running & part
        if not choice.any():
            continue
        told[name] = {
            "visits": int(choice.any(1).sum()),
            "auc": {
                method: _expected_auc(visits.truth[choice], values[choice])
                for method, values in {
                    **visits.scores,
                    TRUTH: visits.truth,
                }.items()
            },
        }
        some = choice.sum(1) >= 2
        if some.any():
            told[name] |= _choices(visits, choice, some)
    return told


def _choices(visits, choice, some):
    """What showing each method's first brings on some visits."""
    choice, truth = choice[some], visits.truth[some]
    shown = {
        method: _first(np.where(choice, values[some], -np.inf), truth)
        for method, values in {**visits.scores, TRUTH: visits.truth}.items()
    }
    shown[CHANCE] = (truth * choice).sum(1) / choice.sum(1)
    gap = paired_difference(shown[OURS], shown[POPULARITY], visits.user[some])
    return {
        "choices": int(some.sum()),
        "joins": {
            method: float(values.mean()) for method, values in shown.items()
        },
        "lead": {"joins": gap.mean, "interval": [gap.low, gap.high]},
    }


def _first(scores, truth):
    """Truth of the campaign in front; of several alike, their mean."""
    best = scores == scores.max(1, keepdims=True)
    return (truth * best).sum(1) / best.sum(1)


def _expected_auc(chances, scores):
    """AUC where each pair is joined with its chance."""
    labels = np.repeat([1, 0], len(chances))
    weights = np.concatenate([chances, 1 - chances])
    return auc(labels, np.tile(scores, 2), weights)
