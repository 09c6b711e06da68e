"""Writes text encoders as SavedModels with TF-Hub's text interface.

The interface is that of the collection behind
https://www.tensorflow.org/hub/common_saved_model_apis/text: a preprocess
model with `tokenize` and `bert_pack_inputs`, and an encoder that takes their
dictionary. Its objects are `tf.train.Checkpoint`s, because
`hub.KerasLayer(trainable=True)` wants `trainable_variables`, `variables` and
`regularization_losses` as attributes, which a `tf.Module` cannot be given.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable

import tensorflow as tf

from models.text.bert import BertEncoder
from models.text.resolve import DESCRIPTION_PATH

INPUTS = ("input_word_ids", "input_mask", "input_type_ids")
# Tokens that packing adds: one at the start, one at the end.
NUM_ADDED = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """Vocabulary size and the ids that packing writes."""

    vocab_size: int
    start: int
    end: int
    padding: int


def export_preprocess(
    path: pathlib.Path,
    *,
    tokenize: Callable[[tf.Tensor], tf.RaggedTensor],
    tokenizer: object,
    tokens: SpecialTokens,
    seq_length: int,
) -> None:
    """Writes a preprocess model; sequences are as long as the batch needs.

    Only core ops and the tokenizer's own are in it, so that a stock
    TensorFlow Serving loads it.

    Args:
      path: Folder to write.
      tokenize: string [batch] to int32 ids, ragged [batch, (tokens)] or
        [batch, (words), (tokens)].
      tokenizer: What holds the tokenizer's tables and models.
      tokens: Special tokens.
      seq_length: Longest sequence where the caller names none.
    """

    @tf.function(autograph=False)
    def pack(segments, seq_length=seq_length):
        (segment,) = segments
        if segment.ragged_rank == 2:
            segment = segment.merge_dims(1, 2)
        segment = segment[:, : tf.maximum(seq_length - NUM_ADDED, 0)]
        column = tf.ones([segment.nrows(), 1], tf.int32)
        packed = tf.concat(
            [column * tokens.start, segment, column * tokens.end], axis=1
        )
        shape = tf.stack([-1, seq_length])
        ids = packed.to_tensor(tokens.padding, shape=shape)
        mask = tf.ones_like(packed).to_tensor(0, shape=shape)
        ids, mask = (tf.ensure_shape(x, [None, None]) for x in (ids, mask))
        return {
            "input_word_ids": ids,
            "input_mask": mask,
            "input_type_ids": tf.zeros_like(ids),
        }

    for rank in (1, 2):
        pack.get_concrete_function(
            [tf.RaggedTensorSpec([None] * (rank + 1), tf.int32, rank)],
            seq_length=tf.TensorSpec([], tf.int32),
        )
    text = tf.TensorSpec([None], tf.string, name="text")
    tokenize_fn = tf.function(tokenize, input_signature=[text])

    @tf.function(input_signature=[text], autograph=False)
    def preprocess(text):
        ids = tokenize_fn(text)
        lengths = ids.merge_dims(1, 2) if ids.ragged_rank == 2 else ids
        longest = tf.reduce_max(
            tf.concat([[0], tf.cast(lengths.row_lengths(), tf.int32)], 0)
        )
        return pack([ids], tf.minimum(longest + NUM_ADDED, seq_length))

    @tf.function(input_signature=[])
    def special_tokens():
        return {
            "vocab_size": tf.constant(tokens.vocab_size),
            "start_of_sequence_id": tf.constant(tokens.start),
            "end_of_segment_id": tf.constant(tokens.end),
            "padding_id": tf.constant(tokens.padding),
        }

    root = _callable(preprocess)
    root.tokenize = _callable(tokenize_fn)
    root.tokenize.tokenizer = tokenizer
    root.tokenize.get_special_tokens_dict = special_tokens
    root.bert_pack_inputs = _callable(pack)
    tf.saved_model.save(root, str(path))


def export_encoder(
    path: pathlib.Path, encoder: BertEncoder, description: dict | None = None
) -> None:
    """Writes an encoder model, and how it wants to be used beside it.

    Args:
      path: Folder to write.
      encoder: The network.
      description: Goes to `DESCRIPTION_PATH`, with the network's outline; see
        `models.text.resolve`.
    """
    spec = {
        name: tf.TensorSpec([None, None], tf.int32, name=name)
        for name in INPUTS
    }

    # One function, so that the graph is written once and not for each caller.
    forward = tf.function(
        encoder.__call__, input_signature=[spec], autograph=False
    )

    # Hub layers pass `training`; there is no dropout, so it changes nothing.
    @tf.function(autograph=False)
    def encode(inputs, training=False):
        return forward(inputs)

    for training in (True, False):
        encode.get_concrete_function(spec, training=training)

    @tf.function(autograph=False)
    def serve(**inputs):
        outputs = forward(inputs)
        return {
            name: outputs[name]
            for name in ("pooled_output", "default", "sequence_output")
        }

    root = _callable(encode)
    root.model = encoder
    root.variables = list(encoder.variables)
    root.trainable_variables = list(encoder.trainable_variables)
    tf.saved_model.save(
        root,
        str(path),
        signatures={"serving_default": serve.get_concrete_function(**spec)},
    )
    if description is not None:
        outline = dataclasses.asdict(encoder.outline)
        description = {**description, "outline": outline}
        target = path / DESCRIPTION_PATH
        target.parent.mkdir(exist_ok=True)
        target.write_text(
            json.dumps(description, ensure_ascii=False, indent=1) + "\n",
            encoding="utf-8",
        )


def _callable(function) -> tf.train.Checkpoint:
    root = tf.train.Checkpoint()
    root.__call__ = function
    root.variables = []
    root.trainable_variables = []
    root.regularization_losses = []
    return root
