"""The items of the mall, as arrays that are sorted by leaf category."""

import dataclasses

import numpy as np

from datasets.mall import titles
from datasets.mall.randomness import generator
from datasets.mall.settings import DAY_SECONDS, MallSettings
from datasets.mall.taxonomy import Leaf, stocked_leaves

STYLE_DIMENSION = 8
# Most options that an item has; no leaf has more groups.
MAX_OPTIONS = 6
_TITLE_ROUNDS = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Items as parallel arrays [items]; row numbers stand for items inside.

    Attributes:
      leaves: The stocked leaves.
      first: int64 [leaves + 1], first row of each leaf.
      leaf: int64, leaf of each item, ascending.
      parent: int64 [leaves], number of the path above each leaf.
      follow_ups: int64 [leaves, f], leaves wanted next, -1 padded.
      offer: int64, row in `offer_brands`: leaf and brand together.
      offer_brands: brand of each offer; `offer_first` [leaves + 1] its range.
      offer_first: int64 [leaves + 1].
      brand_names: every brand once.
      brand_of_offer: int64 [offers], rows of `brand_names`.
      brand: int64, row of `brand_names` of each item.
      options: int64 [items, MAX_OPTIONS], rows in `option_words`, -1 padded.
      option_words: word of each option; `option_first` its range in a leaf.
      option_first: int64 [leaves + 1].
      item_ids, titles, descriptions, shop_ids: text of each item.
      price: float32, CNY.
      price_level: float64, 0 (lowest of its leaf) to 1, in logarithms.
      listed_at: int64, Unix seconds.
      in_stock: bool.
      quality: float64, mean 0, variance 1; raises the chance of a click.
      popularity: float64, weight with which the mall shows it.
      style: float64 [items, STYLE_DIMENSION], of length 1; comes from brand
        and options, so that texts carry it, but for what is unsaid.
    """

    leaves: tuple[Leaf, ...]
    first: np.ndarray
    leaf: np.ndarray
    parent: np.ndarray
    follow_ups: np.ndarray
    offer: np.ndarray
    offer_brands: tuple[str, ...]
    offer_first: np.ndarray
    brand_names: tuple[str, ...]
    brand_of_offer: np.ndarray
    brand: np.ndarray
    options: np.ndarray
    option_words: tuple[str, ...]
    option_first: np.ndarray
    item_ids: tuple[str, ...]
    titles: tuple[str, ...]
    descriptions: tuple[str, ...]
    shop_ids: tuple[str, ...]
    price: np.ndarray
    price_level: np.ndarray
    listed_at: np.ndarray
    in_stock: np.ndarray
    quality: np.ndarray
    popularity: np.ndarray
    style: np.ndarray

    def __len__(self):
        return len(self.leaf)

    def tags(self, row: int) -> list[str]:
        """Returns the option words of an item."""
        return [self.option_words[o] for o in self.options[row] if o >= 0]


def _apportion(total, weights):
    """Shares `total` items out over leaves: two each, the rest by weight."""
    base = np.full(len(weights), min(2, total // len(weights)))
    rest = total - base.sum()
    exact = rest * weights / weights.sum()
    counts = base + np.floor(exact).astype(np.int64)
    short = total - counts.sum()
    order = np.argsort(-(exact - np.floor(exact)), kind="stable")
    counts[order[:short]] += 1
    return counts


def _offsets(sizes):
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _follow_ups(leaves):
    number = {leaf.name: i for i, leaf in enumerate(leaves)}
    width = max(len(leaf.follow_ups) for leaf in leaves)
    table = np.full((len(leaves), width), -1, np.int64)
    for i, leaf in enumerate(leaves):
        known = [number[f] for f in leaf.follow_ups if f in number]
        table[i, : len(known)] = known
    return table


def _choose_options(rng, leaves, leaf, option_first):
    """Returns options [items, MAX_OPTIONS] and size [items], 0 to 1."""
    options = np.full((len(leaf), MAX_OPTIONS), -1, np.int64)
    size = np.full(len(leaf), 0.5)
    for number, kind in enumerate(leaves):
        rows = np.flatnonzero(leaf == number)
        start = option_first[number]
        for column, group in enumerate(kind.specs):
            chosen = rng.integers(len(group), size=len(rows))
            said = rng.random(len(rows)) < 0.85
            if column == kind.sized:
                said[:] = True
                size[rows] = chosen / max(len(group) - 1, 1)
            options[rows, column] = np.where(said, start + chosen, -1)
            start += len(group)
    return options, size


def _write_titles(rng, leaves, leaf, brands, said):
    """Returns titles and descriptions, with next to no title twice."""
    seen: set[str] = set()
    written, descriptions = [], []
    for row, number in enumerate(leaf):
        kind = leaves[number]
        name = kind.names[rng.integers(len(kind.names))]
        for _ in range(_TITLE_ROUNDS):
            title = titles.write_title(rng, kind, brands[row], name, said[row])
            if title not in seen:
                break
            name = kind.names[rng.integers(len(kind.names))]
        else:
            title = f"{title} {titles.model_code(rng)}"
        seen.add(title)
        written.append(title)
        descriptions.append(
            titles.write_description(rng, kind, brands[row], name, said[row])
        )
    return tuple(written), tuple(descriptions)


def _listing_times(rng, settings, first, count):
    """Old stock before the first day, then new items on every day."""
    start = settings.day_start(0)
    age_days = np.minimum(rng.exponential(180, count) + 1, 1500)
    listed = start - (age_days * DAY_SECONDS).astype(np.int64)
    # The first item of a leaf is old, so that no leaf is ever empty.
    free = np.setdiff1d(np.arange(count), first[:-1])
    total = min(settings.new_items_per_day * settings.num_days, len(free))
    chosen = rng.permutation(free)[:total]
    day = np.arange(total) % settings.num_days
    hour = rng.integers(8 * 3600, 20 * 3600, total)
    listed[chosen] = start + day * DAY_SECONDS + hour
    return listed


def _style(rng, brand, options, sizes, unsaid):
    num_brands, num_options = sizes
    brands = rng.normal(size=(num_brands, STYLE_DIMENSION))
    words = rng.normal(size=(num_options + 1, STYLE_DIMENSION))
    words[-1] = 0
    said = np.maximum((options >= 0).sum(1, keepdims=True), 1)
    style = 1.0 * brands[brand] + 1.5 * words[options].sum(1) / np.sqrt(said)
    style += unsaid * rng.normal(size=style.shape)
    return style / np.sqrt((style**2).sum(1, keepdims=True))


def build_catalogue(settings: MallSettings) -> Catalogue:
    """Makes the catalogue of a mall.

    Args:
      settings: Seed, sizes and days.
    """
    rng = generator(settings.seed, "catalogue")
    leaves = stocked_leaves(settings.num_items)
    weights = np.array([leaf.weight for leaf in leaves], float)
    counts = _apportion(settings.num_items, weights)
    first, count = _offsets(counts), settings.num_items
    leaf = np.repeat(np.arange(len(leaves)), counts)

    offer_first = _offsets([len(kind.brands) for kind in leaves])
    offer_brands = tuple(b for kind in leaves for b in kind.brands)
    num_offers = (offer_first[1:] - offer_first[:-1])[leaf]
    # Cheaper brands, later in the list, sell a little more often.
    rank = np.floor(rng.beta(1.2, 1.0, count) * num_offers).astype(np.int64)
    offer = offer_first[leaf] + rank
    brand_names = tuple(dict.fromkeys(offer_brands))
    numbers = {name: i for i, name in enumerate(brand_names)}
    brand_of_offer = np.array([numbers[b] for b in offer_brands])
    brand = brand_of_offer[offer]

    words = tuple(o for kind in leaves for g in kind.specs for o in g)
    option_first = _offsets([sum(map(len, k.specs)) for k in leaves])
    options, size = _choose_options(rng, leaves, leaf, option_first)

    tier = 1 - rank / np.maximum(num_offers - 1, 1)
    level = 0.12 + 0.45 * tier + 0.3 * size + rng.normal(0, 0.09, count)
    level = np.clip(level, 0.0, 1.0)
    low = np.array([kind.low for kind in leaves])[leaf]
    high = np.array([kind.high for kind in leaves])[leaf]
    price = titles.end_price(low * (high / low) ** level)

    quality = rng.normal(size=count)
    popularity = np.exp(0.5 * quality + rng.normal(0, 1.1, count))
    popularity *= (weights / counts)[leaf]

    brands = [offer_brands[o] for o in offer]
    said = [[words[o] for o in row if o >= 0] for row in options.tolist()]
    written, descriptions = _write_titles(rng, leaves, leaf, brands, said)
    # A flagship shop for each brand, and as many that sell anything.
    flagship = rng.random(count) < 0.5
    other = len(brand_names) + rng.integers(len(brand_names), size=count)
    shops = np.where(flagship, brand, other)
    parents = {
        p: i for i, p in enumerate(dict.fromkeys(k.parent for k in leaves))
    }
    digits = len(str(count))
    return Catalogue(
        leaves=leaves,
        first=first,
        leaf=leaf,
        parent=np.array([parents[kind.parent] for kind in leaves]),
        follow_ups=_follow_ups(leaves),
        offer=offer,
        offer_brands=offer_brands,
        offer_first=offer_first,
        brand_names=brand_names,
        brand_of_offer=brand_of_offer,
        brand=brand,
        options=options,
        option_words=words,
        option_first=option_first,
        # Numbers in random order: an id says nothing about its item.
        item_ids=tuple(f"i{n:0{digits}}" for n in rng.permutation(count)),
        titles=written,
        descriptions=descriptions,
        shop_ids=tuple(f"shop{n:04}" for n in shops),
        price=price.astype(np.float32),
        price_level=level,
        listed_at=_listing_times(rng, settings, first, count),
        in_stock=rng.random(count) >= 0.02,
        quality=quality,
        popularity=popularity,
        style=_style(
            rng,
            brand,
            options,
            (len(brand_names), len(words)),
            settings.unsaid_style,
        ),
    )
