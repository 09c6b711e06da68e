"""Which items have the words of a query, wrong characters left aside.

An inverted index in core ops: characters of Chinese and whole words of other
scripts, alone and in pairs, hashed. A vector forgets a brand or a model name
that its encoder never learned, and a wrong character can turn it elsewhere;
the other characters of the query still stand in the title.
"""

import numpy as np
import tensorflow as tf

from models.text.characters import Folding

# Hash buckets of words; a shop's titles have fewer different ones.
_BUCKETS = 1 << 18
# Texts whose words are taken at once when the index is built.
_BATCH = 8192


class LexicalIndex(tf.Module):
    """Words to the rows whose text has them.

    Attributes:
      num_rows: N, rows of the index.
    """

    def __init__(self, texts: list[bytes]):
        """Indexes texts.

        Args:
          texts: N of them, UTF-8; what an item is found by.
        """
        super().__init__(name="lexical_index")
        self.num_rows = len(texts)
        self._fold = Folding()
        words, rows = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for start in range(0, len(texts), _BATCH):
            found = self._words(tf.constant(texts[start : start + _BATCH]))
            words.append(found.values.numpy())
            rows.append(start + found.value_rowids().numpy())
        # Each word of a text counts once.
        pairs = np.unique(
            np.concatenate(words) * max(self.num_rows, 1) + np.concatenate(rows)
        )
        word, row = np.divmod(pairs, max(self.num_rows, 1))
        count = np.bincount(word, minlength=_BUCKETS)
        self._rows = tf.Variable(
            row.astype(np.int32), trainable=False, name="rows"
        )
        self._ends = tf.Variable(
            np.r_[0, np.cumsum(count)], trainable=False, name="ends"
        )
        rarity = np.log1p(self.num_rows / np.maximum(count, 1))
        self._rarity = tf.Variable(
            rarity.astype(np.float32), trainable=False, name="rarity"
        )

    def score_all(self, queries: tf.Tensor) -> tf.Tensor:
        """Says which share of each query's words every row has.

        Words weigh by their rarity; one that no row has counts as the rarest.

        Args:
          queries: string [B].

        Returns:
          float32 [B, N], 0 to 1.
        """
        words = self._words(queries)
        query = words.value_rowids()
        weight = tf.gather(self._rarity, words.values)
        total = tf.math.unsorted_segment_sum(
            weight, query, tf.shape(queries, tf.int64)[0]
        )
        weight = tf.math.divide_no_nan(weight, tf.gather(total, query))
        places = tf.ragged.range(
            tf.gather(self._ends, words.values),
            tf.gather(self._ends, words.values + 1),
        )
        word = places.value_rowids()
        rows = tf.cast(tf.gather(self._rows, places.values), tf.int64)
        batch = tf.shape(queries, tf.int64)[0]
        scores = tf.math.unsorted_segment_sum(
            tf.gather(weight, word),
            tf.gather(query, word) * self.num_rows + rows,
            batch * self.num_rows,
        )
        return tf.reshape(scores, [-1, self.num_rows])

    def _words(self, texts):
        """Returns hashed words and pairs of neighbours, ragged int64 [B, W]."""
        texts = tf.strings.lower(self._fold(texts), "utf-8")
        texts = tf.strings.regex_replace(texts, r"[^\pL\pN]+", " ")
        texts = tf.strings.regex_replace(texts, r"(\p{Han})", r" \1 ")
        words = tf.strings.split(texts)
        pairs = tf.strings.ngrams(words, 2, separator="")
        both = tf.concat([words, pairs], axis=1)
        return both.with_values(
            tf.strings.to_hash_bucket_fast(both.values, _BUCKETS)
        )
