"""How often profiles are right, where a simulation knows what is true.

A shopper of the mall has a main life stage and a second one, which leads a
third of the interests: `theme` is right if it is of either, `main theme` of the
first alone. Each trait is guessed for everybody (who has made a choice at
all), by the profile's own figures and by simple rules, so that all answer the
same questions; and what the profile tells, being sure enough, is looked at by
itself. The rules of themes and the mall's life stages name the same goods, as
both were written with the same idea of a shop: their accuracy shows that the
chain works, not how well it would do in a real one.
"""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import pyarrow.parquet as pq

from applications.figures import OURS, Figure, SystemFigures
from applications.profile.settings import ProfileSettings
from applications.profile.shop import Shop
from applications.profile.themes import THEMES
from applications.profile.traits import BAND_EDGES, BANDS, Shopper
from applications.shop_log import ShopLog
from models.metrics import intervals
from schema.errors import DataError

# What shoppers of a life stage are after. The mall's 银发健康 has none: its
# goods are of health, at which no profile looks.
STAGE_THEMES = {
    "新手父母": "选购母婴用品",
    "数码爱好者": "选购数码产品",
    "户外运动": "选购户外运动用品",
    "精致妆护": "选购美妆护理用品",
    "厨房达人": "选购厨房与食材",
    "宠物一族": "选购宠物用品",
    "学生党": "选购图书文具",
    "职场通勤": "选购服饰鞋包",
    "居家装修": "选购家居装修用品",
    "游戏玩家": "选购电脑与游戏装备",
    "有车一族": "选购汽车用品",
}
_LAST, _MOST, _MAJORITY = "last choice", "most chosen", "majority"


@dataclasses.dataclass(frozen=True)
class _Question:
    """A trait of one user.

    Attributes:
      allowed: Right answers.
      guesses: What each method says, the majority left out.
      told: What the profile tells; None where it does not.
      sure: Its confidence.
    """

    allowed: frozenset[str]
    guesses: dict[str, str]
    told: str | None
    sure: float | None


def run(log: ShopLog, data_dir: pathlib.Path) -> dict:
    """Asks for the traits of all shoppers at the end of the log.

    Args:
      log: Of a simulated mall.
      data_dir: Where its `ground_truth` is.

    Returns:
      By trait: users asked about, the accuracy of each method, our lead over
      the best other with a 95 % interval over users, and of what is told its
      share, accuracy and mean confidence.

    Raises:
      DataError: There is no ground truth.
    """
    shop = Shop(log, log.end, ProfileSettings())
    truth = _truth(data_dir, shop)
    asked: dict[str, list[_Question]] = {trait: [] for trait in _TRAITS}
    for user_id in sorted(shop.rows.keys() & truth.keys()):
        shopper = Shopper(shop, user_id)
        if not len(shopper.items):
            continue
        for trait, ask in _TRAITS.items():
            question = ask(shopper, truth[user_id])
            if question is not None:
                asked[trait].append(question)
    return {
        "traits": {trait: _answered(asked[trait]) for trait in _TRAITS},
        "stage_never_told": _health_stage(shop, truth),
    }


def system_figures(result: dict, command: str) -> SystemFigures:
    """Puts the figures into the form of a run's report.

    Args:
      result: Of `run`.
      command: Which measures it again.
    """
    figures = []
    for trait, told in result["traits"].items():
        figures.append(
            Figure(metric=f"accuracy, {trait}", values=told["accuracy"])
        )
        figures.append(
            Figure(
                metric=f"accuracy where told, {trait}",
                values={OURS: told["told"]["accuracy"]},
                part=f"{told['told']['share']:.0%} of users",
            )
        )
    return SystemFigures(
        name="profile",
        title="Profiles",
        chinese="用户画像",
        lead=(
            "What shoppers are after, beside what the simulation knows of "
            "them. Everybody is guessed, and then what the profile is sure "
            "enough of to tell it. Health goods are never looked at."
        ),
        command=command,
        figures=tuple(figures),
    )


def _truth(data_dir: pathlib.Path, shop: Shop) -> dict[str, dict]:
    folder = data_dir / "ground_truth" / "users"
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not there: only a simulated mall knows what its "
            "shoppers are like (`daogou data generate`)"
        )
    rows = pq.read_table(folder).to_pylist()
    levels = np.array([row["price_level"] for row in rows])
    edges = np.quantile(levels, [1 / 3, 2 / 3])
    cut = shop.settings.category_levels
    found = {}
    for row in rows:
        strongest = row["interests_end"][int(np.argmax(row["strengths_end"]))]
        stages = row["life_stages"]
        found[row["user_id"]] = {
            "theme": {STAGE_THEMES[s] for s in stages if s in STAGE_THEMES},
            "main theme": {
                STAGE_THEMES[s] for s in stages[:1] if s in STAGE_THEMES
            },
            "categories": {"/".join(strongest.split("/")[:cut])},
            "brands": set(row["brands"]),
            "band": BANDS[int(np.searchsorted(edges, row["price_level"]))],
        }
    return found


def _theme(name: str) -> Callable[[Shopper, dict], _Question | None]:
    return lambda shopper, truth: (
        _theme_question(shopper, truth[name]) if truth[name] else None
    )


def _theme_question(shopper: Shopper, allowed: set[str]) -> _Question | None:
    likely, names = shopper.theme_chances()
    codes, _ = shopper.shop.leaves
    code = codes[shopper.items]
    if not (code >= 0).any():
        return None
    belongs = shopper.shop.theme_members
    times = shopper.shop.log.events.timestamp[shopper.chosen_events]
    latest = np.where(code >= 0, times, -1).argmax()
    counts = np.bincount(
        code[code >= 0], shopper.weight[code >= 0], minlength=len(belongs)
    )
    told = shopper.theme()
    return _Question(
        frozenset(allowed),
        {
            OURS: names[int(likely[:-1].argmax())],
            _MOST: _theme_of(belongs[int(counts.argmax())]),
            _LAST: _theme_of(belongs[code[latest]]),
        },
        told["value"],
        told["confidence"],
    )


def _theme_of(belongs: np.ndarray) -> str:
    return THEMES[int(belongs.argmax())].name if belongs.any() else ""


def _favourite(kind: str) -> Callable[[Shopper, dict], _Question | None]:
    def ask(shopper: Shopper, truth: dict) -> _Question | None:
        codes, names = getattr(shopper.shop, kind)
        code = codes[shopper.items]
        if not (code >= 0).any():
            return None
        counts, _, sure = shopper.compared(kind)
        times = shopper.shop.log.events.timestamp[shopper.chosen_events]
        latest = np.where(code >= 0, times, -1).argmax()
        told = shopper.favourites(kind)
        return _Question(
            frozenset(truth[kind]),
            {
                OURS: names[int(np.lexsort((counts, sure))[-1])],
                _MOST: names[int(counts.argmax())],
                _LAST: names[int(code[latest])],
            },
            told[0]["value"] if told else None,
            told[0]["confidence"] if told else None,
        )

    return ask


def _price_band(shopper: Shopper, truth: dict) -> _Question | None:
    places = shopper.shop.price_places[shopper.items]
    known = ~np.isnan(places)
    if not known.any():
        return None
    _, likely = shopper.band_chances()
    times = shopper.shop.log.events.timestamp[shopper.chosen_events]
    latest = np.where(known, times, -1).argmax()
    told = shopper.price_band()
    return _Question(
        frozenset([truth["band"]]),
        {
            OURS: BANDS[int(likely.argmax())],
            "mean price": _band(places[known].mean()),
            _LAST: _band(places[latest]),
        },
        told["value"],
        told["confidence"],
    )


def _band(place: float) -> str:
    return BANDS[int(np.searchsorted(BAND_EDGES, place))]


_TRAITS: dict[str, Callable[[Shopper, dict], _Question | None]] = {
    "theme": _theme("theme"),
    "main theme": _theme("main theme"),
    "strongest interest": _favourite("categories"),
    "a favourite brand": _favourite("brands"),
    "price band": _price_band,
}


def _answered(questions: list[_Question]) -> dict:
    """Counts right answers of each method."""
    if not questions:
        raise DataError("no user of the ground truth has made a choice")
    often: dict[str, int] = {}
    for question in questions:
        for answer in question.allowed:
            often[answer] = often.get(answer, 0) + 1
    # What is right for most: as good as any constant can be.
    majority = max(sorted(often), key=lambda answer: often[answer])
    right = {
        name: np.array([q.guesses[name] in q.allowed for q in questions], float)
        for name in questions[0].guesses
    }
    right[_MAJORITY] = np.array(
        [majority in q.allowed for q in questions], float
    )
    rival = max(
        (name for name in right if name != OURS),
        key=lambda name: right[name].mean(),
    )
    lead = intervals.paired_difference(
        right[OURS], right[rival], np.arange(len(questions))
    )
    told = [q for q in questions if q.told is not None]
    return {
        "users": len(questions),
        "accuracy": {name: float(hits.mean()) for name, hits in right.items()},
        "lead": {
            "over": rival,
            "accuracy": lead.mean,
            "interval": (lead.low, lead.high),
        },
        "told": {
            "share": len(told) / len(questions),
            "accuracy": _mean([q.told in q.allowed for q in told]),
            "confidence": _mean([q.sure for q in told]),
        },
    }


def _mean(values: list) -> float | None:
    return float(np.mean(values)) if values else None


def _health_stage(shop: Shop, truth: dict[str, dict]) -> dict:
    """What is told of those whose stage no profile tells."""
    users = [
        user_id
        for user_id in sorted(shop.rows.keys() & truth.keys())
        if not truth[user_id]["theme"]
    ]
    told = [Shopper(shop, user_id).theme()["value"] for user_id in users]
    return {
        "users": len(users),
        "told_another_theme": _mean([name is not None for name in told]),
    }
