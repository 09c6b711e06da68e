import numpy as np

from applications.intent import pairs, steps, tallies, windows
from applications.intent.steps import KINDS, NOW_KIND, UNKNOWN
from tests.applications.intent.small import DAY, HOUR, known, walked

A, B = 1, 2


def _kinds(found):
    return [KINDS[kind - 1] for kind in found.kind]


def test_steps_are_what_users_did_in_order():
    found = walked(
        ("u2", "b1", "click", 10),
        ("u1", "a1", "buy", 30),
        ("u1", "a1", "impression", 5),
        ("u1", "鼠标", "search", 20),
        ("u1", "键盘", "search", 21),
    )
    assert found.users.to_pylist() == ["u1", "u2"]
    assert found.user.tolist() == [0, 0, 0, 1]
    assert _kinds(found) == ["search", "search", "buy", "click"]
    # Items are rows 1 to 4, the known search is 5, the other one is none.
    assert found.row.tolist() == [5, 0, 1, 3]


def test_labels_look_strictly_ahead_and_not_beyond_until():
    found = walked(
        ("u1", "a1", "click", 0 + HOUR),
        ("u1", "a1", "cart", 2 * HOUR),
        ("u1", "b1", "click", 3 * HOUR),
        ("u1", "b1", "buy", 30 * HOUR),
        ("u2", "a1", "click", 4 * HOUR),
    )
    told = steps.label(found, known(), (1, 24), until=100 * HOUR)
    # After a1 comes b1; b1's own purchase is no other item.
    assert told.category.tolist() == [B, B, UNKNOWN, UNKNOWN, UNKNOWN]
    assert told.bought[:, 0].tolist() == [0, 0, 0, 0, 0]
    assert told.bought[:, 1].tolist() == [0, 0, 0, 0, 0]
    nearer = steps.label(found, known(), (1, 28), until=100 * HOUR)
    assert nearer.bought[:, 1].tolist() == [0, 1, 1, 0, 0]
    # What came after `until` is not known, neither yes nor no.
    early = steps.label(found, known(), (1, 28), until=29 * HOUR)
    assert early.bought[:, 1].tolist() == [0] + [UNKNOWN] * 4
    assert early.bought[:3, 0].tolist() == [0, 0, 0]
    gone = steps.label(found, known(), (1, 28), until=int(2.5 * HOUR))
    assert gone.category.tolist() == [UNKNOWN] * 5


def test_questions_stand_after_days_and_silences_and_before_what_follows():
    found = steps.with_questions(
        walked(
            ("u1", "a1", "click", HOUR),
            ("u1", "a1", "click", DAY),
            ("u1", "b1", "click", 9 * DAY),
        )
    )
    asked = found.kind == NOW_KIND
    # After day 0, which day 1 ends; after day 1, 2 and 4 days of silence.
    assert (found.time[asked] // DAY).tolist() == [1, 2, 3, 5]
    assert np.all(np.diff(found.time) >= 0)
    first = np.flatnonzero(asked)[0]
    assert found.time[first] == found.time[first + 1] == DAY


def test_asked_at_forgets_what_came_later():
    found = steps.asked_at(
        walked(
            ("u1", "a1", "click", 10),
            ("u1", "b1", "click", 20),
            ("u2", "b1", "click", 30),
        ),
        20,
    )
    assert _kinds(found) == ["click", "now", "now"]
    assert found.user.tolist() == [0, 0, 1]


def test_each_step_is_told_once_with_half_a_window_before_it():
    rows = [("u1", "a1", "click", n + 1) for n in range(11)]
    rows += [("u2", "a1", "click", n + 1) for n in range(2)]
    found = walked(*rows)
    cut = windows.cut(found, 4)
    told = cut.step[cut.told]
    assert sorted(told.tolist()) == list(range(13))
    for step, is_told in zip(cut.step, cut.told, strict=True):
        inside = step[step >= 0]
        assert len(set(found.user[inside].tolist())) == 1
        for place in np.flatnonzero(is_told):
            before = int((step[:place] >= 0).sum())
            first = int(
                np.flatnonzero(found.user == found.user[step[place]])[0]
            )
            assert before >= min(2, step[place] - first)
    given = windows.inputs(found, tallies.of_steps(found), cut)
    assert ((given["kinds"] > 0) == (cut.step >= 0)).all()


def _browsed(found, most=50):
    questions = np.flatnonzero(found.kind == NOW_KIND)
    return pairs.browsed(found, known(), questions, most)


def test_pairs_know_only_what_came_before_the_question():
    rows = [
        ("u1", "a1", "click", DAY + HOUR),
        ("u1", "a1", "cart", DAY + 2 * HOUR),
        ("u1", "b1", "view", DAY + 3 * HOUR),
        ("u2", "a2", "click", DAY + 3 * HOUR),
    ]
    later = [("u1", "c1", "buy", 3 * DAY), ("u2", "a1", "buy", 4 * DAY)]
    at = 2 * DAY
    early = _browsed(steps.asked_at(walked(*rows), at))
    late = _browsed(steps.asked_at(walked(*rows, *later), at))
    # The last browsed first, users apart.
    assert early.row.tolist() == [3, 1, 2]
    assert np.array_equal(early.features, late.features)
    column = {name: n for n, name in enumerate(pairs.FEATURES)}
    clicks = early.features[:, column["click count"]]
    assert np.allclose(clicks, np.log1p([0, 1, 1]))
    hours = early.features[:, column["hours since last"]]
    assert np.allclose(hours, np.log1p([21, 22, 21]))
    assert _browsed(steps.asked_at(walked(*rows), at), 1).row.tolist() == [3, 2]


def test_bought_is_of_the_item_or_its_category_in_time():
    found = steps.with_questions(
        walked(
            ("u1", "a1", "click", HOUR),
            ("u1", "b1", "click", 2 * HOUR),
            ("u1", "a2", "buy", 2 * DAY),
            ("u2", "b1", "click", 20 * DAY),
        )
    )
    asked = _browsed(found)
    first = asked.question == asked.question[0]
    told = pairs.bought(found, known(), asked, 3, until=10 * DAY)
    assert asked.row[first].tolist() == [3, 1]
    # a2 is another item than a1, of its category.
    assert told[first].tolist() == [[0, 0], [0, 1]]
    unknown = pairs.bought(found, known(), asked, 3, until=2 * DAY)
    assert (unknown[first] == -1).all()
