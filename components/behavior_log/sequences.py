"""Sequences: what users did in the train period, and what came after it."""

import dataclasses

import numpy as np

from components.behavior_log.events import ranks_within
from components.behavior_log.funnel import parse_heads, type_bits, type_codes
from components.behavior_log.rows import Rows
from components.behavior_log.settings import BehaviorLogSettings
from components.behavior_log.steps import AsOf, Steps
from models.hashing import mix

_TARGETS = 3


@dataclasses.dataclass(frozen=True)
class TrainSequences:
    """Rows of `sequence_train`.

    Attributes:
      rows: The windows.
      short_users: Users with a single step before the split, left out.
    """

    rows: Rows
    short_users: int


def train_sequences(
    steps: Steps, settings: BehaviorLogSettings, split: int
) -> TrainSequences:
    """Cuts each user's steps before the split into windows.

    A window has at most `max_history` + 1 steps. Windows are counted from
    the newest step back and share one step with the next, so that every step
    but a user's first is the successor of another exactly once.
    """
    events = steps.events
    users = np.arange(len(events.users))
    whole = steps.as_of(users, np.full(len(users), split), len(steps.event))
    user = np.flatnonzero(whole.length >= 2)
    successors = whole.length[user] - 1
    windows = -(-successors // settings.max_history)
    # Counted from the newest: window 0 ends with the last step.
    owner = np.repeat(np.arange(len(user)), windows)
    ends = np.cumsum(windows)
    back = np.arange(len(owner)) - np.repeat(ends - windows, windows)
    oldest = whole.first[user][owner]
    last = oldest + successors[owner] - back * settings.max_history
    first = np.maximum(last - settings.max_history, oldest)
    newest = back == 0
    known = steps.seen_before(user, np.full(len(user), split))
    last_event = (
        np.where(newest, known[owner] - 1, steps.end[last] - 1)
        if len(owner)
        else owner
    )
    event = steps.event[last_event]
    rows = Rows.sequences(
        event=event,
        timestamp=events.timestamp[event],
        query=steps.query[last],
        history=AsOf(
            first=first,
            length=last - first + 1,
            last_type=np.where(
                newest, whole.last_type[user][owner], steps.final_type[last]
            ),
        ),
        num_heads=len(parse_heads(settings.heads)),
    )
    return TrainSequences(rows, int((whole.length == 1).sum()))


def eval_sequences(
    steps: Steps, settings: BehaviorLogSettings, split: int
) -> Rows:
    """Asks "what next?" at steps that began after the split.

    A step with an event of `positive_event_types` is a question: what was
    known before its first second, the item that it is about as the target.
    With `exclude_seen`, items that the user had stepped on before are left
    out. At most `eval_queries_per_user` of a user are drawn by hash.
    """
    events = steps.events
    positive = type_bits(type_codes(settings.positive_event_types))
    asked = (steps.timestamp >= split) & (steps.type_bits() & positive != 0)
    if settings.exclude_seen:
        asked &= ~_stepped_on_before(steps)
    step = np.flatnonzero(asked)
    history = steps.as_of(
        steps.user[step], steps.timestamp[step], settings.max_history
    )
    if not settings.eval_empty_history:
        known = np.flatnonzero(history.length > 0)
        step, history = step[known], history.take(known)
    draw = mix(
        settings.seed,
        _TARGETS,
        events.user_hash[steps.user[step]],
        steps.timestamp[step],
        steps.item[step],
    )
    chosen = np.flatnonzero(
        ranks_within(steps.user[step], draw) < settings.eval_queries_per_user
    )
    step = step[chosen]
    return Rows.sequences(
        event=steps.start_event[step],
        timestamp=steps.timestamp[step],
        query=steps.query[step],
        history=history.take(chosen),
        num_heads=len(parse_heads(settings.heads)),
        target=steps.item[step],
    )


def _stepped_on_before(steps):
    """Returns bool [steps]: an earlier second has a step on the same item."""
    if not len(steps.begin):
        return np.zeros(0, bool)
    pair = steps.user * (int(steps.item.max()) + 1) + steps.item
    _, first, place = np.unique(pair, return_index=True, return_inverse=True)
    return steps.timestamp[first[place]] < steps.timestamp
