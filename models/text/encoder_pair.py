"""Two encoders whose vectors share a space: one of items, one of queries.

A shop's items are encoded once and may take a large encoder's time; queries
are encoded while somebody waits, by a student of it.
"""

import tensorflow as tf

from models.text.hub import TextEncoder
from models.text.resolve import Description, EncoderPaths
from schema.errors import DataError


class EncoderPair(tf.Module):
    """Stands where one `TextEncoder` stands, and asks one of two by role."""

    def __init__(self, items: TextEncoder, queries: TextEncoder):
        """Checks that both give vectors of one space.

        Raises:
          DataError: They do not; see `check_space`.
        """
        super().__init__(name="text_encoders")
        check_space(items.paths, queries.paths)
        if items.dimension != queries.dimension:
            raise DataError(
                f"the encoder of queries {queries.paths.encoder} gives "
                f"{queries.dimension} numbers; allowed: {items.dimension}, as "
                f"the encoder of items {items.paths.encoder} gives"
            )
        self.items, self.queries = items, queries

    def encode_distinct(self, texts, role: str = "query"):
        """Encodes texts as `TextEncoder.encode_distinct` does."""
        encoder = self.items if role == "item" else self.queries
        return encoder.encode_distinct(texts, role=role)


def check_space(items: EncoderPaths, queries: EncoderPaths) -> None:
    """Checks by their descriptions that two encoders share a space.

    Raises:
      DataError: The lengths of their vectors differ, or the encoder of
        queries is a student of another encoder than that of items, or of
        none.
    """
    of_items = Description.read(items.encoder)
    of_queries = Description.read(queries.encoder)
    if (
        of_items.dimension
        and of_queries.dimension
        and of_items.dimension != of_queries.dimension
    ):
        raise DataError(
            f"the encoder of queries {queries.encoder} gives "
            f"{of_queries.dimension} numbers; allowed: {of_items.dimension}, "
            f"as the encoder of items {items.encoder} gives"
        )
    if of_queries.teacher != (digest := items.digest()):
        raise DataError(
            f"the encoder of queries {queries.encoder} learnt from "
            f"{of_queries.teacher[:12] or 'no other encoder'}; allowed: a "
            f"student of the encoder of items {items.encoder}, which is "
            f"{digest[:12]}; `daogou encoder distil` makes one"
        )
