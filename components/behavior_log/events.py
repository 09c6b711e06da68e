"""All events of a shard's users as sorted arrays."""

import dataclasses
import functools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_log.funnel import SEARCH_CODE
from models import hashing
from schema.contract import SEARCH


@dataclasses.dataclass(frozen=True)
class Coded:
    """Text as integers.

    Attributes:
      codes: int64 [rows], row of `texts`; the order of codes is that of text.
      texts: large_string [distinct], ascending, `""` first.
    """

    codes: np.ndarray
    texts: pa.Array


def encode(column: pa.ChunkedArray) -> Coded:
    """Encodes a column of text without nulls."""
    coded = column.combine_chunks().dictionary_encode()
    texts = pa.concat_arrays(
        [pa.array([""], pa.large_string()), coded.dictionary]
    ).unique()
    texts = texts.take(pc.sort_indices(texts))
    rank = np.asarray(pc.index_in(coded.dictionary, texts), np.int64)
    return Coded(rank[np.asarray(coded.indices)], texts)


@dataclasses.dataclass(frozen=True)
class Events:
    """Events sorted by user, time, item and type, each user's in one run.

    Attributes:
      users: large_string [users], ascending; all have events.
      user: int64 [events], row of `users`.
      item: int64 [events], row of the catalogue, -1 for none.
      type: int64 [events], see `funnel`.
      timestamp: int64 [events], Unix seconds.
      position: int64 [events], -1 unknown.
      session: Of each event; alike only within a user.
      query: The event's own.
      scene: Where in the shop.
      city: Where the user was.
      device: What with.
    """

    users: pa.Array
    user: np.ndarray
    item: np.ndarray
    type: np.ndarray
    timestamp: np.ndarray
    position: np.ndarray
    session: Coded
    query: Coded
    scene: Coded
    city: Coded
    device: Coded

    @classmethod
    def from_table(cls, table: pa.Table) -> "Events":
        """Takes the sorted table that `preparation.prepare` made."""
        user = encode(table["user_id"])
        present, code = np.unique(user.codes, return_inverse=True)
        return cls(
            users=user.texts.take(pa.array(present)),
            user=code,
            item=_whole(table["item"]),
            type=_whole(table["type"]),
            timestamp=_whole(table["timestamp"]),
            position=_whole(table["position"]),
            session=encode(table["session_id"]),
            query=encode(table["query"]),
            scene=encode(table["scene"]),
            city=encode(table["city"]),
            device=encode(table["device"]),
        )

    @functools.cached_property
    def user_hash(self) -> np.ndarray:
        """uint64 [users], the same in every run and shard."""
        return hashing.hash_text(self.users)

    @functools.cached_property
    def origin(self) -> int:
        """The first timestamp."""
        return int(self.timestamp.min())

    @functools.cached_property
    def span(self) -> int:
        """More seconds than lie between any two timestamps."""
        return int(self.timestamp.max()) - self.origin + 2

    def time_keys(self, group: np.ndarray, timestamp: np.ndarray) -> np.ndarray:
        """Joins group and time into one sortable int64.

        Args:
          group: int64 [rows], at least 0.
          timestamp: int64 [rows]; before or after the log is as if just
            before or after.
        """
        time = np.clip(timestamp - self.origin, 0, self.span - 1)
        return group * self.span + time

    @functools.cached_property
    def led_by(self) -> np.ndarray:
        """int64 [events], code in `query` of the search that led to each.

        The event's own text, or else, where the event's scene does not say
        that it came about otherwise, the last search of the same session at
        an earlier second.
        """
        is_search = (self.type == SEARCH_CODE) & (self.query.codes > 0)
        pairs = self.user * len(self.session.texts) + self.session.codes
        _, pair = np.unique(pairs, return_inverse=True)
        keys = self.time_keys(pair, self.timestamp)
        searches = np.flatnonzero(is_search)
        searches = searches[np.argsort(keys[searches], kind="stable")]
        if not len(searches):
            return self.query.codes
        before = np.searchsorted(keys[searches], keys, side="left") - 1
        search = searches[np.maximum(before, 0)]
        scenes = pc.is_in(
            self.scene.texts, pa.array(["", SEARCH], pa.large_string())
        )
        follows = (
            (before >= 0)
            & (pair[search] == pair)
            & np.asarray(scenes)[self.scene.codes]
        )
        found = np.where(follows, self.query.codes[search], 0)
        return np.where(self.query.codes > 0, self.query.codes, found)


def ranks_within(group: np.ndarray, order_by: np.ndarray) -> np.ndarray:
    """Returns int64 [rows], each row's place within its group, from 0."""
    order = np.lexsort((order_by, group))
    ordered = group[order]
    new = np.append(True, ordered[1:] != ordered[:-1])[: len(order)]
    starts = np.flatnonzero(new)
    place = np.arange(len(order)) - np.repeat(
        starts, np.diff(np.append(starts, len(order)))
    )
    ranks = np.empty(len(order), np.int64)
    ranks[order] = place
    return ranks


def _whole(column: pa.ChunkedArray) -> np.ndarray:
    return column.to_numpy().astype(np.int64)
