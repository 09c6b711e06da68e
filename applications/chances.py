"""What the ranking heads of a servable say of items, page after page."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from applications.logged_pages import LoggedPages
from schema.errors import DataError
from serving.in_process import Recommender
from serving.requests import Request


def ask_chances(
    model: Recommender,
    requests: Iterable[Request],
    item_ids: Sequence[str],
    head: str,
    *,
    progress: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32]:
    """Asks the signature `rank` for a chance of each item on each page.

    Args:
      model: The servable.
      requests: One a page.
      item_ids: What is asked about, each once.
      head: Of which ranking head.
      progress: Is told how many pages are done, after each.

    Returns:
      float32 [pages, items], NaN for what the servable does not offer: items
      that it does not know, and those sold out.

    Raises:
      DataError: The servable has no such head.
    """
    order = np.argsort(np.array(item_ids, object))
    known = np.array(item_ids, object)[order].astype("U").astype("S")
    rows = []
    for done, request in enumerate(requests, start=1):
        answer = model.rank(request, item_ids)
        if f"p_{head}" not in answer:
            heads = [name[2:] for name in answer if name.startswith("p_")]
            raise DataError(
                f"the servable has no ranking head {head!r}; it has "
                + ", ".join(sorted(heads))
            )
        rows.append(_in_order(answer, f"p_{head}", known, order))
        progress(done)
    if not rows:
        return np.zeros((0, len(item_ids)), np.float32)
    return np.stack(rows)


def _in_order(answer, name, known, order):
    """Returns an answer's chances in the order of the items asked about."""
    found = answer["item_ids"][0].astype("S")
    there = found != b""
    place = order[np.searchsorted(known, found[there])]
    chances = np.full(len(order), np.nan, np.float32)
    chances[place] = answer[name][0][there]
    return chances


def ask_impressions(
    model: Recommender,
    pages: LoggedPages,
    head: str,
    *,
    progress: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32]:
    """Asks the signature `rank` for the chances of what was shown.

    Args:
      model: The servable.
      pages: Of a log.
      head: Of which ranking head.
      progress: Is told how many pages are done, after each.

    Returns:
      float32 [impressions], NaN for what the servable does not offer.

    Raises:
      DataError: The servable has no such head.
    """
    ends = np.searchsorted(pages.page, np.arange(len(pages) + 1))
    chances = np.full(len(pages.page), np.nan, np.float32)
    for page, request in enumerate(pages.requests):
        shown = pages.item_ids[ends[page] : ends[page + 1]]
        items, row = np.unique(shown, return_inverse=True)
        found = ask_chances(model, [request], items.tolist(), head)
        chances[ends[page] : ends[page + 1]] = found[0][row]
        progress(page + 1)
    return chances
