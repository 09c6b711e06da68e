"""Every event is counted once, whatever dirt there is in the log."""

import collections

import numpy as np
import pytest

from schema.errors import DataError
from tests.components.behavior_log.small_log import event, run

DIRT = (
    {"user_id": ""},
    {"user_id": None},
    {"event_type": "purchase"},
    {"item_id": "nowhere"},
    {"item_id": None},
    {"timestamp": 0},
    {"timestamp": 1_700_000_000_000},
    {"timestamp": None},
    {"price": -1.0},
    {"scene": b"\xe4\xb8"},
)


def _dirty_log(seed, share_bad):
    rng = np.random.default_rng(seed)
    kinds = ("impression", "view", "click", "cart", "buy")
    log = []
    for _ in range(300):
        row = event(
            f"u{rng.integers(12)}",
            kinds[rng.integers(len(kinds))],
            f"i{rng.integers(9)}",
            1000 + int(rng.integers(5000)),
            price=1.0,
            scene="home",
        )
        if rng.random() < share_bad:
            row |= DIRT[rng.integers(len(DIRT))]
        log += [row] * int(rng.integers(1, 3))
    # More than twenty within the hour: a bot.
    log += [event("u99", "click", f"i{n % 9}", 2000 + n) for n in range(25)]
    return [log[row] for row in rng.permutation(len(log))]


@pytest.mark.parametrize(
    ("seed", "share_bad"), [(0, 0.0), (1, 0.1), (2, 0.5), (3, 0.9)]
)
def test_in_is_kept_deduplicated_bots_and_quarantined(
    tmp_path, seed, share_bad
):
    log = _dirty_log(seed, share_bad)
    outcome = run(
        tmp_path,
        log[:200],
        log[200:],
        items=[{"item_id": f"i{n}"} for n in range(9)],
        max_events_per_hour=24,
        split_timestamp=4000,
    )
    report = outcome.report
    counts = report["events"]

    def is_good(row):
        return (
            row["user_id"]
            and row["event_type"] != "purchase"
            and row["item_id"] not in (None, "nowhere")
            and row["timestamp"]
            and row["timestamp"] < 4e9
            and row.get("price", 0) >= 0
            and not isinstance(row.get("scene"), bytes)
        )

    good = [row for row in log if is_good(row)]
    distinct = {
        (r["user_id"], r["event_type"], r["item_id"], r["timestamp"])
        for r in good
    }
    by_user = collections.Counter(key[0] for key in distinct)
    assert counts["in"] == len(log)
    assert counts["quarantined"] == len(log) - len(good)
    assert counts["deduplicated"] == len(good) - len(distinct)
    assert counts["bots"] >= by_user["u99"] == 25
    assert counts["in"] == sum(
        counts[name] for name in ("kept", "deduplicated", "bots", "quarantined")
    )
    assert sum(report["event_types"].values()) == counts["kept"]
    assert sum(report["quarantined_by_reason"].values()) == len(log) - len(good)
    assert len(outcome.letters) == counts["quarantined"]
    assert len({(x["source"], x["row"]) for x in outcome.letters}) == len(
        outcome.letters
    )


def test_a_log_of_bots_only_says_so(tmp_path):
    log = [event("u", "click", "i", 1000 + n) for n in range(30)]
    with pytest.raises(DataError, match=r"none of 30 events.*bots: 30"):
        run(tmp_path, log, max_events_per_hour=10)
