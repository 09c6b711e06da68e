"""Asks the servable, here or at a server, and names what comes back."""

import dataclasses
import typing

from serving.requests import BY_SCORE, EVERYTHING, Only, Page, Request

if typing.TYPE_CHECKING:
    from serving.calls import TypedCalls


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """One slot of an answer.

    Attributes:
      item_id: Which item.
      score: Higher is better.
      reason: As the servable calls it; empty if not asked for.
      evidence: The item of the history, or the search, that it is there for.
    """

    item_id: str
    score: float
    reason: str = ""
    evidence: str = ""


class Shop:
    """A servable whose answers are lists."""

    def __init__(self, model: "TypedCalls"):
        """Takes a `Recommender` of this process, or a `Client`."""
        self._model = model

    def recommend(
        self,
        request: Request,
        k: int,
        only: Only = EVERYTHING,
        page: Page = BY_SCORE,
    ) -> list[Found]:
        """Recommends up to k items; see `TypedCalls.recommend`."""
        return _found(self._model.recommend(request, k, (), only, page))

    def search(
        self, request: Request, k: int, only: Only = EVERYTHING
    ) -> list[Found]:
        """Finds up to k items; see `TypedCalls.search`."""
        return _found(self._model.search(request, k, (), only))

    def similar(
        self, item_id: str, k: int, only: Only = EVERYTHING
    ) -> list[Found]:
        """Finds up to k items like one; see `TypedCalls.similar`."""
        return _found(self._model.similar([item_id], k, (), only))


def _found(answer: typing.Any) -> list[Found]:
    """Reads the first row; a slot that was not filled is left out."""
    # A client's answer carries its arrays beside the version.
    arrays = getattr(answer, "outputs", answer)
    columns = {
        name: arrays[outputs][0]
        for name, outputs in (
            ("item_id", "item_ids"),
            ("score", "scores"),
            ("reason", "reasons"),
            ("evidence", "evidence"),
        )
        if outputs in arrays
    }
    rows = zip(*columns.values(), strict=True)
    found = (dict(zip(columns, row, strict=True)) for row in rows)
    return [
        Found(**{name: _plain(value) for name, value in slot.items()})
        for slot in found
        if slot["item_id"]
    ]


def _plain(value: typing.Any) -> typing.Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else float(value)
