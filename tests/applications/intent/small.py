"""A log that can be worked out by hand."""

import numpy as np
import pyarrow as pa

from applications.intent import content, steps

HOUR, DAY = 3600, 86_400
ITEMS = pa.table(
    {
        "item_id": ["a1", "a2", "b1", "c1"],
        "title": ["a", "a", "b", "c"],
        "category": ["A", "A", "B", None],
        "brand": ["x", "y", "x", None],
        "price": [9.0, 99.0, None, 9.0],
    }
)
# Category indices: A 1, B 2.
QUERIES = pa.array(["鼠标"])


def known():
    return content.read(ITEMS, QUERIES, None)


def log(*rows):
    """Rows of user, item or query, event type and seconds, sorted."""
    table = pa.Table.from_pylist(
        [
            {
                "user_id": user,
                "item_id": "" if kind == "search" else thing,
                "query": thing if kind == "search" else "",
                "event_type": kind,
                "timestamp": time,
            }
            for user, thing, kind, time in rows
        ]
    )
    return table.sort_by([("user_id", "ascending"), ("timestamp", "ascending")])


def walked(*rows):
    return steps.from_log(log(*rows), known())


def habits(users=40, days=12, seed=0):
    """Half the users look at a1 and buy it two days later, half never do."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        for day in range(0, days, 3):
            time = day * DAY + int(rng.integers(HOUR, 20 * HOUR)) + DAY
            name = f"u{user:03}"
            thing = "a1" if user % 2 else "b1"
            rows.append((name, "鼠标", "search", time))
            rows.append((name, thing, "click", time + 60))
            rows.append((name, "a2", "view", time + 120))
            if user % 2:
                rows.append((name, "a1", "buy", time + 2 * DAY))
    return log(*rows)
