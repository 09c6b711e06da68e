import itertools
import json

import pytest

from applications.profile.profile import profile_of, read_schema
from applications.profile.settings import ProfileSettings
from applications.profile.shop import Shop
from applications.profile.traits import UNKNOWN
from schema.errors import DataError
from schema.settings import SettingsError
from tests.shop_tables import DAY, at, read, write

ITEMS = [
    {
        "item_id": f"{kind}{n}",
        "title": f"{name} {n}号",
        "category": path,
        "brand": "甲" if n % 2 else "乙",
        "price": 10.0 * (n + 1),
    }
    for kind, name, path in (
        ("mouse", "鼠标", "电脑/外设/鼠标"),
        ("milk", "奶粉", "母婴/喂养/婴儿奶粉"),
        ("rice", "大米", "食品/粮油/大米"),
    )
    for n in range(6)
] + [
    {"item_id": "pill", "title": "血压计", "category": "健康/器械/血压计"},
    {"item_id": "test", "title": "验孕棒", "category": "其他"},
]
AS_OF = at(10)
CAMPAIGNS = [{"campaign_id": "c1", "title": "双十一满减", "kind": "coupon"}]
SENSITIVE = [
    ("milla", 9.8, "click", "pill", {}),
    ("milla", 9.8, "buy", "test", {}),
    ("milla", 9.81, "search", None, {"query": "孕妇 叶酸"}),
]


def _row(user, day, kind, item, more):
    return {
        "user_id": user,
        "timestamp": at(day),
        "event_type": kind,
        "item_id": item,
        "device": "ios",
        "city": "杭州",
        **more,
    }


def _events():
    """Milla is after dear baby milk in the evening, others after all."""
    for day, n in itertools.product(range(8), (4, 5)):
        kind = "buy" if day == 7 else "click"
        yield "milla", day + 0.85 + n / 1000, kind, f"milk{n}", {}
    yield "milla", 8.85, "campaign_view", None, {"campaign_id": "c1"}
    for other, day in itertools.product(range(12), range(3)):
        for kind in ("mouse", "milk", "rice"):
            n = (other + day) % 6
            hour = 0.3 + 0.2 * ((other + day) % 3)
            yield f"other{other}", day * 2 + hour, "click", f"{kind}{n}", {}
    yield "once", 3.0, "click", "mouse1", {}
    yield "kid", 3.0, "click", "mouse1", {}


USERS = [{"user_id": "kid", "age_band": "under 18"}]


def _shop(folder, extra=(), as_of=AS_OF):
    events = [_row(*event) for event in (*_events(), *extra)]
    write(folder, events=events, items=ITEMS, users=USERS, campaigns=CAMPAIGNS)
    return Shop(read(folder), as_of, ProfileSettings())


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return _shop(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def milla(shop):
    return profile_of(shop, "milla")


def test_a_readable_profile_with_evidence(milla):
    traits = milla["traits"]
    (favourite,) = traits["categories"]
    assert favourite["value"] == "母婴/喂养"
    # All of hers, where a third is usual (a little more, she counts in).
    assert favourite["share"] == 1.0
    assert 1.5 < favourite["times_usual"] < 2.8
    assert favourite["confidence"] > 0.9
    newest = favourite["evidence"][0]
    assert newest == {
        "time": "2025-11-10T20:31:12+08:00",
        "event": "购买",
        "item_id": "milk5",
        "what": "奶粉 5号",
    }
    assert len(favourite["evidence"]) == 3
    assert traits["price_band"]["value"] == "品质"
    assert traits["active_hours"]["value"] == "晚间 18–24 点"
    assert traits["active_hours"]["said"].endswith("（9 次来访中 9 次）")
    assert traits["device"]["value"] == "ios"
    # Nine visits of nine, and one more that might say otherwise.
    assert traits["device"]["share"] == 1.0
    assert traits["device"]["confidence"] == 0.9
    assert traits["city"]["value"] == "杭州"
    # Of goods, not of her: no parent, no child, no pregnancy.
    assert traits["theme"]["value"] == "选购母婴用品"
    assert milla["as_of"] == "2025-11-13T00:00:00+08:00"
    assert milla["based_on"]["events"] == 17
    assert milla["based_on"]["visits"] == 9


def test_an_average_shopper_has_no_favourites(shop):
    traits = profile_of(shop, "other3")["traits"]
    assert traits["categories"] == []
    assert traits["theme"]["value"] is None


def test_one_click_makes_no_favourite(shop):
    traits = profile_of(shop, "once")["traits"]
    assert traits["categories"] == traits["brands"] == []
    for name in ("price_band", "theme", "active_hours", "campaigns"):
        assert traits[name]["value"] is None
        assert traits[name]["said"] == UNKNOWN
        assert traits[name]["evidence"] == []


def test_sensitive_goods_leave_no_trace(milla, tmp_path):
    changed = profile_of(_shop(tmp_path, SENSITIVE), "milla")
    assert changed == milla
    # Nor does one of whom nothing else is known have any.
    only = [("nina", 2.0, "buy", "pill", {}), ("nina", 3.0, "buy", "test", {})]
    nina = profile_of(_shop(tmp_path / "only", only), "nina")
    assert nina["based_on"]["events"] == 0
    assert nina["traits"]["device"]["value"] is None
    text = json.dumps([milla, changed, nina], ensure_ascii=False)
    for word in ("血压", "验孕", "叶酸", "pill"):
        assert word not in text


def test_later_events_change_nothing(milla, tmp_path):
    later = [
        ("milla", 10 + n / 20, "buy", f"rice{n % 6}", {}) for n in range(15)
    ]
    log_reaches_on = _shop(
        tmp_path, [*later, ("new", 11, "click", "rice1", {})]
    )
    assert profile_of(log_reaches_on, "milla") == milla
    with pytest.raises(DataError, match="no user 'new' before this time"):
        profile_of(log_reaches_on, "new")
    afterwards = _shop(tmp_path / "after", later, as_of=at(11))
    found = profile_of(afterwards, "milla")["traits"]["categories"]
    assert found[0]["value"] == "食品/粮油"


def test_old_choices_fade(shop):
    later = Shop(shop.log, at(10 + 21), ProfileSettings())
    old, new = (one.choices.weight for one in (later, shop))
    # A half-life of 21 days.
    assert old.tolist() == pytest.approx((new / 2).tolist())


def test_minors_get_no_profile(shop):
    kid = profile_of(shop, "kid")
    assert kid["note"] == "记录为未成年人，不做画像"
    assert kid["based_on"]["events"] == 0
    assert kid["traits"]["categories"] == []
    assert kid["traits"]["device"]["value"] is None


def test_brands_are_compared_within_what_a_user_is_after(tmp_path):
    items = [
        {"item_id": "p1", "title": "手机", "category": "手机", "brand": "甲"},
        {"item_id": "p2", "title": "手机", "category": "手机", "brand": "乙"},
        {"item_id": "t1", "title": "茶", "category": "茶", "brand": "丙"},
    ]
    # Ada always takes 甲; Bob is after phones of any brand.
    wanted = {"ada": ["p1"] * 12, "bob": ["p1", "p2"] * 6}
    wanted |= {f"tea{n}": ["t1"] * 4 for n in range(8)}
    wanted |= {f"phone{n}": ["p1", "p2"] * 3 for n in range(4)}
    events = [
        _row(user, day * 0.5, "click", item, {})
        for user, chosen in wanted.items()
        for day, item in enumerate(chosen)
    ]
    write(tmp_path, events=events, items=items)
    there = Shop(read(tmp_path), at(7), ProfileSettings())
    brands = {
        user: [b["value"] for b in profile_of(there, user)["traits"]["brands"]]
        for user in ("ada", "bob", "tea1")
    }
    # 丙 is all there is of tea: who drinks it has no favourite by that.
    assert brands == {"ada": ["甲"], "bob": [], "tea1": []}


def test_a_log_without_optional_tables_and_columns(tmp_path):
    events = [
        {
            "user_id": user,
            "timestamp": at(day),
            "event_type": "view",
            "item_id": "a",
        }
        for user in ("u1", "u2")
        for day in range(5)
    ]
    write(tmp_path, events=events, items=[{"item_id": "a", "title": "书"}])
    there = Shop(read(tmp_path), at(9), ProfileSettings())
    found = profile_of(there, "u1")
    assert found["traits"]["city"]["value"] is None
    assert found["traits"]["price_band"]["value"] is None
    assert found["traits"]["campaigns"]["value"] is None
    _check(found, read_schema(), read_schema())


def test_profiles_are_as_their_schema_says(shop, milla):
    schema = read_schema()
    for user in ("milla", "once", "kid", "other3"):
        found = json.loads(json.dumps(profile_of(shop, user)))
        _check(found, schema, schema)
    for broken in (
        {**milla, "age": 30},
        {**milla, "as_of": 7},
        {k: v for k, v in milla.items() if k != "traits"},
        {
            **milla,
            "traits": {
                **milla["traits"],
                "price_band": {**milla["traits"]["price_band"], "value": "富"},
            },
        },
    ):
        with pytest.raises(AssertionError):
            _check(broken, schema, schema)


def test_bad_settings_and_moments_are_named(shop):
    with pytest.raises(SettingsError, match="half_life_days"):
        ProfileSettings(half_life_days=0)
    with pytest.raises(SettingsError, match="min_confidence"):
        ProfileSettings(min_confidence=1.0)
    with pytest.raises(DataError, match="no event of the log lies before"):
        Shop(shop.log, at(0) - DAY, ProfileSettings())


_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


def _check(value, schema, root):
    """Asserts what the words of JSON schema that ours uses mean."""
    if "$ref" in schema:
        *_, name = schema["$ref"].split("/")
        schema = root["$defs"][name]
    kinds = schema["type"]
    kinds = kinds if isinstance(kinds, list) else [kinds]
    assert isinstance(value, tuple(_TYPES[kind] for kind in kinds)), value
    if "enum" in schema:
        assert value in schema["enum"]
    if value is None:
        return
    assert value >= schema["minimum"] if "minimum" in schema else True
    assert value <= schema["maximum"] if "maximum" in schema else True
    if isinstance(value, dict):
        assert (
            set(schema["required"]) <= set(value) <= set(schema["properties"])
        )
        assert schema["additionalProperties"] is False
        for name, part in value.items():
            _check(part, schema["properties"][name], root)
    if isinstance(value, list):
        assert len(value) >= schema.get("minItems", 0)
        for part in value:
            _check(part, schema["items"], root)
