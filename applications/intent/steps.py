"""Steps of users, in order of time, and what came after each of them."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from applications.intent.content import Content

# Kinds of steps; 0 is padding. `now` is no event: somebody asks.
NOW = "now"
KINDS = ("view", "click", "favorite", "cart", "uncart", "buy", "search", NOW)
NOW_KIND = KINDS.index(NOW) + 1
BUY = KINDS.index("buy") + 1
CHOICES = tuple(
    KINDS.index(name) + 1 for name in ("click", "favorite", "cart", "buy")
)
# Where there is no click in the log at all, a view is a choice.
VIEW = KINDS.index("view") + 1
ASKING = tuple(KINDS.index(name) + 1 for name in ("search", "view", "click"))
_DAY, _HOUR = 86_400, 3600
# Days of silence after which somebody may still ask.
_SILENCE = (1, 2, 4)
UNKNOWN = -1


@dataclasses.dataclass(frozen=True)
class Steps:
    """Sorted by user, then time; each user's in one run.

    Attributes:
      users: string [users].
      user: int64 [steps], row of `users`.
      row: int64 [steps], of `Content`; 0 for none.
      kind: int64 [steps], of `KINDS`, from 1.
      time: int64 [steps], Unix seconds.
      end: Of the log, Unix seconds: nothing is known of what came later.
    """

    users: pa.Array
    user: NDArray[np.int64]
    row: NDArray[np.int64]
    kind: NDArray[np.int64]
    time: NDArray[np.int64]
    end: int

    def key(
        self, user: NDArray[np.int64], time: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Joins user and time into one sortable number."""
        origin = int(self.time.min()) - 1
        span = self.end - origin + 366 * _DAY
        return user * span + np.clip(time - origin, 0, span - 1)


def from_log(log: pa.Table, content: Content) -> Steps:
    """Takes what users did; impressions and campaigns are left out.

    Args:
      log: As `logs.merge` made it.
      content: What items and searches are.
    """
    end = int(pc.max(log["timestamp"]).as_py())
    kinds = pc.index_in(log["event_type"], pa.array(KINDS[:-1]))
    log = log.append_column("kind", kinds.combine_chunks())
    log = log.filter(pc.is_valid(log["kind"]))
    users = pc.unique(log["user_id"])
    users = users.take(pc.sort_indices(users))
    user = np.asarray(pc.index_in(log["user_id"], users), np.int64)
    kind = np.asarray(log["kind"], np.int64) + 1
    row = np.where(
        kind == KINDS.index("search") + 1,
        content.query_rows(log["query"].combine_chunks()),
        content.item_rows(log["item_id"].combine_chunks()),
    )
    time = np.asarray(log["timestamp"], np.int64)
    order = np.lexsort((kind, time, user))
    return Steps(users, user[order], row[order], kind[order], time[order], end)


def with_questions(steps: Steps) -> Steps:
    """Adds a step `now` after each day of a user, and after silent ones.

    What is learned from them is what users are after when they have just
    been away.
    """
    day = steps.time // _DAY
    active = np.unique(np.stack([steps.user, day], 1), axis=0)
    following = np.append(active[1:, 1], 0)
    last = np.append(active[1:, 0] != active[:-1, 0], True)
    following = np.where(last, np.iinfo(np.int64).max, following)
    asked = []
    for days in _SILENCE:
        time = (active[:, 1] + days) * _DAY
        silent = (active[:, 1] + days <= following) & (time <= steps.end)
        asked.append(np.stack([active[silent, 0], time[silent]], 1))
    found = np.concatenate(asked)
    user = np.concatenate([steps.user, found[:, 0]])
    time = np.concatenate([steps.time, found[:, 1]])
    kind = np.concatenate([steps.kind, np.full(len(found), NOW_KIND)])
    row = np.concatenate([steps.row, np.zeros(len(found), np.int64)])
    # A question comes before what is done in the same second.
    order = np.lexsort((kind, kind != NOW_KIND, time, user))
    return Steps(
        steps.users,
        user[order],
        row[order],
        kind[order],
        time[order],
        steps.end,
    )


def asked_at(steps: Steps, time: int) -> Steps:
    """Ends every user's steps with a `now`; later ones are left out."""
    kept = steps.time < time
    count = len(steps.users)
    user = np.concatenate([steps.user[kept], np.arange(count)])
    times = np.concatenate([steps.time[kept], np.full(count, time)])
    kind = np.concatenate([steps.kind[kept], np.full(count, NOW_KIND)])
    row = np.concatenate([steps.row[kept], np.zeros(count, np.int64)])
    order = np.argsort(user, kind="stable")
    return Steps(
        steps.users,
        user[order],
        row[order],
        kind[order],
        times[order],
        steps.end,
    )


@dataclasses.dataclass(frozen=True)
class Labels:
    """What came after each step, strictly later than it.

    Attributes:
      category: int64 [steps], index of the category of the next choice of
        another item within the longest horizon; `UNKNOWN` where there was
        none, or it came after `until`.
      bought: int64 [steps, horizons], 1 if something was bought in time, 0 if
        not, `UNKNOWN` where the horizon reaches beyond `until`.
    """

    category: NDArray[np.int64]
    bought: NDArray[np.int64]


def label(
    steps: Steps, content: Content, horizons: tuple[int, ...], until: int
) -> Labels:
    """Looks at what came next, at most until some time.

    Args:
      steps: With or without questions.
      content: For categories.
      horizons: Hours.
      until: Unix seconds; labels that need what came later are `UNKNOWN`.
    """
    choices = np.isin(steps.kind, CHOICES)
    if not choices.any():
        choices = steps.kind == VIEW
    place = _next(steps, choices & (content.category[steps.row] > 0))
    # The next choice of another item than the step's.
    last = _last_item(steps)
    for _ in range(8):
        same = (place >= 0) & (steps.row[place] == last)
        if not same.any():
            break
        chain = _following(steps, choices & (content.category[steps.row] > 0))
        place = np.where(same, chain[place], place)
    there = place >= 0
    time = np.where(there, steps.time[place], 0)
    longest = max(horizons) * _HOUR
    there &= (time <= until) & (time - steps.time <= longest)
    there &= steps.row[place] != last
    category = np.where(there, content.category[steps.row[place]], UNKNOWN)
    buys = _next(steps, steps.kind == BUY)
    gap = np.where(buys >= 0, steps.time[buys] - steps.time, np.iinfo(int).max)
    bought = np.stack(
        [
            np.where(
                steps.time + hours * _HOUR <= until,
                (gap <= hours * _HOUR).astype(np.int64),
                UNKNOWN,
            )
            for hours in horizons
        ],
        1,
    )
    return Labels(category, bought)


def _next(steps, wanted) -> NDArray[np.int64]:
    """Returns the place of each user's next wanted step, strictly later."""
    places = np.flatnonzero(wanted)
    keys = steps.key(steps.user, steps.time)
    found = np.searchsorted(keys[places], keys, side="right")
    inside = found < len(places)
    place = np.append(places, 0)[np.where(inside, found, len(places))]
    inside &= steps.user[place] == steps.user
    return np.where(inside, place, -1)


def _following(steps, wanted) -> NDArray[np.int64]:
    """Returns, for each place, the next wanted one of its user behind it."""
    places = np.flatnonzero(wanted)
    found = np.searchsorted(places, np.arange(len(steps.user)), side="right")
    inside = found < len(places)
    place = np.append(places, 0)[np.where(inside, found, len(places))]
    inside &= steps.user[place] == steps.user
    return np.append(np.where(inside, place, -1), -1)


def _last_item(steps) -> NDArray[np.int64]:
    """Returns the item of the step or of the last one before that has one."""
    has = (steps.row > 0) & (steps.kind != KINDS.index("search") + 1)
    place = np.where(has, np.arange(len(has)), -1)
    place = np.maximum.accumulate(place)
    same = (place >= 0) & (steps.user[place] == steps.user)
    return np.where(same, steps.row[place], 0)
