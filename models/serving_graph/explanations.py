"""Why an item is shown, found by taking the reason away.

Each item of the history, and the search, is left out in turn, and what was
answered is scored again: what an item loses most by is its reason. So a reason
is what it says, whatever the model looks like inside.
"""

import typing
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from models.index.allowed import LOWEST
from models.requests import HISTORY_NAMES, pack_history
from models.serving_graph.item_table import ItemTable

EXPLAIN = "explain"
OUTPUTS = ("reasons", "evidence", "explanations")
# Of the history: the latest distinct items that may be a reason.
_MOST_ITEMS = 20
# Share of its score that an item has to lose by what is called its reason.
_LEAST_SHARE = 0.05
# Share of the items that are called popular: those chosen most.
_POPULAR = 0.05
_ITEMS, _EVENTS = HISTORY_NAMES[:2]
_DONE = {"buy": "购买", "cart": "加购", "favorite": "收藏", "click": "点击"}
_SEEN = "浏览"


class Page(typing.NamedTuple):
    """What is answered, and how its order came about.

    Attributes:
      rows: int32 [B, k], -1 where a slot is empty.
      ranking_weight: float32 [B], what the score of the ranking counts.
      search_share: float32 [B, k], what the text of the search added.
    """

    rows: tf.Tensor
    ranking_weight: tf.Tensor
    search_share: tf.Tensor

    @classmethod
    def ranked(cls, rows: tf.Tensor) -> "Page":
        """Returns a page that the ranking alone has put in order."""
        return cls(
            rows,
            tf.ones_like(rows[:, 0], tf.float32),
            tf.zeros_like(rows, tf.float32),
        )


Rank = Callable[[dict, tf.Tensor, tf.Tensor], tf.Tensor]


class Explanations(tf.Module):
    """Finds the reasons, and says them in Chinese."""

    def __init__(
        self,
        table: ItemTable,
        choices: np.ndarray,
        lookup: Callable[[tf.Tensor], tf.Tensor],
        max_history: int,
    ):
        """Notes which items are popular, and which nobody has chosen.

        Args:
          table: Names the items.
          choices: float32 [N], how often training saw each chosen.
          lookup: Item ids to rows.
          max_history: Steps of a history that are read.
        """
        super().__init__(name="explanations")
        self.table = table
        self._lookup = lookup
        self._max_history = max_history
        chosen = choices[choices > 0]
        bound = np.quantile(chosen, 1 - _POPULAR) if len(chosen) else np.inf
        reason = np.where(choices >= bound, b"popular", b"general")
        reason = np.where(choices == 0, b"unseen", reason).tolist()
        self.without = tf.Variable(reason, trainable=False, name="without")

    def explain(
        self,
        asked: tf.Tensor,
        request: dict[str, tf.Tensor],
        text: tf.Tensor,
        page: Page,
        rank: Rank,
    ) -> dict[str, tf.Tensor]:
        """Gives the reason of each item of the pages that asked for it.

        Args:
          asked: bool [B].
          request: The tensors of `REQUEST`, as they were sent: where an item
            of a long history is left out, an older one is read.
          text: float32 [B, t], the encoded search.
          page: What is answered.
          rank: Scores float32 [M, k] of requests, texts and rows.

        Returns:
          `reasons` string [B, k]: `history`, `search`, `popular`, `unseen` or
          `general`; `evidence`, the item of the history or the search; and
          `explanations`, a sentence. All "" where not asked, or no item.
        """
        which = tf.where(asked)[:, 0]

        def find():
            chosen = tf.nest.map_structure(
                lambda value: tf.gather(value, which), (request, text, page)
            )
            # One after the other: each is some twenty requests.
            found = tf.map_fn(
                lambda one: self._explain_one(one[0], one[1], one[2], rank),
                chosen,
                fn_output_signature=dict.fromkeys(
                    OUTPUTS, tf.TensorSpec([None], tf.string)
                ),
                parallel_iterations=1,
            )
            place = tf.maximum(tf.cumsum(tf.cast(asked, tf.int32)) - 1, 0)
            shown = asked[:, tf.newaxis] & (page.rows >= 0)
            return {
                name: tf.where(shown, tf.gather(value, place), "")
                for name, value in found.items()
            }

        empty = tf.fill(tf.shape(page.rows), "")
        found = tf.cond(
            tf.reduce_any(asked), find, lambda: dict.fromkeys(OUTPUTS, empty)
        )
        return {
            name: tf.ensure_shape(value, [None, None])
            for name, value in found.items()
        }

    def _explain_one(self, request, text, page, rank):
        items, lost, least = self._losses(request, text, page, rank)
        # The last row is that of the search.
        best = tf.argmax(lost, axis=0, output_type=tf.int32)
        is_lost = tf.reduce_max(lost, axis=0) > least
        by_search = is_lost & (best == tf.size(items))
        by_item = is_lost & ~by_search
        items = tf.concat([items, [""]], 0)
        item = tf.gather(items, best)
        reason = tf.gather(self.without, tf.maximum(page.rows, 0))
        reason = tf.where(by_item, "history", reason)
        reason = tf.where(by_search, "search", reason)
        sentence = self._say_item(request, item, page.rows)
        sentence = tf.where(
            by_search,
            tf.strings.join(["与您搜索的「", request["query"], "」相符"]),
            sentence,
        )
        for name, said in (
            ("popular", "热门商品，近来许多人选择"),
            ("unseen", "还少有人发现的商品"),
            ("general", "为您推荐"),
        ):
            sentence = tf.where(reason == name, said, sentence)
        evidence = tf.where(by_item, item, "")
        evidence = tf.where(by_search, request["query"], evidence)
        return dict(zip(OUTPUTS, (reason, evidence, sentence), strict=True))

    def _say_item(self, request, item, rows):
        """Says of items string [k] what was done with them."""
        same = request[_ITEMS] == item[:, tf.newaxis]
        done = tf.fill(tf.shape(item), _SEEN)
        # The deepest comes last, and stays.
        for event, word in reversed(_DONE.items()):
            did = tf.reduce_any(same & (request[_EVENTS] == event), axis=1)
            done = tf.where(did, word, done)
        row = self._rows_of(item)
        title = tf.gather(self.table.titles, tf.maximum(row, 0))
        title = tf.where(title == "", item, title)
        this = item == tf.gather(self.table.item_ids, tf.maximum(rows, 0))
        return tf.where(
            this,
            tf.strings.join(["您", done, "过这件商品"]),
            tf.strings.join(["因为您", done, "过「", title, "」"]),
        )

    def _losses(self, request, text, page, rank):
        """Scores a page without each reason.

        Returns:
          The latest distinct items of the history, string [S]; what the
          page's items lose without each, and without the search, float32
          [S + 1, k]; and what they have to lose for a reason, float32 [k].
        """
        history = request[_ITEMS]
        known = self._rows_of(history) >= 0
        read = tf.boolean_mask(history, known)[::-1][: self._max_history]
        # `unique` keeps the order in which they come.
        items = tf.unique(read).y[:_MOST_ITEMS]
        left_out = tf.concat([items, ["", ""]], 0)
        number = tf.size(left_out)
        repeated = {
            name: tf.repeat(value[tf.newaxis], number, axis=0)
            for name, value in request.items()
        }
        # The last but one has no search, the last one everything.
        searches = tf.range(number) != number - 2
        repeated["query"] = tf.where(searches, repeated["query"], "")
        keep = known & (history != left_out[:, tf.newaxis])
        scores = rank(
            pack_history(repeated, keep, self._max_history),
            tf.where(searches[:, tf.newaxis], text, 0.0),
            tf.repeat(page.rows[tf.newaxis], number, axis=0),
        )
        lost = (scores[-1] - scores[:-1]) * page.ranking_weight
        by_search = lost[-1:] + page.search_share
        by_search = tf.where(request["query"] != "", by_search, LOWEST)
        least = _LEAST_SHARE * tf.abs(scores[-1]) * page.ranking_weight
        return items, tf.concat([lost[:-1], by_search], 0), least

    def _rows_of(self, item_ids):
        return tf.ensure_shape(self._lookup(item_ids), [None])
