"""Asks a model under rules: filters inside the call, boosts behind it.

What a rule drops, or lets through alone, goes into the call as the inputs
`exclude_item_ids` and `only_item_ids`, so that slots are filled as long as
items fit. A boost adds the logarithm of its factor to the score of more
candidates than are shown, and puts them in order again.
"""

import dataclasses
import typing
from collections.abc import Mapping, Sequence

import numpy as np

from schema.errors import DataError
from serving.calls import TypedCalls
from serving.requests import BY_SCORE, EVERYTHING, Only, Page, Request
from serving.rules.settings import Rule
from serving.rules.shelf import Shelf

# Candidates for each slot, so that what is boosted may come from behind.
_WIDER = 5
_LEAST, _MOST = 50, 200
# No item has this id: what alone may come back is nothing.
_NOTHING = "\0"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the rules that hold now ask for.

    Attributes:
      rules: Their names.
      dropped: Ids that are not shown.
      only: Ids that alone are; None for all.
      bonus: Of each item by id, added to its score.
    """

    rules: tuple[str, ...]
    dropped: frozenset[str]
    only: frozenset[str] | None
    bonus: Mapping[str, float]


class RuledCalls:
    """A model whose answers follow rules."""

    def __init__(
        self,
        model: TypedCalls[typing.Any],
        rules: Sequence[Rule],
        shelf: Shelf,
    ):
        """Finds the items of each rule.

        Args:
          model: A `Client`, or a `Recommender` of this process.
          rules: All of them; each request finds those that hold.
          shelf: The items.

        Raises:
          DataError: A rule names a campaign that there is not.
        """
        self._model = model
        self._rules = [(rule, shelf.fitting(rule.items)) for rule in rules]
        self._ids = shelf.item_ids

    def plan(self, request: Request) -> Plan:
        """Says what holds for a request.

        Several rules of `only` have all to fit, several boosts of an item
        multiply.

        Raises:
          DataError: A festival's table does not reach the year.
        """
        holding = [
            (rule, fits)
            for rule, fits in self._rules
            if rule.when.holds(
                request.timestamp,
                city=request.city,
                device=request.device,
                scene=request.scene,
            )
        ]
        only: np.ndarray | None = None
        dropped = np.zeros(len(self._ids), bool)
        bonus = np.zeros(len(self._ids))
        for rule, fits in holding:
            if rule.action == "drop":
                dropped |= fits
            elif rule.action == "only":
                only = fits if only is None else only & fits
            else:
                bonus += rule.bonus * fits
        boosted = np.flatnonzero(bonus)
        return Plan(
            rules=tuple(rule.name for rule, _ in holding),
            dropped=frozenset(self._ids[dropped]),
            only=None if only is None else frozenset(self._ids[only]),
            bonus={self._ids[row]: float(bonus[row]) for row in boosted},
        )

    def recommend(
        self,
        request: Request,
        k: int = 10,
        only: Only = EVERYTHING,
        page: Page = BY_SCORE,
    ) -> typing.Any:
        """Recommends under the rules that hold; see `TypedCalls.recommend`.

        Raises:
          DataError: The servable refuses, or a boost holds where a page is
            asked for that is not by score.
        """
        return self._ask("recommend", request, k, only, page)

    def search(
        self,
        request: Request,
        k: int = 10,
        only: Only = EVERYTHING,
        page: Page = BY_SCORE,
    ) -> typing.Any:
        """Searches under the rules that hold; see `TypedCalls.search`.

        Raises:
          DataError: As `recommend`.
        """
        return self._ask("search", request, k, only, page)

    def _ask(self, signature, request, k, only, page):
        plan = self.plan(request)
        if plan.bonus and (
            dataclasses.replace(page, explain=False) != BY_SCORE
        ):
            raise DataError(
                f"the rules {', '.join(plan.rules)} boost items, which a page "
                "by diversity or with caps would put out of order again; ask "
                "for one or the other"
            )
        wide = min(max(_WIDER * k, _LEAST), _MOST) if plan.bonus else k
        answer = getattr(self._model, signature)(
            request, max(wide, k), plan.dropped, _narrowed(only, plan), page
        )
        if not plan.bonus:
            return answer
        # A client's answer carries its arrays beside the version.
        if hasattr(answer, "outputs"):
            outputs = reordered(answer.outputs, plan.bonus, k)
            return dataclasses.replace(answer, outputs=outputs)
        return reordered(answer, plan.bonus, k)


def reordered(
    outputs: Mapping[str, np.ndarray], bonus: Mapping[str, float], k: int
) -> dict[str, np.ndarray]:
    """Adds to scores and puts the slots of each row in order again.

    Args:
      outputs: Of a signature, arrays [B, width]; an empty id is no item.
      bonus: By item id.
      k: How many slots are kept.
    """
    ids = outputs["item_ids"]
    gained = np.array(
        [[bonus.get(_text(one), 0.0) for one in row] for row in ids]
    ).reshape(ids.shape)
    filled = np.array([[bool(one) for one in row] for row in ids], bool)
    filled = filled.reshape(ids.shape)
    scores = outputs["scores"] + np.where(filled, gained, 0).astype(np.float32)
    order = np.argsort(
        np.where(filled, -scores, np.inf), axis=1, kind="stable"
    )[:, :k]
    return {
        name: np.take_along_axis(values, order, axis=1)
        for name, values in {**outputs, "scores": scores}.items()
    }


def _narrowed(only: Only, plan: Plan) -> Only:
    if plan.only is None:
        return only
    ids = plan.only & frozenset(only.item_ids) if only.item_ids else plan.only
    return dataclasses.replace(only, item_ids=tuple(sorted(ids)) or (_NOTHING,))


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
