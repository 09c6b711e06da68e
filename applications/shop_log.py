"""The contract's tables as the systems of a shop read them: clean, in order.

What the pipeline's `BehaviorLog` does to examples is done here to the events
themselves: bad rows, duplicates and bots fall out, sessions are cut. A system
that must not see the future asks for `before` a moment and works on that.
"""

import dataclasses
import functools
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from components.behavior_log.cleaning import USER_TEXTS
from components.behavior_log.events import Coded, Events, encode
from components.behavior_log.funnel import ITEM_CODES
from components.behavior_log.preparation import prepare
from components.behavior_log.settings import BehaviorLogSettings
from schema.contract import EVENT_TYPES, TABLES
from schema.errors import DataError

CODE = {name: code for code, name in enumerate(EVENT_TYPES)}
_TEXT = pa.large_string()
_KINDS = {"string": _TEXT, "int64": pa.int64(), "float32": pa.float64()}
_ITEM_COLUMNS = ("item_id", "title", "category", "brand", "price")
_CAMPAIGN_COLUMNS = ("campaign_id", "title", "kind")
_USER_COLUMNS = (*USER_TEXTS, "registered_at")


@dataclasses.dataclass(frozen=True)
class ShopLog:
    """What users did, sorted by user and time, and what is known of all.

    Attributes:
      events: Without duplicates and bots, every event in a session.
      price: float64 [events], CNY of one piece; the item's where the event
        has none, NaN where nobody knows.
      quantity: int64 [events], pieces, at least 1.
      campaign: The campaign of each event.
      items: `item_id`, `title`, `category`, `brand` (text, `""` unknown) and
        `price` (NaN unknown), a row for each number in `events.item`.
      profiles: `user_id`, `gender`, `age_band`, `city`, `level` (text) and
        `registered_at` (0 unknown), a row for each number in `events.user`.
      campaigns: `campaign_id`, `title`, `kind`; no rows without the table.
      dropped: Rows of the events table that are left out, by reason.
    """

    events: Events
    price: np.ndarray
    quantity: np.ndarray
    campaign: Coded
    items: pa.Table
    profiles: pa.Table
    campaigns: pa.Table
    dropped: dict[str, int]

    @property
    def num_users(self) -> int:
        """Users who have events."""
        return len(self.events.users)

    @property
    def end(self) -> int:
        """The second after the last event; 0 of an empty log."""
        times = self.events.timestamp
        return int(times.max()) + 1 if len(times) else 0

    @property
    def begin(self) -> int:
        """The second of the first event; 0 of an empty log."""
        times = self.events.timestamp
        return int(times.min()) if len(times) else 0

    @functools.cached_property
    def visit(self) -> np.ndarray:
        """int64 [events], number of the visit, ascending.

        A visit is what a user does in one session.
        """
        events = self.events
        if not len(events.user):
            return np.zeros(0, np.int64)
        pairs = events.user * len(events.session.texts) + events.session.codes
        _, first, pair = np.unique(
            pairs, return_index=True, return_inverse=True
        )
        # By the row in which each began, which ascends by user and time.
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first, kind="stable")] = np.arange(len(first))
        return rank[pair]

    def is_type(self, *names: str) -> np.ndarray:
        """Returns bool [events], whether each is of one of some types."""
        return np.isin(self.events.type, [CODE[name] for name in names])

    def before(self, timestamp: int) -> "ShopLog":
        """Returns the log as it was then: only events at earlier seconds."""
        return self.take(self.events.timestamp < timestamp)

    def take(self, keep: np.ndarray) -> "ShopLog":
        """Returns some events, of the users who have one among them.

        Args:
          keep: bool [events].
        """
        events = self.events
        present, user = np.unique(events.user[keep], return_inverse=True)
        rows = pa.array(present)

        def of(coded: Coded) -> Coded:
            return Coded(coded.codes[keep], coded.texts)

        return dataclasses.replace(
            self,
            events=Events(
                users=events.users.take(rows),
                user=user,
                item=events.item[keep],
                type=events.type[keep],
                timestamp=events.timestamp[keep],
                position=events.position[keep],
                session=of(events.session),
                query=of(events.query),
                scene=of(events.scene),
                city=of(events.city),
                device=of(events.device),
            ),
            price=self.price[keep],
            quantity=self.quantity[keep],
            campaign=of(self.campaign),
            profiles=self.profiles.take(rows),
        )


def read_shop_log(
    data_dir: pathlib.Path, settings: BehaviorLogSettings
) -> ShopLog:
    """Reads the tables of a run, or any others of the contract.

    Args:
      data_dir: One folder a table, as `runs/<preset>/data`.
      settings: What a bot is, and what ends a session.

    Raises:
      DataError: A required table or column is missing, a file cannot be read,
        or no good event is left.
    """
    items = _items(data_dir)
    events = _read(data_dir, "events", _names("events"))
    good, dropped = _good_rows(events, items["item_id"].combine_chunks())
    prepared = prepare(good, settings)
    for name in ("deduplicated", "bots"):
        dropped[name] = prepared.counts[name]
    table = prepared.events
    if not table.num_rows:
        raise DataError(
            f"{data_dir / 'events'} has no good event; left out: {dropped}"
        )
    in_order = Events.from_table(table)
    price = table["price"].to_numpy()
    listed = items["price"].to_numpy()
    if len(listed):
        own = np.where(in_order.item >= 0, listed[in_order.item], np.nan)
        price = np.where(np.isnan(price), own, price)
    return ShopLog(
        events=in_order,
        price=price,
        quantity=table["quantity"].to_numpy(),
        campaign=encode(table["campaign_id"]),
        items=items,
        profiles=_profiles(data_dir, in_order.users),
        campaigns=_optional(data_dir, "campaigns", _CAMPAIGN_COLUMNS),
        dropped={name: rows for name, rows in dropped.items() if rows},
    )


def _names(table: str) -> tuple[str, ...]:
    return tuple(column.name for column in TABLES[table])


def _read(folder: pathlib.Path, table: str, names: tuple) -> pa.Table:
    """Reads columns of a table; absent ones are null."""
    place = folder / table
    files = [
        file
        for file in sorted(place.glob("*"))
        if file.suffix in (".parquet", ".csv")
    ]
    if not files:
        raise DataError(
            f"{place} holds no .parquet or .csv files of the table {table!r}"
        )
    return pa.concat_tables([_read_file(file, table, names) for file in files])


def _read_file(file: pathlib.Path, table: str, names: tuple) -> pa.Table:
    columns = {column.name: column for column in TABLES[table]}
    texts = {n: pa.string() for n in names if columns[n].dtype == "string"}
    try:
        if file.suffix == ".csv":
            options = pa.csv.ConvertOptions(column_types=texts)
            found = pa.csv.read_csv(file, convert_options=options)
        else:
            there = pq.read_schema(file).names
            found = pq.read_table(
                file, columns=[n for n in names if n in there]
            )
        arrays = []
        for name in names:
            kind = _KINDS[columns[name].dtype]
            if name in found.column_names:
                arrays.append(found[name].cast(kind, safe=False))
            elif columns[name].required:
                raise DataError(f"{file} has no column {name!r}")
            else:
                arrays.append(pa.nulls(found.num_rows, kind))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    filled = [
        pc.fill_null(array, _UNKNOWN[str(array.type)]) for array in arrays
    ]
    return pa.table(filled, names=list(names))


# In place of nulls.
_UNKNOWN = {"large_string": "", "int64": 0, "double": float("nan")}


def _optional(folder: pathlib.Path, table: str, names: tuple) -> pa.Table:
    if (folder / table).is_dir():
        return _read(folder, table, names)
    columns = {column.name: column for column in TABLES[table]}
    return pa.table(
        {name: pa.array([], _KINDS[columns[name].dtype]) for name in names}
    )


def _last_of_each(table: pa.Table, key: str) -> pa.Table:
    """Keeps the last row of each key, in order of the keys."""
    table = table.filter(pc.not_equal(table[key], ""))
    numbered = table.append_column("row", pa.array(np.arange(table.num_rows)))
    last = numbered.group_by(key).aggregate([("row", "max")]).sort_by(key)
    return table.take(last["row_max"])


def _items(folder: pathlib.Path) -> pa.Table:
    items = _last_of_each(_read(folder, "items", _ITEM_COLUMNS), "item_id")
    price = items["price"].to_numpy()
    known = np.where(np.isfinite(price) & (price >= 0), price, np.nan)
    return items.set_column(
        items.column_names.index("price"), "price", pa.array(known)
    )


def _profiles(folder: pathlib.Path, users: pa.Array) -> pa.Table:
    """Returns a row for each user, empty where nothing is known."""
    known = _last_of_each(_optional(folder, "users", _USER_COLUMNS), "user_id")
    found = pc.index_in(users, known["user_id"].combine_chunks())
    rows = known.take(found)
    filled = {
        name: pc.fill_null(rows[name], _UNKNOWN[str(rows[name].type)])
        for name in rows.column_names
    }
    return pa.table(filled | {"user_id": users})


def _good_rows(
    events: pa.Table, items: pa.Array
) -> tuple[pa.Table, dict[str, int]]:
    """Checks events as `BehaviorLog` does; the first reason counts."""
    kinds = pa.array(EVENT_TYPES, _TEXT)
    code = _places(events["event_type"], kinds)
    item = _places(events["item_id"], items)
    on_item = np.isin(code, ITEM_CODES)
    times = events["timestamp"].to_numpy()
    price = events["price"].to_numpy()
    latest = BehaviorLogSettings().latest_timestamp
    reasons = {
        "empty_user": np.asarray(pc.equal(events["user_id"], "")),
        "unknown_event_type": code < 0,
        "bad_timestamp": (times <= 0) | (times > latest),
        "unknown_item": on_item & (item < 0),
        "negative_price": price < 0,
    }
    good = np.ones(len(code), bool)
    dropped = {}
    for name, bad in reasons.items():
        dropped[name] = int((bad & good).sum())
        good &= ~bad
    columns = {name: events[name] for name in _names("events")}
    columns |= {
        "item": pa.array(np.where(on_item, item, -1)),
        "type": pa.array(code),
        "quantity": pa.array(np.maximum(events["quantity"].to_numpy(), 1)),
    }
    return pa.table(columns).filter(pa.array(good)), dropped


def _places(values: pa.ChunkedArray, known: pa.Array) -> np.ndarray:
    """Returns int64 [rows], the place of each text in `known` or -1."""
    found = pc.index_in(values.combine_chunks(), known)
    return np.asarray(pc.fill_null(found, -1), np.int64)
