"""What each signature of the servable is sent, as arrays by name.

Histories, exclusions and candidates begin with an empty entry, which means
nothing to the servable: where a server joins requests to batches, it repeats
the first entry of the shorter ones until all are as long, and takes none that
has no entry at all.
"""

import re
import typing
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from schema.errors import DataError
from serving.requests import (
    BY_SCORE,
    EVERYTHING,
    HISTORY_FIELDS,
    LISTS,
    Only,
    Page,
    Request,
)

# Inputs that are not strings.
_TYPES = {
    "history_timestamps": np.int64,
    "timestamp": np.int64,
    "k": np.int32,
    "min_price": np.float32,
    "max_price": np.float32,
    "diversity": np.float32,
    "max_per_category": np.int32,
    "max_per_brand": np.int32,
    "max_per_shop": np.int32,
    "explain": np.bool_,
}
# The signatures' default: no limit.
_NO_MAX = float(np.finfo(np.float32).max)
_ASSERTION = re.compile(r"assertion failed: (.*)")
_PART = re.compile(r"\[([^\]]*)\]")

Inputs = dict[str, np.ndarray]
Slots = int | slice | None
AnswerT = typing.TypeVar("AnswerT")


class TypedCalls(typing.Generic[AnswerT]):
    """The signatures as methods, whoever answers them."""

    def recommend(
        self,
        request: Request,
        k: int = 10,
        exclude_item_ids: Iterable[str] = (),
        only: Only = EVERYTHING,
        page: Page = BY_SCORE,
    ) -> AnswerT:
        """Recommends k items to a user.

        Args:
          request: The user.
          k: How many, at most what the servable retrieves.
          exclude_item_ids: What must not come back.
          only: What alone may come back.
          page: How it is put together, and whether it gives reasons.

        Raises:
          DataError: The servable refuses; the message says what and why.
          ServerError: A server was asked, and does not answer.
        """
        return self._ask(
            "recommend", recommend(request, k, exclude_item_ids, only, page), k
        )

    def search(
        self,
        request: Request,
        k: int = 10,
        exclude_item_ids: Iterable[str] = (),
        only: Only = EVERYTHING,
        page: Page = BY_SCORE,
    ) -> AnswerT:
        """Finds k items for the request's query, the user's taste in mind.

        Args:
          request: The user and the query.
          k: How many, at most what the servable retrieves.
          exclude_item_ids: What must not come back.
          only: What alone may come back.
          page: How it is put together, and whether it gives reasons.

        Raises:
          DataError: The servable refuses, as it does without a query.
          ServerError: A server was asked, and does not answer.
        """
        return self._ask(
            "search", recommend(request, k, exclude_item_ids, only, page), k
        )

    def similar(
        self,
        item_ids: Sequence[str],
        k: int = 10,
        exclude_item_ids: Iterable[str] = (),
        only: Only = EVERYTHING,
    ) -> AnswerT:
        """Finds k items like each of some; none for an unknown one.

        Args:
          item_ids: Like which; a row of the answer each.
          k: How many.
          exclude_item_ids: What must not come back.
          only: What alone may come back.

        Raises:
          DataError: The servable refuses; the message says what and why.
          ServerError: A server was asked, and does not answer.
        """
        return self._ask(
            "similar", similar(item_ids, k, exclude_item_ids, only), k
        )

    def rank(self, request: Request, item_ids: Sequence[str]) -> AnswerT:
        """Puts items in order for a user, best first; unknown ones fall out.

        Args:
          request: The user.
          item_ids: What is put in order.

        Raises:
          DataError: The servable refuses; the message says what and why.
          ServerError: A server was asked, and does not answer.
        """
        return self._ask("rank", rank(request, item_ids), len(item_ids))

    def intent(self, request: Request, item_ids: Sequence[str] = ()) -> AnswerT:
        """Says what a user is after.

        Args:
          request: The user.
          item_ids: Whose chances to tell.

        Returns:
          `p_<head>`, the chance of each of the items in their order, 0 for
          an unknown one; `categories` and `category_chances`, the ten that
          the next choice is most likely of.

        Raises:
          DataError: The servable refuses; the message says what and why.
          ServerError: A server was asked, and does not answer.
        """
        items = _array("item_ids", [["", *item_ids]])
        return self._ask(
            "intent",
            _user(request) | {"item_ids": items},
            slice(1, 1 + len(item_ids)),
        )

    def campaigns(
        self,
        request: Request,
        k: int = 10,
        past: Sequence[tuple[str, str]] = (),
        exclude_campaign_ids: Iterable[str] = (),
    ) -> AnswerT:
        """Recommends campaigns that run at the request's time.

        Of the servable of campaigns, which `daogou campaigns` pushes beside
        the recommender's.

        Args:
          request: The user, and when.
          k: How many.
          past: What the user did with campaigns before, oldest first: ids and
            `campaign_view` or `campaign_join`.
          exclude_campaign_ids: What must not come back.

        Raises:
          DataError: The servable refuses; the message says what and why.
          ServerError: A server was asked, and does not answer.
        """
        return self._ask(
            "campaigns", campaigns(request, k, past, exclude_campaign_ids), k
        )

    def _ask(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        slots: Slots = None,
    ) -> AnswerT:
        """Calls a signature; `slots` cuts its answer, as `cut` says."""
        raise NotImplementedError


def recommend(
    request: Request,
    k: int,
    exclude_item_ids: Iterable[str] = (),
    only: Only = EVERYTHING,
    page: Page = BY_SCORE,
) -> Inputs:
    """Returns the inputs of `recommend` and `search`, for one user.

    Raises:
      DataError: A value is of another type than its input.
    """
    return (
        _user(request)
        | _limits(1, k, exclude_item_ids, only)
        | {name: _array(name, [value]) for name, value in vars(page).items()}
    )


def similar(
    item_ids: Sequence[str],
    k: int,
    exclude_item_ids: Iterable[str] = (),
    only: Only = EVERYTHING,
) -> Inputs:
    """Returns the inputs of `similar`, a row for each item.

    Raises:
      DataError: A value is of another type than its input.
    """
    return {"item_ids": _array("item_ids", list(item_ids))} | _limits(
        len(item_ids), k, exclude_item_ids, only
    )


def rank(request: Request, item_ids: Sequence[str]) -> Inputs:
    """Returns the inputs of `rank`, for one user.

    Raises:
      DataError: A value is of another type than its input, or there are no
        items.
    """
    if not item_ids:
        raise DataError("rank: item_ids has no columns; send at least one")
    return _user(request) | {"item_ids": _array("item_ids", [["", *item_ids]])}


def campaigns(
    request: Request,
    k: int,
    past: Sequence[tuple[str, str]] = (),
    exclude_campaign_ids: Iterable[str] = (),
) -> Inputs:
    """Returns the inputs of `campaigns`, for one user.

    Raises:
      DataError: A value is of another type than its input.
    """
    lists = {
        "history_campaign_ids": [name for name, _ in past],
        "history_campaign_types": [kind for _, kind in past],
        "exclude_campaign_ids": exclude_campaign_ids,
    }
    return (
        _user(request)
        | {name: _array(name, [["", *v]]) for name, v in lists.items()}
        | {"k": _array("k", [k])}
    )


def cut(
    outputs: Mapping[str, np.ndarray], slots: Slots
) -> dict[str, np.ndarray]:
    """Returns what was asked for: a batch is as wide as its widest request.

    Args:
      outputs: Of a signature, [B, width] each.
      slots: How many, the first; or the columns of the items asked about,
        which `p_<head>` are of; None for all there is.
    """
    if slots is None:
        return dict(outputs)
    if isinstance(slots, slice):
        return {
            name: array[:, slots] if name.startswith("p_") else array
            for name, array in outputs.items()
        }
    return {name: array[:, :slots] for name, array in outputs.items()}


def refusal(text: str) -> str:
    """Takes what an input check says out of TensorFlow's message.

    >>> refusal("assertion failed: [k must be 1 to 9, but is] [0]")
    'k must be 1 to 9, but is 0'
    """
    if found := _ASSERTION.search(text):
        parts = _PART.findall(found.group(1)) or [found.group(1)]
        return " ".join(part.strip() for part in parts)
    return (text.strip().splitlines() or [""])[0]


def _user(request: Request) -> Inputs:
    """Returns the request as a batch of one."""
    return {
        name: _array(
            name,
            [[0 if name in _TYPES else "", *value]]
            if name in HISTORY_FIELDS
            else [value],
        )
        for name, value in vars(request).items()
    }


def _limits(
    rows: int, k: int, exclude_item_ids: Iterable[str], only: Only
) -> Inputs:
    lists = {
        "exclude_item_ids": exclude_item_ids,
        **{f"only_{name}": getattr(only, name) for name in LISTS},
    }
    inputs = {name: _array(name, [["", *v]]) for name, v in lists.items()}
    inputs["min_price"] = _array("min_price", only.min_price)[np.newaxis]
    high = _NO_MAX if only.max_price is None else only.max_price
    inputs["max_price"] = _array("max_price", high)[np.newaxis]
    inputs["k"] = _array("k", k)[np.newaxis]
    return {
        name: np.repeat(value, rows, axis=0) for name, value in inputs.items()
    }


def _array(name: str, value: object) -> np.ndarray:
    kind = _TYPES.get(name)
    if kind is None:
        return np.array(value, object)
    try:
        return np.array(value, kind)
    except (OverflowError, TypeError, ValueError) as error:
        raise DataError(
            f"{name} is {value!r}; needed: {np.dtype(kind).name}"
        ) from error
