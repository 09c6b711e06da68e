"""MovieLens in RecBole's atomic files, here the ml-100k of its package.

A rating means that the film was seen: each is one event, `favorite` from 4
stars on and `click` below. Films have the year in their title, their first
genre as category and all genres as tags. Ages become the bands of MovieLens
1M; the occupation stands in `level`, the contract's one column for what kind
of customer a user is. Zip codes are not kept: they are no city.

Source: GroupLens; RecBole's columns are named `name:type`.
"""

import dataclasses
import pathlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from datasets import values
from datasets.delimited import Dialect, find_file, read_text
from datasets.recbole_package import FILES, fetch
from datasets.tables import Counts, write_table

__all__ = ["convert", "fetch"]

LIKED_FROM = 4.0
# The first age of each band.
AGE_BANDS = {
    0: "under 18",
    18: "18-24",
    25: "25-34",
    35: "35-44",
    45: "45-49",
    50: "50-55",
    56: "56+",
}
_OLDEST = 120
_DIALECT = Dialect(delimiter="\t", quote="")


def _event_types(rating):
    """Returns `favorite`, `click`, or the text itself if it is no number."""
    stars = values.to_floats(rating)
    liked = pc.if_else(
        pc.greater_equal(stars, LIKED_FROM), pa.scalar("favorite"), "click"
    )
    return pc.coalesce(liked, values.known(rating))


def _events(path, counts: Counts) -> Iterator[pa.Table]:
    """Yields the ratings in contract form."""
    columns = [
        "user_id:token",
        "item_id:token",
        "rating:float",
        "timestamp:float",
    ]
    for text in read_text(path, columns, _DIALECT):
        counts.read += text.num_rows
        user_ids, item_ids, rating, time = text.columns
        times = values.to_integers(time)
        counts.unreadable += values.count_unreadable(time, times)
        yield pa.table(
            {
                "user_id": values.to_ids(user_ids),
                "item_id": values.to_ids(item_ids),
                "event_type": _event_types(rating),
                "timestamp": times,
            }
        )


def _items(path, counts: Counts) -> Iterator[pa.Table]:
    """Yields the films in contract form."""
    columns = [
        "item_id:token",
        "movie_title:token_seq",
        "release_year:token",
        "class:token_seq",
    ]
    for text in read_text(path, columns, _DIALECT):
        counts.read += text.num_rows
        item_ids, title, year, genres = text.columns
        year = pc.binary_join_element_wise("(", values.known(year), ")", "")
        tags = values.split_known(values.known(genres, "unknown"), " ")
        yield pa.table(
            {
                "item_id": values.to_ids(item_ids),
                "title": values.join_known(" ", title, year),
                "category": pc.list_element(tags, 0),
                "tags": tags,
            }
        )


def _age_bands(text):
    """Returns the band of each age in years, null where it is none."""
    age = values.to_integers(text)
    known = pc.and_(pc.greater_equal(age, 0), pc.less_equal(age, _OLDEST))
    band = pa.scalar(None, pa.string())
    for start, name in AGE_BANDS.items():
        reached = pc.fill_null(
            pc.and_(known, pc.greater_equal(age, start)), False
        )
        band = pc.if_else(reached, pa.scalar(name), band)
    return band


def _users(path, counts: Counts) -> Iterator[pa.Table]:
    """Yields the profiles in contract form."""
    columns = [
        "user_id:token",
        "age:token",
        "gender:token",
        "occupation:token",
    ]
    for text in read_text(path, columns, _DIALECT):
        counts.read += text.num_rows
        user_ids, age, gender, occupation = text.columns
        bands = _age_bands(age)
        counts.unreadable += values.count_unreadable(age, bands)
        yield pa.table(
            {
                "user_id": values.to_ids(user_ids),
                "gender": values.known(gender),
                "age_band": bands,
                "level": values.known(occupation, "none"),
            }
        )


def convert(
    source_dir: pathlib.Path, data_dir: pathlib.Path
) -> dict[str, dict[str, int]]:
    """Writes the events, items and users tables.

    Args:
      source_dir: Folder with the three files; `fetch` gets them.
      data_dir: Folder of the contract's tables.

    Returns:
      Counts of each table, as in `tables.Counts`.

    Raises:
      DataError: A file is missing, empty, not UTF-8, or lacks a column.
    """
    inter, item, user = (find_file(source_dir, name) for name in FILES)
    events, items, users = Counts(), Counts(), Counts()
    events.written = write_table(_events(inter, events), "events", data_dir)
    items.written = write_table(_items(item, items), "items", data_dir)
    users.written = write_table(_users(user, users), "users", data_dir)
    return {
        "events": dataclasses.asdict(events),
        "items": dataclasses.asdict(items),
        "users": dataclasses.asdict(users),
    }
