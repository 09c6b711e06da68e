"""JData: a month-by-month behaviour log of JD.com, from its 2016 contest.

Files are GBK. User ids are floats in the log (`266079.0`), -1 and NULL mean
unknown, times are China's (UTC+8). Products have no names, so a title is put
together from what is known, as in `类目8 品牌489 属性3-1-未知`; items that are
only in the log get one from its category and brand. `model_id`, the module of
the page that was clicked, is not kept: a request does not know it.

Source: JD.com "JData" contest 2016, `JData_Action_*.csv`,
`JData_Product.csv`, `JData_User.csv`.
"""

import dataclasses
import pathlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from datasets import values
from datasets.delimited import Dialect, find_file, find_files, read_text
from datasets.seen_items import SeenItems
from datasets.tables import Counts, write_table

ACTIONS = "JData_Action_*.csv"
PRODUCTS = "JData_Product.csv"
USERS = "JData_User.csv"
EVENT_TYPES = {
    "1": "view",
    "2": "cart",
    "3": "uncart",
    "4": "buy",
    "5": "favorite",
    "6": "click",
}
# 2 stands for "not told".
GENDERS = {"0": "M", "1": "F"}
UNKNOWN = ("-1", "NULL", "null")
UTC_OFFSET_HOURS = 8
_DIALECT = Dialect(encoding="gbk", quote="")
_ATTRIBUTES = ("a1", "a2", "a3")


def _named(prefix, codes):
    """Returns `prefix` + code, null where the code is unknown."""
    return pc.binary_join_element_wise(
        prefix, values.to_ids(codes, *UNKNOWN), ""
    )


def _times(text, time_format, counts):
    """Returns Unix seconds of China's local times."""
    times = values.to_seconds(text, time_format, UTC_OFFSET_HOURS)
    counts.unreadable += values.count_unreadable(
        values.known(text, *UNKNOWN), times
    )
    return times


def _events(paths, counts: Counts, items: SeenItems) -> Iterator[pa.Table]:
    """Yields the log in contract form, and gathers its items on the way."""
    columns = ["user_id", "sku_id", "time", "type", "cate", "brand"]
    for path in paths:
        for text in read_text(path, columns, _DIALECT):
            counts.read += text.num_rows
            item_ids = values.to_ids(text["sku_id"], *UNKNOWN)
            items.add(
                pa.table(
                    {
                        "item_id": item_ids,
                        "category": _named("类目", text["cate"]),
                        "brand": _named("品牌", text["brand"]),
                    }
                )
            )
            types = values.to_ids(text["type"], *UNKNOWN)
            yield pa.table(
                {
                    "user_id": values.to_ids(text["user_id"], *UNKNOWN),
                    "item_id": item_ids,
                    "event_type": values.recode(types, EVENT_TYPES),
                    "timestamp": _times(
                        text["time"], "%Y-%m-%d %H:%M:%S", counts
                    ),
                }
            )


def _attributes(text):
    """Returns `属性3-1-未知` and the tags `属性1:3`, `属性2:1` of products."""
    codes = [values.to_ids(text[name], *UNKNOWN) for name in _ATTRIBUTES]
    joined = pc.binary_join_element_wise(
        *(pc.coalesce(code, pa.scalar("未知")) for code in codes), "-"
    )
    none = pc.and_(
        pc.and_(pc.is_null(codes[0]), pc.is_null(codes[1])),
        pc.is_null(codes[2]),
    )
    title = pc.if_else(
        none,
        pa.scalar(None, pa.string()),
        pc.binary_join_element_wise("属性", joined, ""),
    )
    tags = values.join_known(
        "|",
        *(
            pc.binary_join_element_wise(f"属性{number}:", code, "")
            for number, code in enumerate(codes, start=1)
        ),
    )
    return title, values.split_known(tags, "|")


def _products(path, counts: Counts) -> pa.Table:
    """Returns the products in contract form."""
    columns = ["sku_id", *_ATTRIBUTES, "cate", "brand"]
    tables = []
    for text in read_text(path, columns, _DIALECT):
        counts.read += text.num_rows
        category = _named("类目", text["cate"])
        brand = _named("品牌", text["brand"])
        attributes, tags = _attributes(text)
        tables.append(
            pa.table(
                {
                    "item_id": values.to_ids(text["sku_id"], *UNKNOWN),
                    "title": values.join_known(
                        " ", category, brand, attributes
                    ),
                    "category": category,
                    "brand": brand,
                    "tags": tags,
                }
            )
        )
    return pa.concat_tables(tables)


def _items(products: pa.Table, seen: SeenItems) -> list[pa.Table]:
    """Returns the products, and the items that only the log knows."""
    others = seen.table(known=products["item_id"].combine_chunks())
    title = values.join_known(" ", others["category"], others["brand"])
    return [products, others.append_column("title", title)]


def _users(path, counts: Counts) -> Iterator[pa.Table]:
    """Yields the profiles in contract form."""
    columns = ["user_id", "age", "sex", "user_lv_cd", "user_reg_tm"]
    for text in read_text(path, columns, _DIALECT):
        counts.read += text.num_rows
        genders = values.to_ids(text["sex"], "2", *UNKNOWN)
        yield pa.table(
            {
                "user_id": values.to_ids(text["user_id"], *UNKNOWN),
                "gender": values.recode(genders, GENDERS),
                "age_band": values.known(text["age"], *UNKNOWN),
                "level": values.to_ids(text["user_lv_cd"], *UNKNOWN),
                "registered_at": _times(
                    text["user_reg_tm"], "%Y-%m-%d", counts
                ),
            }
        )


def convert(
    source_dir: pathlib.Path, data_dir: pathlib.Path
) -> dict[str, dict[str, int]]:
    """Writes the events, items and users tables.

    Args:
      source_dir: Folder with the three kinds of files.
      data_dir: Folder of the contract's tables.

    Returns:
      Counts of each table, as in `tables.Counts`.

    Raises:
      DataError: A file is missing, empty, not GBK, or lacks a column.
    """
    actions = find_files(source_dir, ACTIONS)
    product_path = find_file(source_dir, PRODUCTS)
    user_path = find_file(source_dir, USERS)
    events, items, users = Counts(), Counts(), Counts()
    seen = SeenItems("category", "brand")
    events.written = write_table(
        _events(actions, events, seen), "events", data_dir
    )
    products = _products(product_path, items)
    items.written = write_table(_items(products, seen), "items", data_dir)
    users.written = write_table(_users(user_path, users), "users", data_dir)
    return {
        "events": dataclasses.asdict(events),
        "items": dataclasses.asdict(items),
        "users": dataclasses.asdict(users),
    }
