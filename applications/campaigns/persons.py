"""What was known of persons at some moments, as requests of the towers."""

import dataclasses
import functools

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from applications.campaigns.settings import CampaignSettings
from applications.shop_log import ShopLog
from components.behavior_log.steps import Steps, gather
from models.campaigns.recommender import CAMPAIGN_IDS, CAMPAIGN_TYPES
from schema.contract import CAMPAIGN_EVENT_TYPES, EVENT_TYPES

_PROFILE = ("gender", "age_band", "level")
_LISTS = {
    "history_item_ids": "",
    "history_event_types": "",
    "history_queries": "",
    "history_timestamps": 0,
}


@dataclasses.dataclass(frozen=True)
class Persons:
    """The users of a log as they were.

    What is said of a moment comes from events at earlier seconds alone.

    Attributes:
      log: The events.
      settings: How many past campaigns are told.
      max_history: How many steps.
    """

    log: ShopLog
    settings: CampaignSettings
    max_history: int

    def at(
        self, users: NDArray[np.int64], timestamps: NDArray[np.int64]
    ) -> dict[str, np.ndarray]:
        """Returns the inputs of the signature `campaigns`, without limits.

        The scene is left out: a campaign's page tells of itself.

        Args:
          users: int64 [n], rows of the log's users.
          timestamps: int64 [n], Unix seconds.
        """
        log, steps = self.log, self._steps
        items = log.items["item_id"].combine_chunks()
        found = steps.as_of(users, timestamps, self.max_history)
        flat = gather(found.first, found.length)
        kinds = steps.final_type[flat] if len(flat) else flat
        last = np.cumsum(found.length)[found.length > 0] - 1
        kinds = kinds.copy()
        # The last step may have gone deeper since.
        kinds[last] = found.last_type[found.length > 0]
        columns = {
            "history_item_ids": _texts(items, steps.item[flat]),
            "history_event_types": np.array(EVENT_TYPES, object)[kinds],
            "history_queries": _texts(
                log.events.query.texts, steps.query[flat]
            ),
            "history_timestamps": steps.timestamp[flat],
        }
        profiles = log.profiles.take(pa.array(users))
        return {
            **{
                name: _padded(columns[name], found.length, empty)
                for name, empty in _LISTS.items()
            },
            **{
                name: _objects(profiles[name].combine_chunks())
                for name in _PROFILE
            },
            **self._where(users, timestamps, profiles),
            **self._past(users, timestamps),
            "timestamp": timestamps,
            "query": np.full(len(users), "", object),
            "scene": np.full(len(users), "", object),
        }

    @functools.cached_property
    def _steps(self):
        return Steps.of(self.log.events)

    @functools.cached_property
    def _campaign_events(self):
        return np.flatnonzero(
            self.log.is_type(*CAMPAIGN_EVENT_TYPES)
            & (self.log.campaign.codes > 0)
        )

    def _before(self, rows, users, timestamps):
        """Returns how many of some events lie before, users in order."""
        events = self.log.events
        keys = events.time_keys(events.user[rows], events.timestamp[rows])
        return np.searchsorted(keys, events.time_keys(users, timestamps))

    def _where(self, users, timestamps, profiles):
        """City and device of the last event that had one; else at home."""
        events = self.log.events
        home = _objects(profiles["city"].combine_chunks())
        told = {}
        for name, other in (("city", home), ("device", "")):
            coded = getattr(events, name)
            rows = np.flatnonzero(coded.codes > 0)
            if not len(rows):
                told[name] = np.broadcast_to(other, len(users)).astype(object)
                continue
            last = np.maximum(self._before(rows, users, timestamps) - 1, 0)
            row = rows[last]
            known = (events.user[row] == users) & (
                events.timestamp[row] < timestamps
            )
            texts = _texts(coded.texts, coded.codes[row])
            told[name] = np.where(known, texts, other)
        return told

    def _past(self, users, timestamps):
        """The latest views and joins of each, oldest first."""
        log, rows = self.log, self._campaign_events
        events = log.events
        until = self._before(rows, users, timestamps)
        first = np.searchsorted(events.user[rows], users)
        length = np.maximum(until - first, 0)
        kept = np.minimum(length, self.settings.max_past)
        flat = rows[gather(until - kept, kept)]
        kinds = np.array(EVENT_TYPES, object)[events.type[flat]]
        ids = _texts(log.campaign.texts, log.campaign.codes[flat])
        return {
            CAMPAIGN_IDS: _padded(ids, kept, ""),
            CAMPAIGN_TYPES: _padded(kinds, kept, ""),
        }


def _objects(texts: pa.Array) -> np.ndarray:
    return np.asarray(texts.to_pylist(), object)


def _texts(texts: pa.Array, rows) -> np.ndarray:
    return _objects(texts.take(pa.array(rows)))


def _padded(values, lengths, empty):
    """Returns rows of different lengths as one array, padded on the right."""
    width = max(1, int(lengths.max(initial=0)))
    kind = np.int64 if empty == 0 else object
    found = np.full((len(lengths), width), empty, kind)
    found[np.arange(width) < lengths[:, None]] = values
    return found
