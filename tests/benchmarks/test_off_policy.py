import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import off_policy


def test_each_page_keeps_its_slots():
    rng = np.random.default_rng(0)
    page = np.repeat(np.arange(50), 4)
    position = np.concatenate([rng.permutation(7)[:4] for _ in range(50)])
    score = rng.random(200)
    slot = off_policy.reordered(page, position, score)
    for number in range(50):
        here = page == number
        assert sorted(slot[here]) == sorted(position[here])
        # The higher the score, the earlier the slot.
        assert (np.argsort(slot[here]) == np.argsort(-score[here])).all()


def test_equal_scores_change_nothing():
    page, position = np.array([0, 0, 0]), np.array([2, 0, 1])
    slot = off_policy.reordered(page, position, np.zeros(3))
    assert slot.tolist() == [2, 0, 1]


def test_looks_come_from_clicks_on_what_was_shown(tmp_path):
    """One item, in two slots as often; clicked 40 and 10 times of 100."""
    rows = [
        (f"u{n}", "i", "impression", 7200 * n, n % 2, "home")
        for n in range(200)
    ]
    clicked = [n for n in range(200) if n % 20 in (0, 4, 8, 12, 1)][:50]
    rows += [
        (f"u{n}", "i", "click", 7200 * n + 30, None, "home") for n in clicked
    ]
    # An impression that came twice is one.
    rows += rows[:1]
    names = ["user_id", "item_id", "event_type", "timestamp", "position"]
    columns = dict(zip([*names, "scene"], zip(*rows, strict=True), strict=True))
    (tmp_path / "events").mkdir()
    pq.write_table(pa.table(columns), tmp_path / "events" / "part.parquet")
    positions = off_policy._positions(tmp_path)
    assert positions.num_rows == 200
    found = off_policy._looks(positions, tmp_path)
    np.testing.assert_allclose(found, [1, 0.25], atol=0.01)
    times = pa.chunked_array([pa.array([10**9])])
    count = off_policy._popularity(
        tmp_path, np.array(["i", "x"], object), times
    )
    assert count.tolist() == [50, 0]
