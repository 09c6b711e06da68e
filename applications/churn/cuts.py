"""As-of times, who is asked about at each, and who was lost after it.

A cut is an as-of time. What is known of users comes from earlier seconds
alone, the label from the `days` that begin with it. Cuts that are learned
from end their labels where the first evaluated cut begins at the latest, so
that nothing learned was not known by then.
"""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from applications.churn.settings import DAY, ChurnSettings
from applications.shop_log import ShopLog
from models.local_time import LOCAL_OFFSET_SECONDS
from schema.errors import DataError


@dataclasses.dataclass(frozen=True)
class Cuts:
    """As-of times, Unix seconds, the latest first.

    Attributes:
      training: Learned from.
      asked: Evaluated or predicted.
    """

    training: tuple[int, ...]
    asked: tuple[int, ...]


def rolling_cuts(
    begin: int, end: int, settings: ChurnSettings, *, labelled: bool
) -> Cuts:
    """Lays cuts over a log, from its end backwards.

    Args:
      begin: The log's first second.
      end: The second after its last; or the as-of time to predict at.
      settings: How wide and how many.
      labelled: Whether what is asked has to be followed by a whole label
        window, as in an evaluation; else the one cut that is asked is `end`.

    Raises:
      DataError: The log is too short for one cut to learn from.
    """
    if labelled:
        count = settings.evaluation_cuts
        asked = tuple(end - settings.window * (n + 1) for n in range(count))
    else:
        asked = (end,)
    latest = min(asked) - settings.window
    # Whole look-back windows only, as those that are asked have them.
    first = begin + settings.look_back
    training = tuple(
        cut
        for n in range(settings.max_training_cuts)
        if (cut := latest - n * settings.step) >= first
    )
    if not training:
        needed = end - latest + settings.look_back
        raise DataError(
            f"the log spans {(end - begin) / DAY:.1f} days; {needed / DAY:.0f} "
            f"are needed for days {settings.days} and look_back_days "
            f"{settings.look_back // DAY} (fewer days need less)"
        )
    return Cuts(training, asked)


def active_users(
    log: ShopLog, as_of: int, settings: ChurnSettings
) -> np.ndarray:
    """Returns int64 [active], rows of users seen in the look-back window.

    Args:
      log: Events from `as_of` on do not count.
      as_of: Unix seconds.
      settings: The window and what is a sign of life.
    """
    return _seen(log, as_of - settings.look_back, as_of, settings)


def lost_users(
    log: ShopLog,
    user_ids: np.ndarray,
    as_of: int,
    settings: ChurnSettings,
    *,
    observed_until: int | None = None,
) -> np.ndarray:
    """Returns bool [users], who showed no sign of life from `as_of` on.

    Args:
      log: With the events of the label window.
      user_ids: [users], of any users.
      as_of: Unix seconds.
      settings: How long, and what is a sign of life.
      observed_until: Unix seconds until which the log is whole, whether or
        not anybody came; its last event by default.

    Raises:
      DataError: The log ends within the window.
    """
    until = log.end if observed_until is None else observed_until
    if until < as_of + settings.window:
        raise DataError(
            f"the log ends {(until - as_of) / DAY:.1f} days after the "
            f"as-of time {as_of}; needed to see who is lost: {settings.days}"
        )
    rows = _seen(log, as_of, as_of + settings.window, settings)
    there = log.events.users.take(pa.array(rows))
    found = pc.is_in(pa.array(user_ids, there.type), value_set=there)
    return ~np.asarray(found)


def end_of_day(timestamp: int) -> int:
    """Returns the local midnight at or after a second: logs are of whole days.

    >>> end_of_day(1_762_962_693), end_of_day(1_762_963_200)
    (1762963200, 1762963200)
    """
    local = timestamp + LOCAL_OFFSET_SECONDS
    return -(-local // DAY) * DAY - LOCAL_OFFSET_SECONDS


def _seen(log, first, last, settings):
    times = log.events.timestamp
    seen = log.is_type(*settings.signs_of_life)
    seen &= (times >= first) & (times < last)
    return np.unique(log.events.user[seen])
