"""What measured costs come to with 100 million users and items.

Every row says by which arithmetic. Costs a unit are those between the two
largest sizes that were measured, so what a stage costs however little it does
is not multiplied; that a cost stays straight so far beyond what was measured
is an assumption.
"""

from collections.abc import Sequence

USERS = ITEMS = 100_000_000
# A user's, in the window that is learned from.
EVENTS = 100 * USERS
STEPS = 50
DIMENSION, TEXT = 64, 384
_FLOAT = 4
# Of `models.training.learned_users.Choices`: the owner and the time of each.
_CHOICE = 16
QUERIES = 20_000
_HOUR = 3600.0
_GB = 1e9


def computed(rows: Sequence[dict]) -> list[dict]:
    """Returns what follows from measured stages.

    Args:
      rows: Of `comparison.bench`; what needs a stage that is not there is
        left out.

    Returns:
      `what`, `arithmetic`, `value` and `unit` each, and `measured`: whether a
      measured cost goes in, or sizes of numbers alone.
    """
    costs = {row["name"]: row["per_unit"] for row in rows}
    found = [
        _memory("item vectors, once", ITEMS, DIMENSION * _FLOAT),
        _memory("text vectors of items", ITEMS, TEXT * _FLOAT),
        _memory(
            "choices that the Trainer holds", USERS, STEPS * _CHOICE, "users"
        ),
    ]
    for name, what, count, of in (
        ("step_sampled", "training: the process", ITEMS, "items"),
        ("load", "a model server's process", ITEMS, "items"),
        ("index", "building the index: the process", ITEMS, "items"),
        ("histories", "merging histories: the process", USERS, "users"),
        ("behavior_log", "BehaviorLog in one process", EVENTS, "events"),
    ):
        if name in costs:
            found.append(
                _memory(what, count, costs[name]["bytes"], of, measured=True)
            )
    if "servable" in costs:
        found.append(
            _memory(
                "the servable on disk",
                ITEMS,
                costs["servable"]["bytes_written"],
                measured=True,
            )
        )
    for name, what, count, of in (
        ("behavior_log", "BehaviorLog", EVENTS, "events"),
        ("histories", "histories, one stream", USERS, "users"),
        ("text", "encoding all titles once", ITEMS, "texts"),
        ("index", "building the index", ITEMS, "items"),
        ("servable", "writing the servable", ITEMS, "items"),
        ("load", "loading the servable", ITEMS, "items"),
    ):
        if name in costs:
            found.append(_hours(what, count, costs[name]["cpu_seconds"], of))
    if "evaluation_items" in costs:
        # Measured for a thousand queries.
        each = costs["evaluation_items"]["cpu_seconds"] * QUERIES / 1000
        found.append(
            _hours(f"ranking for {QUERIES:,} queries", ITEMS, each, "items")
        )
    for name, what in (
        ("step_full", "one training step, full softmax"),
        ("step_sampled", "one training step, sampled"),
        ("answer", "one answer of the exact index"),
    ):
        if name in costs:
            found.append(_seconds(what, ITEMS, costs[name]["cpu_seconds"]))
    return found


def _memory(what, count, each, of="items", *, measured=False):
    return {
        "what": what,
        "arithmetic": f"{count:,} {of} × {each:,.0f} bytes",
        "value": round(count * each / _GB, 1),
        "unit": "GB",
        "measured": measured,
    }


def _hours(what, count, seconds, of):
    return {
        "what": what,
        "arithmetic": f"{count:,} {of} × {_short(1e6 * seconds)} µs",
        "value": round(count * seconds / _HOUR, 1),
        "unit": "processor hours",
        "measured": True,
    }


def _seconds(what, count, seconds):
    return {
        "what": what,
        "arithmetic": f"{count:,} items × {_short(1e9 * seconds)} ns",
        "value": round(count * seconds, 2),
        "unit": "processor seconds",
        "measured": True,
    }


def _short(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
