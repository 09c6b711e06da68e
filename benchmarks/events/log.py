"""A log of any length, made a piece at a time and never held whole.

Every user has the same number of events on average, so that a longer log has
more users and not longer histories: what an event costs can be compared.
Events repeat, miss what they need, or are a bot's, as in any real log.
"""

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schema.settings import Settings

EVENTS = "events"
ITEMS = "items.parquet"
# Who has `hot_user_events`, and what `hot_item_share` is about.
HOT_USER = "hot"
HOT_ITEM = 0
_START = 1_700_000_000
_DAY = 86_400
_DAYS = 60
_VISITS = 20
_VISIT_SECONDS = 1200
_QUERIES = 2000
_POSITIONS = 20
_FILE_ROWS = 1_000_000
_BATCH_ROWS = 100_000
_KINDS = {
    "impression": 0.75,
    "click": 0.15,
    "favorite": 0.02,
    "cart": 0.03,
    "buy": 0.02,
    "search": 0.03,
}
_SEARCH = list(_KINDS).index("search")
_DUPLICATES = 0.01
_BAD = 0.005
_BOT = 0.005
_TEXT = pa.large_string()


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogSettings(Settings):
    """How long a log is, and how uneven.

    Attributes:
      events: Rows of the table, at least 1000.
      events_per_user: On average; at least 1.
      items: Of the catalogue, at least 2.
      hot_user_events: How many of the events are of one user, spread over
        all days; 0 to `events`.
      hot_item_share: Share of the events on items that are on one item, on
        top of what it has anyway; 0 to 1.
      seed: Of all draws; at least 0.
    """

    events: int
    events_per_user: int = 100
    items: int = 20_000
    hot_user_events: int = 0
    hot_item_share: float = 0.0
    seed: int = 0

    def __post_init__(self):
        self.check("events", self.events >= 1000, "at least 1000")
        self.check("events_per_user", self.events_per_user >= 1, "at least 1")
        self.check("items", self.items >= 2, "at least 2")
        self.check(
            "hot_user_events",
            0 <= self.hot_user_events <= self.events,
            "0 to events",
        )
        self.check("hot_item_share", 0 <= self.hot_item_share <= 1, "0 to 1")
        self.check("seed", self.seed >= 0, "at least 0")


def write_log(folder: pathlib.Path, settings: LogSettings) -> None:
    """Writes `events/*.parquet`, a million rows a file, and `items.parquet`.

    Holds 100,000 rows, however long the log is.
    """
    (folder / EVENTS).mkdir(parents=True)
    for file, first in enumerate(range(0, settings.events, _FILE_ROWS)):
        rows = min(_FILE_ROWS, settings.events - first)
        writer = None
        for table in _tables(settings, file, rows):
            if writer is None:
                path = folder / EVENTS / f"events-{file:05d}.parquet"
                writer = pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    ids = _numbered("i", np.arange(settings.items))
    pq.write_table(pa.table({"item_id": ids}), folder / ITEMS)


def _tables(settings: LogSettings, file: int, rows: int) -> Iterator[pa.Table]:
    for first in range(0, rows, _BATCH_ROWS):
        rng = np.random.default_rng([settings.seed, file, first])
        yield _batch(rng, settings, min(_BATCH_ROWS, rows - first), file)


def _batch(rng, settings, size, file):
    users = max(settings.events // settings.events_per_user, 1)
    # Some rows come twice, as from a sender that tries again.
    copies = int(size * _DUPLICATES)
    own = size - copies
    user = rng.integers(users, size=own)
    visit = rng.integers(_VISITS, size=own)
    begun = (user * 7919 + visit * (_DAYS // _VISITS) * _DAY) % (_DAYS * _DAY)
    second = _START + begun + rng.integers(_VISIT_SECONDS, size=own)
    kind = rng.choice(len(_KINDS), size=own, p=list(_KINDS.values()))
    item = (rng.pareto(1.0, own) * 50).astype(np.int64) % settings.items
    item[rng.random(own) < settings.hot_item_share] = HOT_ITEM
    user_id = _numbered("u", user)
    session = _numbered("s", user * _VISITS + visit)
    # Every fourth user has a device that sends no sessions.
    no_session = user % 4 == 0
    draw = rng.random(own)
    # One bot in each file, all of it within half an hour.
    bot = draw < _BOT
    second[bot] = _START + rng.integers(_VISIT_SECONDS, size=int(bot.sum()))
    user_id = _replaced(user_id, bot, f"bot{file}")
    hot = ~bot & (rng.random(own) < settings.hot_user_events / settings.events)
    second[hot] = _START + rng.integers(_DAYS * _DAY, size=int(hot.sum()))
    user_id = _replaced(user_id, hot, HOT_USER)
    no_session |= bot | hot
    bad = (draw > 1 - _BAD) * rng.integers(1, 5, size=own)
    is_search = kind == _SEARCH
    item_id = _numbered("i", item)
    item_id = _replaced(item_id, bad == 1, "gone")
    user_id = _replaced(user_id, bad == 2, "")
    second[bad == 3] = 0
    price = np.round(rng.random(own) * 1000, 2).astype(np.float32)
    price[bad == 4] = -1
    table = pa.table(
        {
            "user_id": user_id,
            "item_id": _masked(item_id, is_search),
            "event_type": _chosen(list(_KINDS), kind),
            "timestamp": second,
            "session_id": _masked(session, no_session),
            "query": _masked(
                _numbered("搜索词 ", rng.integers(_QUERIES, size=own)),
                ~is_search,
            ),
            "scene": _chosen(
                ["home", "search", "cart"], rng.integers(3, size=own)
            ),
            "position": rng.integers(_POSITIONS, size=own),
            "city": _chosen(["杭州", "上海", "成都"], user % 3),
            "device": _chosen(["ios", "android", "web"], user % 4 % 3),
            "price": price,
        }
    )
    again = rng.integers(own, size=copies)
    order = rng.permutation(np.concatenate([np.arange(own), again]))
    return table.take(pa.array(order))


def _numbered(prefix, numbers):
    distinct, place = np.unique(numbers, return_inverse=True)
    texts = pa.array([f"{prefix}{number}" for number in distinct], _TEXT)
    return texts.take(pa.array(place))


def _chosen(texts, place):
    return pa.array(texts, _TEXT).take(pa.array(place))


def _replaced(values, where, text):
    mask = pa.array(where)
    return pc.if_else(mask, pa.scalar(text, _TEXT), values)


def _masked(values, missing):
    none = pa.scalar(None, _TEXT)
    return pc.if_else(pa.array(missing), none, values)
