"""Writes candidates from templates, in an order that a seed decides.

The same item gets the same text each time, and its neighbour another one. The
writer does not judge: candidates go through `checking`, the first that passes
is shown.
"""

import dataclasses
import random
import string
from collections.abc import Iterable, Iterator, Sequence

from applications.copywriting import templates
from applications.copywriting.campaigns import Campaign
from applications.copywriting.facts import (
    day_text,
    percent_off,
    price_text,
    shared_levels,
)
from applications.copywriting.naming import headline, points, tips
from applications.copywriting.reasons import Why
from applications.copywriting.reviews import Said
from applications.items import Item
from schema.settings import Settings

_FEWEST_POINTS = 2
_SHOWN_ITEMS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class WriterSettings(Settings):
    """How texts vary.

    Attributes:
      seed: Equal seeds give equal texts; any integer from 0.
      max_points: Most attributes that one text names, 1 to 10.
      max_candidates: Most templates that are tried for a text, 1 to 1000.
    """

    seed: int = 0
    max_points: int = 4
    max_candidates: int = 60

    def __post_init__(self) -> None:
        """Checks the fields.

        Raises:
          SettingsError: A value is not allowed.
        """
        self.check("seed", self.seed >= 0, "0 or more")
        self.check("max_points", 1 <= self.max_points <= 10, "1 to 10")
        self.check(
            "max_candidates", 1 <= self.max_candidates <= 1000, "1 to 1000"
        )


class Writer:
    """Fills templates with what is known."""

    def __init__(self, settings: WriterSettings | None = None):
        """Takes the settings; the defaults where there are none."""
        self._settings = settings or WriterSettings()

    def describe(self, item: Item, said: Said | None = None) -> Iterator[str]:
        """Gives descriptions of an item, in the order to try them.

        Args:
          item: Which.
          said: What a customer said, to be quoted.
        """
        rng = self._random("describe", item.item_id)
        words = self._words(item, rng)
        parts = [
            list(_filled(_shuffled(lines, rng), words))
            for lines in (
                templates.OPENINGS,
                templates.TIPS,
                templates.CLOSINGS,
            )
        ]
        if said is not None:
            parts.insert(-1, [f"{said.about}：「{said.words}」。"])
        return self._joined(parts, rng)

    def reason(self, item: Item, why: Why) -> Iterator[str]:
        """Gives reasons for an item, in the order to try them."""
        rng = self._random("reason", item.item_id)
        words = self._words(item, rng) | {
            "done": why.done,
            "query": why.query,
        }
        if why.other is not None:
            name = headline(why.other) or why.other.title
            words["known"] = f"{why.done}过「{name}」"
            words["shared"] = _shared(item, why.other)
        lines = templates.REASONS[why.kind]
        return _filled(_preferring(lines, rng), words)

    def promote(
        self, campaign: Campaign, items: Sequence[Item]
    ) -> Iterator[str]:
        """Gives texts of a campaign, in the order to try them.

        Args:
          campaign: Which.
          items: Of its scope; some are named.
        """
        rng = self._random("promote", campaign.campaign_id)
        named = [name for item in items if (name := headline(item))]
        chosen = rng.sample(named, min(len(named), _SHOWN_ITEMS))
        offers = []
        if percent := percent_off(campaign):
            offers = [
                f"优惠{percent}%",
                f"{price_text(10 - percent / 10)}折",
            ]
        words = {
            "title": campaign.title,
            "said": campaign.description.rstrip("。！!. "),
            "from_day": day_text(campaign.starts_at)
            if campaign.starts_at
            else "",
            "to_day": day_text(campaign.last_moment)
            if campaign.last_moment
            else "",
            "items": "、".join(dict.fromkeys(chosen)),
            "offer": rng.choice(offers) if offers else "",
        }
        lines = templates.CAMPAIGNS.get(
            campaign.kind, templates.CAMPAIGNS["other"]
        )
        return _filled(_preferring(lines, rng), words)

    def _random(self, *key: str) -> random.Random:
        return random.Random("/".join([str(self._settings.seed), *key]))

    def _words(self, item: Item, rng: random.Random) -> dict[str, str]:
        """Returns what templates may name of an item; "" for what it lacks."""
        attributes = points(item)
        most = min(len(attributes), self._settings.max_points)
        count = rng.randint(min(_FEWEST_POINTS, most), most)
        rows = sorted(rng.sample(range(len(attributes)), count))
        chosen = [attributes[row] for row in rows]
        said = tips(item)
        name = headline(item)
        return {
            "headline": name,
            # Only where there is nothing shorter to call it.
            "title": "" if name else item.title,
            "brand": item.brand,
            "leaf": item.leaf,
            "price": ""
            if item.price is None
            else f"{price_text(item.price)}元",
            "points": "、".join(chosen),
            "point": chosen[0] if chosen else "",
            "more": "、".join(chosen[1:]),
            "tip": rng.choice(said) if said else "",
        }

    def _joined(
        self, parts: list[list[str]], rng: random.Random
    ) -> Iterator[str]:
        """Gives joint texts: first each part's first, then any of each."""
        for number in range(self._settings.max_candidates):
            yield "".join(
                lines[0] if not number else rng.choice(lines)
                for lines in parts
                if lines
            )


def _shared(item: Item, other: Item) -> str:
    """Returns the closest thing that two items have in common."""
    if levels := shared_levels(item, other):
        return f"同属{levels[-1]}"
    if item.brand and item.brand == other.brand:
        return f"同是{item.brand}"
    return ""


def _shuffled(lines: Iterable[str], rng: random.Random) -> list[str]:
    return rng.sample(list(lines), len(list(lines)))


def _preferring(lines: Sequence[str], rng: random.Random) -> list[str]:
    """Shuffles, those that say most before those that need least."""
    order = _shuffled(lines, rng)
    richest = max(len(_needs(line)) for line in lines)
    plain = [line for line in order if len(_needs(line)) < richest - 1]
    return [line for line in order if line not in plain] + plain


def _filled(lines: Iterable[str], words: dict[str, str]) -> Iterator[str]:
    for line in lines:
        if all(words.get(need) for need in _needs(line)):
            yield line.format_map(words)


def _needs(line: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(line) if name]
