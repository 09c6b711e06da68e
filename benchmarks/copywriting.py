"""What the texts for shoppers claim, of all items of a run.

Every text is held against its item's data twice: by the checker that lets it
through, and by an auditor that works another way
(`applications.copywriting.measuring`). The checker in turn is shown texts
into which something of another item, or a banned word, was put. Beside them
stand title and description as sellers wrote them.
`daogou bench copywriting --preset demo` runs it.
"""

import random
from collections.abc import Iterable, Sequence

from applications.copywriting.advertising_law import banned_words
from applications.copywriting.campaigns import Campaign
from applications.copywriting.checking import Kind, check
from applications.copywriting.copywriter import BY_NOTHING, Copywriter
from applications.copywriting.explaining import Explained
from applications.copywriting.facts import (
    Facts,
    campaign_facts,
    item_facts,
    price_text,
)
from applications.copywriting.measuring import Auditor, distinct
from applications.copywriting.reasons import reason_facts
from applications.figures import OURS, Figure, SystemFigures
from applications.items import Item, ItemTable

BANNED_EXAMPLES = ("最好", "第一", "国家级", "顶级", "独家", "极致", "唯一")
_METRICS = {
    "unsupported": "share with unsupported claims",
    "banned": "share with banned words",
    "distinct_2": "distinct-2",
    "length": "mean length",
}
Row = tuple[str, Facts, list[str]]


def run(
    items: ItemTable,
    campaigns: Iterable[Campaign],
    explained: Sequence[Explained],
    copywriter: Copywriter,
    seed: int = 0,
) -> dict:
    """Measures the texts of a shop.

    Args:
      items: Each is described.
      campaigns: Each gets its copy.
      explained: Recommended items with their reasons.
      copywriter: Writes descriptions and copy.
      seed: Of what is put into texts.

    Returns:
      `texts`: by kind, and `raw` for what sellers wrote, how many `texts`,
      shares with `unsupported` claims, with `foreign` words (the auditor's)
      and with `banned` words, `nothing` (share that says nothing), `distinct`
      1 and 2 of characters, `different` (share of different texts) and
      `length` in characters; `planted`: by kind of what was put in, how many
      and the share that was `caught`; `sources`: who wrote how many.
    """
    brands = items.brands()
    every = list(items)
    auditor = Auditor(every)
    described: list[Row] = []
    nothing = 0
    for item in every:
        text = copywriter.describe(item)
        nothing += text.source == BY_NOTHING
        described.append((text.text, item_facts(item, brands), row_of(item)))
    by_id = {item.item_id: item for item in every}
    promoted: list[Row] = []
    for campaign in campaigns:
        scope = [by_id[i] for i in campaign.item_ids]
        facts = campaign_facts(campaign)
        for item in scope:
            facts |= item_facts(item, brands)
        promoted.append(
            (
                copywriter.promote(campaign, scope).text,
                facts,
                _known_of_campaign(campaign, facts, scope),
            )
        )
    reasons: list[Row] = [
        (
            one.text.text,
            reason_facts(one.item, one.why, brands),
            [
                *row_of(one.item),
                one.why.query,
                *(row_of(one.why.other) if one.why.other else []),
            ],
        )
        for one in explained
    ]
    texts = {
        "description": _figures(described, auditor)
        | {"nothing": nothing / max(len(described), 1)},
        "raw": _raw_figures(every),
    }
    if reasons:
        texts["reason"] = _figures(reasons, auditor)
    if promoted:
        texts["campaign"] = _figures(promoted, auditor)
    return {
        "texts": texts,
        "planted": _planted(every, described, random.Random(seed)),
        "sources": dict(copywriter.counts),
    }


def row_of(item: Item) -> list[str]:
    """Returns all that the item table says, as text."""
    price = "" if item.price is None else price_text(item.price)
    parts = [item.title, item.description, item.category, item.brand, price]
    return [*parts, *item.tags]


def _known_of_campaign(
    campaign: Campaign, facts: Facts, scope: list[Item]
) -> list[str]:
    rows = [text for item in scope for text in row_of(item)]
    # Days and shares are computed; the pieces have them as written.
    return [campaign.title, campaign.description, *facts.pieces, *rows]


def _figures(rows: list[Row], auditor: Auditor) -> dict[str, float]:
    problems = [check(text, facts) for text, facts, _ in rows]
    kinds = [{problem.kind for problem in found} for found in problems]
    foreign = [bool(auditor.foreign(t, known)) for t, _, known in rows]
    return {
        "texts": len(rows),
        "unsupported": _share(Kind.UNSUPPORTED in found for found in kinds),
        "foreign": _share(foreign),
        "banned": _share(Kind.BANNED in found for found in kinds),
        **_variety([text for text, _, _ in rows]),
    }


def _raw_figures(items: list[Item]) -> dict[str, float]:
    texts = [f"{item.title}。{item.description}" for item in items]
    banned = [
        bool(banned_words(text, [item.brand]))
        for text, item in zip(texts, items, strict=True)
    ]
    return {
        "texts": len(texts),
        "unsupported": 0.0,
        "banned": _share(banned),
        **_variety(texts),
    }


def _variety(texts: list[str]) -> dict[str, float]:
    return {
        "distinct_1": distinct(texts, 1),
        "distinct_2": distinct(texts, 2),
        "different": len(set(texts)) / max(len(texts), 1),
        "length": sum(map(len, texts)) / max(len(texts), 1),
    }


def _planted(
    items: list[Item], rows: list[Row], rng: random.Random
) -> dict[str, dict[str, float]]:
    """Puts something into each text and sees whether the checker objects."""
    tags = sorted({tag for item in items for tag in item.tags})
    brands = sorted({item.brand for item in items if item.brand})
    caught: dict[str, list[bool]] = {}
    for text, facts, known in rows:
        data = " ".join(known)
        price = f"{rng.randint(10, 9999)}元"
        lies = {
            "attribute": rng.choice(tags) if tags else "",
            "brand": rng.choice(brands) if brands else "",
            "price": price,
            "number": f"{rng.randint(2, 99)}年质保",
            "banned word": rng.choice(BANNED_EXAMPLES),
        }
        for kind, lie in lies.items():
            # What is true of the item by chance is no lie.
            if not lie or lie.removesuffix("元") in data:
                continue
            objected = bool(check(f"{text}{lie}。", facts))
            caught.setdefault(kind, []).append(objected)
    return {
        kind: {"texts": len(found), "caught": _share(found)}
        for kind, found in caught.items()
    }


def _share(flags: Iterable[bool]) -> float:
    found = list(flags)
    return sum(found) / len(found) if found else 0.0


def system(result: dict, command: str) -> SystemFigures:
    """Returns the figures as a run's report shows them.

    Args:
      result: What `run` returned.
      command: Which measures it again.
    """
    texts = result["texts"]
    raw = texts["raw"]
    figures = []
    for kind, told in texts.items():
        if kind == "raw":
            continue
        for metric, lower in (
            ("unsupported", True),
            ("banned", True),
            ("distinct_2", False),
            ("length", False),
        ):
            # Only descriptions are of the same items as the sellers' texts.
            beside = {"sellers": raw[metric]} if kind == "description" else {}
            figures.append(
                Figure(
                    metric=_METRICS[metric],
                    part=kind,
                    values={OURS: told[metric], **beside},
                    lower_is_better=lower,
                )
            )
    for kind, told in result["planted"].items():
        figures.append(
            Figure(
                metric="false claims caught",
                part=kind,
                values={OURS: told["caught"]},
            )
        )
    return SystemFigures(
        name="copywriting",
        title="Texts for shoppers",
        chinese="文案生成",
        lead="No claim that is not in the item's data, no word that "
        "advertising law bans.",
        command=command,
        figures=tuple(figures),
    )
