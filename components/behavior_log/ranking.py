"""Ranking examples: a candidate, what was known then, what came of it."""

import numpy as np

from components.behavior_log.events import ranks_within
from components.behavior_log.funnel import (
    IMPRESSION_CODE,
    Head,
    parse_heads,
)
from components.behavior_log.rows import Rows
from components.behavior_log.settings import BehaviorLogSettings
from components.behavior_log.steps import Steps
from models.hashing import mix

# Keeps the draws of different purposes apart under one seed.
_CAP, _NEGATIVES = 1, 2


def impression_labels(
    steps: Steps,
    impressions: np.ndarray,
    heads: tuple[Head, ...],
    window_seconds: int,
    split: int,
) -> np.ndarray:
    """Says of each impression which heads' events it led to.

    An event on an item belongs to the user's latest impression of that item
    at the same second or before (of several in one second, the last one in
    the order of events), if that is at most the window ago. An impression
    before the split never takes an event from the split on: at training time
    it had not happened yet.

    Args:
      steps: Of the shard.
      impressions: int64 [impressions], rows of `steps.events`.
      heads: The funnel.
      window_seconds: How long an impression works.
      split: Unix seconds.

    Returns:
      float32 [impressions, heads] of 0 and 1.
    """
    events = steps.events
    labels = np.zeros((len(impressions), len(heads)), np.float32)
    if not len(impressions) or not len(steps.event):
        return labels
    both = np.concatenate([impressions, steps.event])
    num_items = int(events.item.max()) + 1
    _, pair = np.unique(
        events.user[both] * num_items + events.item[both], return_inverse=True
    )
    keys = events.time_keys(pair, events.timestamp[both])
    shown, acted = np.split(keys, [len(impressions)])
    order = np.argsort(shown, kind="stable")
    latest = np.searchsorted(shown[order], acted, side="right") - 1
    impression = order[np.maximum(latest, 0)]
    shown_at = events.timestamp[impressions][impression]
    acted_at = events.timestamp[steps.event]
    belongs = (
        (latest >= 0)
        & (pair[impression] == pair[len(impressions) :])
        & (acted_at - shown_at <= window_seconds)
        & ((shown_at >= split) | (acted_at < split))
    )
    for column, head in enumerate(heads):
        deep = np.isin(events.type[steps.event], head.codes)
        labels[impression[belongs & deep], column] = 1
    return labels


def from_impressions(
    steps: Steps, settings: BehaviorLogSettings, split: int
) -> Rows:
    """Makes one row of each impression, weight 1."""
    events = steps.events
    event = np.flatnonzero(events.type == IMPRESSION_CODE)
    timestamp = events.timestamp[event]
    return Rows(
        event=event,
        timestamp=timestamp,
        query=events.led_by[event],
        position=events.position[event],
        history=steps.as_of(
            events.user[event], timestamp, settings.max_history
        ),
        item=events.item[event],
        labels=impression_labels(
            steps,
            event,
            parse_heads(settings.heads),
            settings.label_window_seconds,
            split,
        ),
        weight=np.ones(len(event), np.float32),
        target=np.full(len(event), -1, np.int64),
    )


def from_positives(
    steps: Steps, settings: BehaviorLogSettings, split: int, num_items: int
) -> Rows:
    """Makes rows of each positive step, and of sampled negatives beside it.

    A step is positive if any head's event is in it; its labels are those of
    the heads whose events are in it, and it is as of its first event, so that
    its history holds nothing of itself. In a step that began before the split
    only events before the split count.

    `num_negatives` items are drawn uniformly, with replacement, from the
    catalogue without the positive. Such a log does not tell what a user saw
    and passed over; `candidates_per_positive` (C) items are taken to have
    been. The k drawn ones stand for those C, so each has the weight C / k
    and a positive the weight 1: the sum over drawn negatives estimates the
    sum over what was passed over without bias (importance sampling; q = 1/k
    of a slate of C), whatever k is, and a calibrated model answers 1 / (1 + C)
    for an average candidate instead of the arbitrary 1 / (1 + k).

    Args:
      steps: Of the shard.
      settings: Of the node.
      split: Unix seconds.
      num_items: Size of the catalogue.
    """
    events = steps.events
    heads = parse_heads(settings.heads)
    timestamp = steps.timestamp
    bits = np.where(
        timestamp < split, steps.type_bits(split), steps.type_bits()
    )
    labels = np.stack(
        [(bits & head.bits) != 0 for head in heads], axis=1
    ).astype(np.float32)
    step = np.flatnonzero(labels.any(axis=1))
    draws = settings.num_negatives if num_items > 1 else 0
    user = steps.user[step]
    item = steps.item[step]
    drawn = mix(
        settings.seed,
        _NEGATIVES,
        events.user_hash[user][:, None],
        timestamp[step][:, None],
        item[:, None],
        np.arange(draws)[None, :],
    ) % np.uint64(max(num_items - 1, 1))
    drawn = drawn.astype(np.int64)
    drawn += drawn >= item[:, None]
    candidates = np.concatenate([item[:, None], drawn], axis=1)
    per_step = 1 + draws
    row_step = np.repeat(step, per_step)
    is_positive = np.tile(np.arange(per_step) == 0, len(step))
    event = steps.start_event[row_step]
    weight = settings.candidates_per_positive / max(draws, 1)
    return Rows(
        event=event,
        timestamp=timestamp[row_step],
        query=steps.query[row_step],
        position=np.full(len(event), -1, np.int64),
        history=steps.as_of(
            steps.user[row_step], timestamp[row_step], settings.max_history
        ),
        item=candidates.reshape(-1),
        labels=labels[row_step] * is_positive[:, None],
        weight=np.where(is_positive, 1, weight).astype(np.float32),
        target=np.full(len(event), -1, np.int64),
    )


def cap_users(
    rows: Rows, user: np.ndarray, user_hash: np.ndarray, cap: int, seed: int
) -> Rows:
    """Leaves each user at most `cap` rows, drawn by hash; 0 leaves all."""
    if not cap or not len(rows):
        return rows
    draw = mix(
        seed,
        _CAP,
        user_hash[user],
        rows.timestamp,
        rows.item,
        rows.position,
    )
    return rows.take(np.flatnonzero(ranks_within(user, draw) < cap))
