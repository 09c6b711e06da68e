"""A small shop whose users join what they like, and what learned from it."""

import json

import numpy as np
import pytest

import models
from applications.campaigns import evaluation, service
from applications.campaigns.settings import CampaignSettings
from applications.campaigns.source import open_source
from tests import small_shop
from tests.shop_tables import DAY, at, read, write

assert models
SETTINGS = CampaignSettings(penalties=(0.01,), max_epochs=60, folds=2)
REPORT = {"servable": {"version": "7", "path": "x"}}
KINDS = ("电脑", "家电", "服饰")
SPLIT = at(8)


def _tables(folder):
    """Users of three tastes; who likes the category joins its campaign."""
    rng = np.random.default_rng(0)
    events = []
    for user in range(120):
        taste = user % 3
        name = f"u{user:03}"
        for day in range(10):
            when = at(day) + int(rng.integers(DAY // 2))
            item = f"i{3 * rng.integers(100) + taste}"
            campaign = int(rng.integers(3))
            session = f"s{user}-{day}"
            common = {"user_id": name, "session_id": session}
            events += [
                common
                | {
                    "event_type": "click",
                    "item_id": item,
                    "timestamp": when,
                },
                common
                | {
                    "event_type": "campaign_view",
                    "campaign_id": f"c{campaign}",
                    "timestamp": when + 60,
                },
            ]
            if rng.random() < (0.8 if campaign == taste else 0.1):
                events.append(
                    common
                    | {
                        "event_type": "campaign_join",
                        "campaign_id": f"c{campaign}",
                        "timestamp": when + 61,
                    }
                )
    items = [
        {"item_id": name, "title": title}
        for name, title in zip(
            small_shop.ITEM_IDS, small_shop.TITLES, strict=True
        )
    ]
    campaigns = [
        {
            "campaign_id": f"c{n}",
            "title": f"{kind}满减",
            "description": "",
            "kind": "coupon",
            "starts_at": at(0),
            "ends_at": at(10),
            "discount": 0.1,
            "scope": [kind],
        }
        for n, kind in enumerate(KINDS)
    ]
    campaigns.append({**campaigns[0], "campaign_id": "old", "ends_at": at(5)})
    return write(folder, events=events, items=items, campaigns=campaigns)


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="session")
def source(shop_folder):
    folder = shop_folder
    data = _tables(folder / "runs" / "demo" / "data")
    small_shop.save_model(folder / "model")
    small_shop.write_catalogue(folder / "catalogue")
    return open_source(
        data=data,
        log=read(data),
        model_dir=folder / "model",
        catalogue=folder / "catalogue" / "Split-all",
        split=SPLIT,
        max_history=20,
        settings=SETTINGS,
    )


@pytest.fixture(scope="session")
def pushed(source, shop_folder):
    """Put before what takes functions off the model, so evaluated first."""
    asked = evaluation.evaluate(source)
    runs = shop_folder / "runs"
    latest = runs / "demo" / "latest"
    latest.mkdir()
    (latest / "report.json").write_text(json.dumps(REPORT), "utf-8")
    return asked, runs, service.push(runs, "demo", REPORT, source, asked.fitted)
