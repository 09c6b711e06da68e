"""What the signatures of a servable take and give, for people."""

import dataclasses
import pathlib

import tensorflow as tf
from google.protobuf import message
from tensorflow.core.protobuf import saved_model_pb2

from schema.errors import DataError
from serving.op_libraries import SAVED_MODEL_FILE

# In the order in which they are shown.
SIGNATURES = {
    "recommend": "what a user may want next",
    "search": "what fits a query, the user's taste in mind",
    "similar": "items like an item",
    "rank": "given items in order for a user",
    "intent": "what a user is after: chances of items, likely categories",
    "classify": "chances of one item for each user, from tf.Examples",
    "regress": "the ranking score of one item for each user, from tf.Examples",
    "embed_query": "the vectors of requests",
    "embed_item": "the vectors of items",
    "campaigns": "campaigns that run, in order for a user",
}
INPUTS = {
    "history_item_ids": 'items of the last steps, oldest first, "" for none',
    "history_event_types": "what was done with each: view, click, cart, buy …",
    "history_queries": 'the search that led to each, "" for none',
    "history_timestamps": "when, Unix seconds",
    "timestamp": "as of when, Unix seconds",
    "query": "what is searched for",
    "scene": "where in the shop",
    "city": "where the user is",
    "device": "ios, android, web …",
    "gender": "as recorded",
    "age_band": "as recorded",
    "level": "membership level",
    "item_ids": "items that are asked about",
    "inputs": "tf.Examples: the features of a request, and item_id",
    "k": "how many items",
    "exclude_item_ids": "what must not come back",
    "only_item_ids": 'what alone may come back; "" stands for nothing',
    "only_categories": "paths, what is below them too",
    "only_brands": "any of these brands",
    "only_shops": "any of these shops",
    "only_campaigns": "any of these campaigns, by their ids",
    "min_price": "CNY; an item of unknown price fits no limit",
    "max_price": "CNY",
    "diversity": "0 by score alone, to 1, what is unlike the rest of the page",
    "max_per_category": "most items of one, 0 for any number",
    "max_per_brand": "most items of one, 0 for any number",
    "max_per_shop": "most items of one, 0 for any number",
    "explain": "whether to give reasons",
    "history_campaign_ids": 'campaigns seen or joined, oldest first, "" none',
    "history_campaign_types": "what was done: campaign_view, campaign_join",
    "exclude_campaign_ids": "what must not come back",
}
OUTPUTS = {
    "item_ids": 'best first, "" in slots that cannot be filled',
    "titles": "theirs",
    "categories": "their paths; of intent the likely ones, best first",
    "categories_inferred": "whether they were told from the words of an item",
    "prices": "CNY, -1 unknown",
    "scores": "what they are in order by, where a page is by score",
    "reasons": 'history, search, popular, unseen or general; "" if not asked',
    "evidence": "the item of the history, or the search, that an item needs "
    "most to be here",
    "explanations": "the same as a sentence",
    "category_chances": "that the next choice is of each, of what is retrieved",
    "classes": "the ranking heads",
    "outputs": "ranking scores",
    "vectors": "for dot products, queries with items",
    "known": "whether there is such an item",
    "campaign_ids": 'best first, "" in slots that cannot be filled',
    "kinds": "coupon, flash_sale, festival or other",
    "starts_at": "Unix seconds; 0 for one that has always been",
    "ends_at": "Unix seconds, the first after it; 0 for one without end",
}
_CHANCE = "p_"


@dataclasses.dataclass(frozen=True)
class Part:
    """An input or an output.

    Attributes:
      name: Its name.
      dtype: As TensorFlow calls it.
      shape: Sizes, None where any will do.
      required: Whether a client must send it; False for outputs.
      meaning: For people.
    """

    name: str
    dtype: str
    shape: list[int | None]
    required: bool
    meaning: str


@dataclasses.dataclass(frozen=True)
class Signature:
    """A signature.

    Attributes:
      name: Its name.
      meaning: For people.
      inputs: Those that must be sent first.
      outputs: By name.
    """

    name: str
    meaning: str
    inputs: list[Part]
    outputs: list[Part]


def read(folder: pathlib.Path) -> list[Signature]:
    """Reads the signatures of a SavedModel, without loading it.

    Raises:
      DataError: There is none.
    """
    try:
        text = (folder / SAVED_MODEL_FILE).read_bytes()
        graph = saved_model_pb2.SavedModel.FromString(text).meta_graphs[0]
    except (OSError, message.DecodeError, IndexError) as error:
        raise DataError(f"{folder} holds no SavedModel: {error}") from error
    found = [
        Signature(
            name=name,
            meaning=SIGNATURES.get(name, ""),
            inputs=sorted(
                _parts(definition.inputs, INPUTS, definition.defaults),
                key=lambda part: (not part.required, part.name),
            ),
            outputs=_parts(definition.outputs, OUTPUTS, definition.outputs),
        )
        for name, definition in graph.signature_def.items()
        if not name.startswith("__")
    ]
    order = [*SIGNATURES]
    return sorted(
        found,
        key=lambda one: order.index(one.name) if one.name in order else 99,
    )


def _parts(tensors, meanings, optional) -> list[Part]:
    return [
        Part(
            name=name,
            dtype=tf.as_dtype(info.dtype).name,
            shape=[
                None if dim.size < 0 else dim.size
                for dim in info.tensor_shape.dim
            ],
            required=name not in optional,
            meaning=_meaning(name, meanings),
        )
        for name, info in sorted(tensors.items())
    ]


def _meaning(name: str, meanings: dict[str, str]) -> str:
    if meanings is OUTPUTS and name.startswith(_CHANCE):
        return f"chance of {name.removeprefix(_CHANCE)}"
    return meanings.get(name, "")
