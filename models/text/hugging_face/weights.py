"""A checkpoint's tensors as the network of `models.text.bert`."""

import typing

import numpy as np

from models.text.bert import (
    CLS,
    MEAN,
    POOLER,
    BertEncoder,
    DenseEmbedding,
    LayerWeights,
)
from models.text.hugging_face.config import NetworkConfig
from models.text.hugging_face.tensor_files import Tensors
from schema.errors import DataError

POOLINGS = (POOLER, CLS, MEAN)

_WORDS = "embeddings.word_embeddings.weight"
_POOLER = "pooler.dense"
# Numbers 0, 1, 2 … that old checkpoints keep beside the position table.
_POSITION_IDS = "embeddings.position_ids"
# Names of a layer norm's scale and offset, today's and TensorFlow's.
_NORMS = (("weight", "bias"), ("gamma", "beta"))


def has_pooler(tensors: Tensors) -> bool:
    """Whether BERT's own pooler was saved."""
    return f"{_prefix(tensors)}{_POOLER}.weight" in tensors


def build(
    tensors: Tensors,
    config: NetworkConfig,
    *,
    pooling: str,
    unit_length: bool,
    rows: np.ndarray | None = None,
) -> tuple[BertEncoder, tuple[str, ...]]:
    """Makes the network.

    Args:
      tensors: Of the checkpoint.
      config: Its sizes.
      pooling: What `pooled_output` is, one of `POOLINGS`.
      unit_length: Whether `cls` and `mean` are scaled to length 1.
      rows: Rows of the word embedding to keep, in the order of the token ids;
        None for all.

    Returns:
      The network, and the names of tensors that it has no use for: heads of
      other tasks, and a pooler that the pooling leaves out.

    Raises:
      DataError: A tensor is missing, has another shape than the config says,
        or is a part of the encoder that is not known.
    """
    prefix = _prefix(tensors)

    def vector(name: str, *shape: int) -> np.ndarray:
        return tensors.take(prefix + name, shape)

    def dense(name: str, inputs: int, outputs: int):
        kernel = vector(f"{name}.weight", outputs, inputs)
        return kernel.T, vector(f"{name}.bias", outputs)

    def norm(name: str):
        names = next(
            (pair for pair in _NORMS if f"{prefix}{name}.{pair[0]}" in tensors),
            _NORMS[0],
        )
        scale, offset = (
            vector(f"{name}.{part}", config.hidden) for part in names
        )
        return scale, offset

    hidden, wide = config.hidden, config.feed_forward

    def layer(number: int) -> LayerWeights:
        name = f"encoder.layer.{number}"
        kernels, biases = zip(
            *(
                dense(f"{name}.attention.self.{part}", hidden, hidden)
                for part in ("query", "key", "value")
            ),
            strict=True,
        )
        return LayerWeights(
            qkv=(np.concatenate(kernels, 1), np.concatenate(biases)),
            attention=dense(f"{name}.attention.output.dense", hidden, hidden),
            attention_norm=norm(f"{name}.attention.output.LayerNorm"),
            widen=dense(f"{name}.intermediate.dense", hidden, wide),
            narrow=dense(f"{name}.output.dense", wide, hidden),
            output_norm=norm(f"{name}.output.LayerNorm"),
        )

    words = vector(_WORDS, config.vocabulary, hidden)
    positions = vector(
        "embeddings.position_embeddings.weight", config.positions, hidden
    )
    encoder = BertEncoder(
        word_embedding=DenseEmbedding(words if rows is None else words[rows]),
        positions=positions[config.first_position :],
        types=vector(
            "embeddings.token_type_embeddings.weight", config.types, hidden
        ),
        embedding_norm=norm("embeddings.LayerNorm"),
        layers=[layer(number) for number in range(config.layers)],
        heads=config.heads,
        epsilon=config.epsilon,
        activation=config.activation,
        pooler=dense(_POOLER, hidden, hidden) if pooling == POOLER else None,
        pooling=pooling,
        unit_length=unit_length,
    )
    return encoder, _without_use(tensors, prefix)


def _prefix(tensors: Tensors) -> str:
    """Finds what stands before the encoder's names, `bert.` for instance."""
    found = [
        name.removesuffix(_WORDS)
        for name in tensors.names
        if name.endswith(_WORDS)
    ]
    if len(found) != 1:
        raise DataError(
            f"{_WORDS} stands {len(found)} times in the weights, which begin "
            f"with {', '.join(tensors.names[:3]) or 'nothing'}; allowed: once"
        )
    return found[0]


def _without_use(tensors: Tensors, prefix: str) -> tuple[str, ...]:
    left: typing.Final = tensors.left
    parts = (f"{prefix}embeddings.", f"{prefix}encoder.")
    for name in left:
        if name.startswith(parts) and name != prefix + _POSITION_IDS:
            raise DataError(
                f"the weights hold {name}, which config.json does not speak "
                "of or which is no part of BERT; allowed: folders whose "
                "files belong together"
            )
    return left
