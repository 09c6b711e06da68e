"""amazon.cn: ratings of 96 products that have real Chinese titles.

A rating follows a purchase, but says whether it was a good one: 4 and 5 stars
become `buy`, 1 to 3 become `click`, and anything else passes as it stands, to
be put aside as an unknown event type.

`products.csv` is separated by `^`: id, title, category ids, ASIN, image,
category names, tags of users. The names of a category path come in no fixed
order, so they are put in order by how many products carry them: a parent has
at least as many as its child. A `/` inside a name becomes `、`. The brand is
the earliest tag that stands in the title, books left out, whose tags name
authors and characters.
"""

import collections
import dataclasses
import pathlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from datasets import values
from datasets.delimited import Dialect, find_file, read_text
from datasets.tables import Counts, write_table
from schema.contract import CATEGORY_SEPARATOR

RATINGS = "ratings.csv"
PRODUCTS = "products.csv"
LIKED_FROM = 4.0
STARS = (1.0, 5.0)
_RATINGS = ("user_id", "item_id", "rating", "timestamp")
_PRODUCTS = ("item_id", "title", "ids", "asin", "image", "names", "tags")
_BOOKS = "图书音像"
# Later in a title a tag describes the product.
_BRAND_WITHIN = 16


def _event_types(rating):
    """Returns `buy`, `click`, or the text itself where it is no rating."""
    stars = values.to_floats(rating)
    valid = pc.and_(
        pc.greater_equal(stars, STARS[0]), pc.less_equal(stars, STARS[1])
    )
    liked = pc.if_else(
        pc.greater_equal(stars, LIKED_FROM), pa.scalar("buy"), "click"
    )
    return pc.if_else(pc.fill_null(valid, False), liked, values.known(rating))


def _events(path, counts: Counts) -> Iterator[pa.Table]:
    """Yields the ratings in contract form."""
    dialect = Dialect(quote="", header=_RATINGS)
    for text in read_text(path, list(_RATINGS), dialect):
        counts.read += text.num_rows
        times = values.to_integers(text["timestamp"])
        counts.unreadable += values.count_unreadable(text["timestamp"], times)
        yield pa.table(
            {
                "user_id": values.to_ids(text["user_id"]),
                "item_id": values.to_ids(text["item_id"]),
                "event_type": _event_types(text["rating"]),
                "timestamp": times,
            }
        )


def _paths(names: list[list[str]]) -> list[str | None]:
    """Returns category paths, from the root, of products' category names."""
    carried = collections.Counter(name for path in names for name in path)
    return [
        CATEGORY_SEPARATOR.join(
            name.replace(CATEGORY_SEPARATOR, "、")
            # Stable, so that names of one product keep the source's order.
            for name in sorted(path, key=lambda name: -carried[name])
        )
        or None
        for path in names
    ]


def _brand(title: str, tags: list[str], names: list[str]) -> str | None:
    """Returns the tag that is the brand, as the title spells it.

    >>> _brand("PHILIPS飞利浦HQ912剃须刀", ["剃须刀", "飞利浦"], ["剃须刀"])
    '飞利浦'
    >>> _brand("红楼梦", ["红楼梦"], ["小说", "图书音像"]) is None
    True
    """
    if _BOOKS in names:
        return None
    lower = title.lower()
    found = [
        (lower.find(tag.lower()), tag)
        for tag in tags
        if not any(tag in name or name in tag for name in names)
    ]
    places = sorted(place for place in found if place[0] >= 0)
    if not places or places[0][0] > _BRAND_WITHIN:
        return None
    at, tag = places[0]
    return title[at : at + len(tag)]


def _items(path, counts: Counts) -> pa.Table:
    """Returns the products in contract form."""
    dialect = Dialect(delimiter="^", header=_PRODUCTS)
    columns = ["item_id", "title", "names", "tags"]
    text = pa.concat_tables(read_text(path, columns, dialect))
    counts.read = text.num_rows
    tags = values.split_known(text["tags"], "|")
    rows = [
        (title or "", tag or [], name or [])
        for title, tag, name in zip(
            text["title"].to_pylist(),
            tags.to_pylist(),
            values.split_known(text["names"], "|").to_pylist(),
            strict=True,
        )
    ]
    return pa.table(
        {
            "item_id": values.to_ids(text["item_id"]),
            "title": values.known(text["title"]),
            "category": pa.array(_paths([row[2] for row in rows]), pa.string()),
            "brand": pa.array([_brand(*row) for row in rows], pa.string()),
            "tags": tags,
        }
    )


def convert(
    source_dir: pathlib.Path, data_dir: pathlib.Path
) -> dict[str, dict[str, int]]:
    """Writes the events and items tables.

    Args:
      source_dir: Folder with `ratings.csv` and `products.csv`.
      data_dir: Folder of the contract's tables.

    Returns:
      Counts of each table, as in `tables.Counts`.

    Raises:
      DataError: A file is missing, empty or not UTF-8.
    """
    rating_path = find_file(source_dir, RATINGS)
    product_path = find_file(source_dir, PRODUCTS)
    events, items = Counts(), Counts()
    events.written = write_table(
        _events(rating_path, events), "events", data_dir
    )
    items.written = write_table(_items(product_path, items), "items", data_dir)
    return {
        "events": dataclasses.asdict(events),
        "items": dataclasses.asdict(items),
    }
