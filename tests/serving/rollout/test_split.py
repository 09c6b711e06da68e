import pytest

from schema.errors import DataError
from schema.settings import SettingsError
from serving.rollout.split import Split

USERS = [f"u{n}" for n in range(20_000)]


def of(split, label):
    return {user for user in USERS if split.arm(user) == label}


def test_users_are_split_as_it_says():
    split = Split(name="x", percent={"a": 5, "b": 25, "c": 70})
    for label, share in split.percent.items():
        expected = len(USERS) * share / 100
        # Five times the spread of a fair draw.
        assert abs(len(of(split, label)) - expected) < 5 * expected**0.5


def test_who_was_in_an_arm_stays_in_it_when_it_grows():
    before: set = set()
    for share in (0, 5, 25, 50, 100):
        percent = {"canary": share, "stable": 100 - share}
        now = of(Split(name="x", percent=percent), "canary")
        assert before <= now
        before = now
    assert before == set(USERS)


def test_another_name_draws_anew():
    one, other = (
        of(Split(name=name, percent={"a": 50, "b": 50}), "a")
        for name in ("x", "y")
    )
    assert abs(len(one & other) - len(USERS) / 4) < 350


def test_travels_in_a_file(tmp_path):
    split = Split(name="价格", percent={"a": 0.5, "b": 99.5})
    split.write(tmp_path / "split.json")
    assert Split.read(tmp_path / "split.json") == split
    assert [one.name for one in tmp_path.iterdir()] == ["split.json"]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"name": "x"}', '{"name": "x", "percent": {"a": 5}}']
)
def test_files_that_are_no_split(tmp_path, text):
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(DataError, match=r"split\.json is no split"):
        Split.read(tmp_path / "split.json")
    with pytest.raises(DataError, match="is no split"):
        Split.read(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("name", "percent", "part"),
    [
        ("", {"a": 100}, "name is ''"),
        ("x", {}, "percent is {}"),
        ("x", {"a": 60, "b": 50}, "100 in sum"),
        ("x", {"a": 110, "b": -10}, "100 in sum"),
    ],
)
def test_shares_that_are_refused(name, percent, part):
    with pytest.raises(SettingsError, match=part):
        Split(name=name, percent=percent)
