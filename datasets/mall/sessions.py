"""One day in the mall: all its sessions, page after page, at once."""

import dataclasses

import numpy as np

from datasets.mall import relevance
from datasets.mall.campaigns import Campaigns
from datasets.mall.catalogue import Catalogue
from datasets.mall.exposure import SCENES, Pages, Shelf
from datasets.mall.intents import OWNED, Memory, Minds
from datasets.mall.joining import join_chance, leaves_covered
from datasets.mall.journal import blank
from datasets.mall.queries import Queries
from datasets.mall.randomness import choose_by_weight, generator
from datasets.mall.settings import MallSettings
from datasets.mall.shoppers import CITIES, DEVICES, Shoppers, Tastes
from datasets.mall.visits import draw_leavers, draw_visits
from schema.contract import EVENT_TYPES

TYPE = {name: number for number, name in enumerate(EVENT_TYPES)}
HOME, SEARCH, CATEGORY, CAMPAIGN = range(len(SCENES))
# Chances of home, search, category, campaign page.
_FIRST_PAGE = np.array([0.45, 0.34, 0.13, 0.08])
_NEW_INTENT = np.array([0.26, 0.50, 0.18, 0.06])
_SAME_INTENT = np.array([0.34, 0.42, 0.18, 0.06])
_GO_ON = 0.7
_MAX_PAGES = 9
# A session ends with the page on which this many seconds have passed.
_PATIENCE = 1500
# What a thing that is bought again gains in the logit.
_WISH = 1.5
# What a lasting thing that the shopper has already loses.
_HAVE = -3.0
# Longer stay of those who favorite, cart or buy; their events fall in it.
_DECIDE_SECONDS = 40


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """All that does not change from day to day."""

    settings: MallSettings
    catalogue: Catalogue
    shoppers: Shoppers
    campaigns: Campaigns
    queries: Queries


class Day:
    """Runs the sessions of one day and keeps what they leave behind."""

    def __init__(
        self,
        world: World,
        tastes: Tastes,
        memory: Memory,
        day: int,
        first_session: int,
    ):
        """Draws who comes and what they are after.

        Args:
          world: What does not change.
          tastes: Tastes of the day.
          memory: Of earlier sessions; `run` brings it up to date.
          day: Day of the simulation.
          first_session: Number of the day's first session.
        """
        self._world, self._tastes, self._memory = world, tastes, memory
        self._day = day
        self._rng = rng = generator(world.settings.seed, "sessions", day)
        catalogue, shoppers = world.catalogue, world.shoppers
        repeat = np.array([leaf.repeat_days for leaf in catalogue.leaves])
        self._repeat_days = repeat[catalogue.leaf]
        self._shelf = Shelf(world.settings, catalogue, world.campaigns, day)
        self._covered = leaves_covered(world.campaigns, catalogue)
        self._seasons = relevance.season(catalogue, world.settings, day)
        self._minds = Minds(
            catalogue, shoppers, tastes, self._seasons, self._shelf
        )
        running = [world.campaigns.kinds[c] for c in self._shelf.campaigns]
        self.users, self._begins = draw_visits(
            world.settings,
            shoppers,
            day,
            "festival" in running,
            memory.left_day >= 0,
        )
        count = len(self.users)
        self.numbers = first_session + np.arange(count)
        self._intent = self._minds.first(rng, self.users, memory, day)
        travels = rng.random(count) < 0.05
        self._city = np.where(
            travels,
            rng.integers(len(CITIES), size=count),
            shoppers.city[self.users],
        )
        other_device = rng.random(count) < 0.12
        self._device = np.where(
            other_device,
            rng.integers(len(DEVICES), size=count),
            shoppers.device[self.users],
        )
        self._now = self._begins.copy()
        self._query = np.full(count, -1)
        self._satisfied = np.zeros(count, bool)
        self._steps = np.zeros(count, np.int64)
        self._events: list[np.ndarray] = []
        self._intents: list[np.ndarray] = []

    def run(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Runs all pages.

        Returns:
          The events, in no order, and what each page was after: `session`,
          `timestamp`, `leaf` (int64 arrays of one length).
        """
        rows = np.arange(len(self.users))
        changed = np.ones(len(rows), bool)
        for page in range(_MAX_PAGES):
            if not len(rows):
                break
            clicked_leaf, bought = self._page(rows, changed, page == 0)
            on = self._rng.random(len(rows)) < _GO_ON
            on &= self._now[rows] - self._begins[rows] < _PATIENCE
            new, moved = self._minds.move(
                self._rng,
                self.users[rows],
                self._intent.of(rows),
                clicked_leaf,
                bought,
            )
            rows, changed = rows[on], moved[on]
            for field in ("leaf", "option", "offer"):
                getattr(self._intent, field)[rows] = getattr(new, field)[on]
        self._remember()
        events = [blank(0), *self._events]
        intents = [np.zeros((3, 0), np.int64), *self._intents]
        session, timestamp, leaf = np.concatenate(intents, axis=1)
        return np.concatenate(events), {
            "session": session,
            "timestamp": timestamp,
            "leaf": leaf,
        }

    def _remember(self):
        memory, users = self._memory, self.users
        memory.leaf[users] = self._intent.leaf
        memory.satisfied[users] = self._satisfied
        memory.day[users] = self._day
        leavers = draw_leavers(
            self._world.settings, users, memory.satisfied, self._day
        )
        memory.left_day[leavers] = self._day

    def _record(self, rows, timestamp, **fields):
        """Notes one event for each of `rows` (rows of sessions)."""
        events = blank(len(rows))
        events["user"] = self.users[rows]
        events["session"] = self.numbers[rows]
        events["city"] = self._city[rows]
        events["device"] = self._device[rows]
        events["timestamp"] = timestamp
        events["order"] = self._steps[rows]
        for name, value in fields.items():
            events[name] = value
        self._events.append(events)

    def _choose_scene(self, rows, changed, is_first):
        mix = np.where(changed[:, None], _NEW_INTENT, _SAME_INTENT)
        if is_first:
            mix = np.broadcast_to(_FIRST_PAGE, mix.shape)
        total = np.cumsum(mix, axis=1)
        at = self._rng.random((len(rows), 1))
        scene = np.minimum((total <= at).sum(1), CAMPAIGN)
        running = self._shelf.campaigns
        if not len(running):
            return np.where(scene == CAMPAIGN, HOME, scene), np.full(
                len(rows), -1
            )
        drawn = running[self._rng.integers(len(running), size=len(rows))]
        return scene, np.where(scene == CAMPAIGN, drawn, -1)

    def _choose_query(self, rows):
        """Draws a text for what each session is after."""
        queries, rng = self._world.queries, self._rng
        intent = self._intent.of(rows)
        low = queries.first[intent.leaf]
        high = queries.first[intent.leaf + 1]
        total = np.concatenate([[0.0], np.cumsum(queries.weight)])
        plain = choose_by_weight(rng, total, low, high)
        form = (rng.random(len(rows)) < 0.3).astype(np.int64)
        with_brand = queries.of_offer[intent.offer, form]
        with_option = queries.of_option[intent.option, form]
        at = rng.random(len(rows))
        text = np.where((intent.option >= 0) & (at < 0.7), with_option, plain)
        text = np.where((intent.offer >= 0) & (at < 0.45), with_brand, text)
        return np.where(at >= 0.8, plain, text)

    def _announce(self, rows, scene, campaign, changed):
        """Notes the searches and the campaigns that pages begin with."""
        now = self._now
        searches = scene == SEARCH
        new = searches & (changed | (self._query[rows] < 0))
        again = searches & ~new & (self._rng.random(len(rows)) < 0.4)
        typed = rows[new | again]
        self._query[typed] = self._choose_query(typed)
        found = rows[searches]
        self._record(
            found,
            now[found],
            type=TYPE["search"],
            query=self._query[found],
            scene=SEARCH,
        )
        visited = scene == CAMPAIGN
        world = self._world
        joins = join_chance(
            world.settings,
            world.campaigns,
            covered=self._covered,
            shoppers=world.shoppers,
            tastes=self._tastes,
            users=self.users[rows],
            wanted=self._intent.of(rows).leaf,
            campaign=campaign,
        )
        viewed = np.ones(len(rows))
        for name, chance in (
            ("campaign_view", viewed),
            ("campaign_join", joins),
        ):
            chosen = visited & (self._rng.random(len(rows)) < chance)
            seen = rows[chosen]
            self._record(
                seen,
                now[seen] + (name == "campaign_join"),
                type=TYPE[name],
                campaign=campaign[chosen],
                scene=CAMPAIGN,
            )
            self._steps[seen] += 1
        self._steps[found] += 1
        now[rows] += 1 + visited

    def _page(self, rows, changed, is_first):
        """Shows a page to each of `rows` and notes what they do.

        Returns:
          int64 [rows] leaf of the last click or -1, and bool [rows] whether
          something was bought or put into the cart.
        """
        world, rng, shelf = self._world, self._rng, self._shelf
        users = self.users[rows]
        scene, campaign = self._choose_scene(rows, changed, is_first)
        self._announce(rows, scene, campaign, changed)
        intent = self._intent.of(rows)
        self._intents.append(
            np.stack([self.numbers[rows], self._now[rows], intent.leaf])
        )
        due = self._memory.again_day[users] <= self._day
        again = np.where(due, self._memory.again_item[users], -1)
        shown = shelf.show(
            rng,
            Pages(
                users=users,
                scene=scene,
                interests=self._tastes.leaves[users],
                strengths=self._tastes.strengths[users],
                intent=intent,
                campaign=campaign,
                bought_before=again,
            ),
        )
        items = np.maximum(shown, 0)
        catalogue = world.catalogue
        logit = relevance.taste_logit(
            users,
            items,
            catalogue=catalogue,
            shoppers=world.shoppers,
            tastes=self._tastes,
            seasons=self._seasons,
        )
        logit += relevance.intent_logit(catalogue, items, intent)
        logit += relevance.discount_logit(shelf.discount[items])
        logit += _WISH * (items == again[:, None])
        owned = self._memory.owned[users][:, None, :]
        logit += _HAVE * (items[:, :, None] == owned).any(2)
        chance = relevance.sigmoid(logit)
        chance = chance * relevance.examination(world.settings)
        clicked = (rng.random(chance.shape) < chance) & (shown >= 0)

        page, slot = np.nonzero(shown >= 0)
        common = self._common(rows[page], items[page, slot], scene[page])
        self._record(
            rows[page],
            self._now[rows[page]],
            type=TYPE["impression"],
            position=slot,
            probability=chance[page, slot],
            **common,
        )
        # Steps of one second are sorted by slot: impressions share theirs.
        self._events[-1]["order"] += slot.astype(np.int32)
        self._steps[rows] += world.settings.page_size
        bought = self._act(rows, scene, items, logit, clicked)
        last = clicked.shape[1] - 1 - clicked[:, ::-1].argmax(1)
        last_item = items[np.arange(len(rows)), last]
        any_click = clicked.any(1)
        self._satisfied[rows] = np.where(
            changed, bought, self._satisfied[rows] | bought
        )
        return np.where(any_click, catalogue.leaf[last_item], -1), bought

    def _common(self, sessions, items, scene):
        """Fields that all events on items have."""
        discount = self._shelf.discount[items]
        price = self._world.catalogue.price[items] * (1 - discount)
        return {
            "item": items,
            "scene": scene,
            "query": np.where(scene == SEARCH, self._query[sessions], -1),
            "campaign": self._shelf.campaign[items],
            "price": np.round(price, 2),
        }

    def _act(self, rows, scene, items, logit, clicked):
        """Notes clicks and what follows; moves the clock of each session.

        Returns:
          bool [rows], whether something was bought or put into the cart.
        """
        rng, users = self._rng, self.users[rows]
        dwell = 12 + np.minimum(rng.exponential(22, clicked.shape), 75)
        dwell = dwell.astype(np.int64)
        chances = relevance.funnel_probabilities(logit)
        happens = {
            name: clicked & (rng.random(clicked.shape) < chance)
            for name, chance in chances.items()
        }
        cart = happens["cart"]
        buy = (cart & happens["buy"]) | (~cart & happens["buy_now"])
        deep = cart | buy | happens["favorite"]
        dwell = (dwell + _DECIDE_SECONDS * deep) * clicked
        glance = rng.integers(1, 3, size=clicked.shape)
        spent = np.cumsum(dwell + glance, axis=1)
        page, slot = np.nonzero(clicked)
        start = self._now[rows[page]] + (spent - dwell)[page, slot]
        self._now[rows] += spent[:, -1] + rng.integers(4, 40, size=len(rows))

        steps = (
            ("click", 0, clicked),
            ("view", 2, happens["view"]),
            ("favorite", 12, happens["favorite"]),
            ("cart", 20, cart),
            ("uncart", 38, cart & ~buy & happens["uncart"]),
            ("buy", 45, buy),
        )
        more = 1 + rng.binomial(2, 0.15, len(page))
        for order, (name, after, where) in enumerate(steps):
            chosen = where[page, slot]
            at, item = page[chosen], items[page, slot][chosen]
            fields = self._common(rows[at], item, scene[at])
            if name in ("cart", "buy"):
                consumable = self._repeat_days[item] > 0
                fields["quantity"] = np.where(consumable, more[chosen], 1)
            self._record(
                rows[at], start[chosen] + after, type=TYPE[name], **fields
            )
            self._events[-1]["order"] += order
        self._steps[rows] += len(steps)
        self._use_up(users[np.nonzero(buy)[0]], items[buy])
        return (cart | buy).any(1)

    def _use_up(self, users, items):
        """Remembers what lasts, and when the rest runs out."""
        days = self._repeat_days[items]
        lasting = days == 0
        place = self._rng.integers(OWNED, size=lasting.sum())
        self._memory.owned[users[lasting], place] = items[lasting]
        users, items, days = users[days > 0], items[days > 0], days[days > 0]
        days = np.ceil(days * self._rng.uniform(0.3, 1.0, len(items)))
        self._memory.again_item[users] = items
        self._memory.again_day[users] = self._day + days.astype(np.int64)
