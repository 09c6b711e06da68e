"""What the ranking heads of a servable say of items, page after page."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from applications.logged_pages import LoggedPages
from schema.errors import DataError
from serving.in_process import Recommender
from serving.requests import Request


def ask_page(
    model: Recommender, request: Request, item_ids: Sequence[str], head: str
) -> NDArray[np.float32]:
    """Asks the signature `rank` for chances of items.

    Args:
      model: The servable.
      request: The user, as of the page.
      item_ids: What is asked about; an item may be named again.
      head: Of which ranking head.

    Returns:
      float32 [items], NaN for what the servable does not offer: items that it
      does not know, and those sold out.

    Raises:
      DataError: The servable has no such head.
    """
    asked, row = np.unique(np.array(item_ids, str), return_inverse=True)
    answer = model.rank(request, asked.tolist())
    if f"p_{head}" not in answer:
        heads = [name[2:] for name in answer if name.startswith("p_")]
        raise DataError(
            f"the servable has no ranking head {head!r}; it has "
            + ", ".join(sorted(heads))
        )
    found = answer["item_ids"][0].astype("S").astype(str)
    there = found != ""
    chances = np.full(len(asked), np.nan, np.float32)
    place = np.searchsorted(asked, found[there])
    chances[place] = answer[f"p_{head}"][0][there]
    return chances[row]


def ask_pages(
    model: Recommender,
    pages: LoggedPages,
    head: str,
    item_ids: Sequence[str] = (),
    *,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Asks about what was shown on pages, and about other items there.

    Args:
      model: The servable.
      pages: Of a log.
      head: Of which ranking head.
      item_ids: What else is asked about, on every page.
      progress: Is told how many pages are done, after each.

    Returns:
      float32 [impressions], and float32 [pages, items]; NaN as in `ask_page`.

    Raises:
      DataError: The servable has no such head.
    """
    ends = np.searchsorted(pages.page, np.arange(len(pages) + 1))
    own = np.zeros(len(pages.page), np.float32)
    others = np.zeros((len(pages), len(item_ids)), np.float32)
    for page, request in enumerate(pages.requests):
        shown = slice(ends[page], ends[page + 1])
        asked = [*pages.item_ids[shown], *item_ids]
        chances = ask_page(model, request, asked, head)
        own[shown] = chances[: len(chances) - len(item_ids)]
        others[page] = chances[len(chances) - len(item_ids) :]
        progress(page + 1)
    return own, others
