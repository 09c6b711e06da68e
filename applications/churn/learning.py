"""From a log to a model that has learned from its cuts, and who is asked."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from applications.churn import additive
from applications.churn.cuts import (
    Cuts,
    end_of_day,
    lost_users,
    rolling_cuts,
)
from applications.churn.features import Table, stack, table_at
from applications.churn.settings import ChurnSettings
from applications.churn.vectors import Directions, QueryVectors
from applications.churn.words import FEATURES, Feature
from applications.shop_log import ShopLog
from schema.errors import DataError


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is learned from and what is asked.

    Attributes:
      cuts: The as-of times.
      features: The columns of both tables.
      training: With `lost`.
      asked: With `lost` where the future is known.
    """

    cuts: Cuts
    features: tuple[Feature, ...]
    training: Table
    asked: Table

    def model(self) -> additive.Additive:
        """Trains ours."""
        return additive.train(self.features, self.training)


def problem_of(
    log: ShopLog,
    settings: ChurnSettings,
    *,
    as_of: int | None = None,
    vectors: QueryVectors | None = None,
) -> Problem:
    """Makes the tables of all cuts.

    Args:
      log: The events; later ones than `as_of` are left alone.
      settings: The cuts.
      as_of: When to predict, Unix seconds; None to evaluate instead, on the
        end of the log.
      vectors: Of the shared towers; only where they have not learned from
        later events than the first cut.

    Raises:
      DataError: The log is too short, nobody is active in a cut, or all who
        are learned from share one fate.
    """
    until = log.end
    if as_of is not None:
        until = min(as_of, end_of_day(log.end))
        log = log.before(as_of)
    cuts = rolling_cuts(
        log.begin,
        log.end if as_of is None else as_of,
        settings,
        labelled=as_of is None,
    )
    training = [(t, _labelled(log, t, settings, until)) for t in cuts.training]
    asked = [
        (
            t,
            _labelled(log, t, settings, until)
            if as_of is None
            else table_at(log, t, settings),
        )
        for t in cuts.asked
    ]
    features = FEATURES
    if vectors is not None:
        training, asked, features = _with_vectors(log, training, asked, vectors)
    problem = Problem(
        cuts,
        features,
        stack([table for _, table in training]),
        stack([table for _, table in asked]),
    )
    lost = problem.training.lost
    if lost is None or lost.all() or not lost.any():
        raise DataError(
            f"of {len(problem.training)} users in {len(cuts.training)} cuts "
            f"{'all' if lost is not None and lost.any() else 'none'} are lost "
            f"after {settings.days} days, so there is nothing to learn; try "
            "other days"
        )
    return problem


def usable(
    vectors_from: int, log: ShopLog, settings: ChurnSettings, as_of: int | None
) -> bool:
    """Says whether every cut lies after what the towers learned from.

    Args:
      vectors_from: Unix seconds, until when they learned.
      log: As for `problem_of`.
      settings: As for `problem_of`.
      as_of: As for `problem_of`.
    """
    cuts = rolling_cuts(
        log.begin,
        log.end if as_of is None else as_of,
        settings,
        labelled=as_of is None,
    )
    return min(cuts.training) >= vectors_from


def _labelled(
    log: ShopLog, as_of: int, settings: ChurnSettings, until: int
) -> Table:
    table = table_at(log, as_of, settings)
    if not len(table):
        raise DataError(
            f"nobody is active in the {settings.look_back // 86_400} days "
            f"before {as_of}; a longer look_back_days may find some"
        )
    lost = lost_users(log, table.users, as_of, settings, observed_until=until)
    return dataclasses.replace(table, lost=lost)


def _with_vectors(log, training, asked, source: QueryVectors):
    found: dict[int, np.ndarray] = {}
    for as_of, table in (*training, *asked):
        past = log.before(as_of)
        rows = pc.index_in(
            pa.array(table.users, past.events.users.type), past.events.users
        )
        found[as_of] = source.at(past, as_of)[np.asarray(rows)]
    directions = Directions.of(np.concatenate([found[t] for t, _ in training]))

    def with_them(tables):
        return [(t, directions.add(table, found[t])) for t, table in tables]

    return (
        with_them(training),
        with_them(asked),
        (*FEATURES, *directions.features),
    )
