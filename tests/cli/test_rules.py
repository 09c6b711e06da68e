import json

import pytest
from click.testing import CliRunner

from cli.main import main
from cli.ruled import Ruled
from schema.errors import DataError
from serving.requests import Request
from tests.shop_tables import write

RULES = """
[[rule]]
name = "双十一数码"
action = "boost"
factor = 2
items = {categories = ["数码"]}
when = {festivals = ["双十一"]}

[[rule]]
name = "首页不推"
action = "drop"
items = {campaigns = ["c1"]}
when = {scenes = ["home"]}
"""


@pytest.fixture
def shop(tmp_path):
    run = tmp_path / "runs" / "demo"
    (run / "latest").mkdir(parents=True)
    (run / "latest" / "report.json").write_text("{}", encoding="utf-8")
    write(
        run / "data",
        items=[
            {"item_id": "i0", "title": "手机", "category": "数码/手机"},
            {"item_id": "i1", "title": "耳机", "category": "数码"},
            {"item_id": "i2", "title": "裙子", "category": "服饰"},
        ],
        campaigns=[{"campaign_id": "c1", "title": "券", "scope": ["i2"]}],
    )
    path = tmp_path / "rules.toml"
    path.write_text(RULES, encoding="utf-8")
    return path, ["--runs", str(tmp_path / "runs")]


def test_what_holds_is_listed(shop):
    path, runs = shop
    words = ["rules", str(path), "--at", "2025-11-11 20:00", "--json", *runs]
    done = CliRunner().invoke(main, words)
    told = json.loads(done.stdout)
    assert told["at"] == 1_762_862_400
    rules = [
        (r["name"], r["action"], r["factor"], r["items"], r["holds"])
        for r in told["rules"]
    ]
    assert rules == [
        ("双十一数码", "boost", 2.0, 2, True),
        ("首页不推", "drop", 1.0, 1, False),
    ]
    words = ["rules", str(path), "--at", "2025-11-12", "--scene", "home"]
    done = CliRunner().invoke(main, [*words, *runs])
    assert done.exit_code == 0
    first, second = (
        next(line for line in done.stdout.splitlines() if name in line)
        for name in ("双十一数码", "首页不推")
    )
    assert "boost × 2" in first
    assert first.rstrip().endswith("no")
    assert second.rstrip().endswith("yes")


def test_a_wrong_file_is_named(shop):
    path, runs = shop
    path.write_text(RULES.replace("factor = 2", "factor = 20"), "utf-8")
    done = CliRunner().invoke(main, ["rules", str(path), *runs])
    assert done.exit_code == 1
    assert "rule 1: factor is 20; allowed: 0.1 to 10.0, but 1" in done.stderr
    path.write_text(RULES.replace("c1", "c9"), "utf-8")
    done = CliRunner().invoke(main, ["rules", str(path), *runs])
    assert "campaign 'c9'" in done.stderr


def test_when_and_where_is_asked(shop):
    path, _ = shop
    request = Request(
        history_item_ids=["i0"],
        history_event_types=["click"],
        history_queries=[""],
        history_timestamps=[90],
        timestamp=100,
        city="杭州",
        scene="search",
    )
    assert Ruled().request(request) == request
    asked = Ruled(at=95, scene="home", device="").request(request)
    assert (asked.timestamp, asked.scene) == (95, "home")
    assert (asked.city, asked.device) == ("杭州", "")
    assert Ruled(rules=path).holding(asked) == ("首页不推",)
    assert Ruled().holding(asked) == ()
    with pytest.raises(DataError, match="at is 89, before the user's last"):
        Ruled(at=89).request(request)
