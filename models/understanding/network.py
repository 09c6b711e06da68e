"""The network that tells leaf categories apart, and its calibration."""

import dataclasses

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.understanding.ngrams import Bags
from models.understanding.settings import ClassifierSettings

# How much each head's logits count, tried on items held out.
_STRENGTHS = (0.0, *np.geomspace(0.25, 8.0, 16))
_BATCH = 1024
_LEAST_GAIN = 1e-3


class LeafNetwork(tf.keras.Model):
    """Two softmax regressions: on n-grams, and on the text's vector.

    Each is trained by a loss of its own and their logits are added, weighted
    (late fusion): trained as one, the n-grams explain all that training shows
    and the vectors learn little of what they know about words never seen.

    Args:
      num_ngrams: That it knows.
      num_classes: Leaves.
      dimension: Of the vectors; with 0 there are none, and that head says
        nothing.
    """

    def __init__(self, num_ngrams: int, num_classes: int, dimension: int):
        super().__init__(name="leaf_network")
        self.ngrams = self.add_weight(
            name="ngrams", shape=[num_ngrams, num_classes], initializer="zeros"
        )
        self.bias = self.add_weight(
            name="bias", shape=[num_classes], initializer="zeros"
        )
        self.reads_vectors = dimension > 0
        self.vectors = tf.keras.layers.Dense(
            num_classes, kernel_initializer="zeros", name="vectors"
        )
        if self.reads_vectors:
            self.vectors.build([None, dimension])

    def call(self, inputs: dict) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the logits of both heads, float32 [rows, classes].

        Args:
          inputs: `vectors` float32 [rows, d], `indices` int64 [entries, 2] of
            rows and n-grams, and `values` float32 [entries].
        """
        rows = tf.shape(inputs["vectors"], tf.int64)[0]
        words = tf.SparseTensor(
            inputs["indices"],
            inputs["values"],
            [rows, self.ngrams.shape[0]],
        )
        summed = tf.sparse.sparse_dense_matmul(words, self.ngrams)
        if not self.reads_vectors:
            return summed + self.bias, tf.zeros_like(summed)
        return summed + self.bias, self.vectors(inputs["vectors"])


@dataclasses.dataclass(frozen=True)
class Texts:
    """What the network reads of items.

    Attributes:
      titles: N-grams of titles, as `ngrams.Known.read` gives them.
      whole: The same of title and description.
      vectors: float32 [items, d], of the text encoder, scaled.
    """

    titles: Bags
    whole: Bags
    vectors: NDArray[np.float32]

    def take(self, rows: NDArray[np.int64]) -> "Texts":
        """Returns some rows."""
        return Texts(
            self.titles.take(rows), self.whole.take(rows), self.vectors[rows]
        )


def fit(
    texts: Texts,
    labels: NDArray[np.int64],
    num_ngrams: int,
    num_classes: int,
    settings: ClassifierSettings,
) -> tuple[LeafNetwork, tuple[float, float]]:
    """Trains on most items, stops and calibrates on those held out.

    Args:
      texts: Of all items.
      labels: int64 [items], their class.
      num_ngrams: How many are known.
      num_classes: How many leaves there are.
      settings: How.

    Returns:
      The network, and what the logits of its heads are multiplied by so that
      their softmax is as likely as can be: temperature scaling (Guo et al.
      2017, https://arxiv.org/abs/1706.04599) with a temperature a head.
    """
    tf.keras.utils.set_random_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    order = rng.permutation(len(labels))
    held = max(1, round(settings.validation_share * len(labels)))
    train, validation = order[held:], texts.take(order[:held])
    told = labels[order[:held]]
    dimension = texts.vectors.shape[1]
    network = LeafNetwork(num_ngrams, num_classes, dimension)
    step = _step(network, tf.keras.optimizers.Adam(settings.learning_rate))
    best, weights, waited = np.inf, None, 0
    for _ in range(settings.max_epochs):
        rng.shuffle(train)
        for start in range(0, len(train), settings.batch_size):
            rows = train[start : start + settings.batch_size]
            part = texts.take(rows)
            described = rng.random(len(rows)) < settings.description_share
            step(
                _inputs(_mixed(part, described), part.vectors),
                tf.constant(labels[rows]),
            )
        loss = sum(_loss(head, told) for head in score(network, validation))
        if weights is None or loss < best - _LEAST_GAIN:
            best, weights, waited = loss, network.get_weights(), 0
        else:
            waited += 1
            if waited == settings.patience:
                break
    network.set_weights(weights)
    return network, calibrate(score(network, validation), told)


def calibrate(
    heads: tuple[NDArray[np.float32], NDArray[np.float32]],
    labels: NDArray[np.int64],
) -> tuple[float, float]:
    """Chooses how much each head's logits count, by the log loss.

    Args:
      heads: Logits of both, [items, classes].
      labels: int64 [items], of items that training did not see.
    """
    tried = [
        (_loss(words * heads[0] + meaning * heads[1], labels), words, meaning)
        for words in _STRENGTHS
        for meaning in _STRENGTHS
    ]
    _, words, meaning = min(tried)
    return float(words), float(meaning)


def score(
    network: LeafNetwork, texts: Texts
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns both heads' logits [items, classes]; descriptions are read."""
    found: tuple[list, list] = ([], [])
    for start in range(0, max(len(texts.vectors), 1), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(texts.vectors)))
        part = texts.take(rows)
        heads = network(_inputs(part.whole, part.vectors))
        for head, logits in zip(found, heads, strict=True):
            head.append(logits.numpy())
    return np.concatenate(found[0]), np.concatenate(found[1])


def _step(network, optimizer):
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function(reduce_retracing=True)
    def step(inputs, labels):
        with tf.GradientTape() as tape:
            loss = sum(loss_of(labels, logits) for logits in network(inputs))
        variables = network.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    return step


def _mixed(texts, described):
    """Takes the whole text of some rows, the title of the others."""
    titles, whole = texts.titles, texts.whole
    both = Bags(
        np.concatenate([titles.starts, titles.starts[-1] + whole.starts[1:]]),
        np.concatenate([titles.buckets, whole.buckets]),
        np.concatenate([titles.counts, whole.counts]),
    )
    return both.take(np.arange(len(described)) + len(described) * described)


def _inputs(bags, vectors):
    return {
        "vectors": tf.constant(vectors),
        "indices": tf.constant(np.stack([bags.rows, bags.buckets], 1)),
        "values": tf.constant(bags.counts),
    }


def _loss(logits, labels):
    scaled = logits - logits.max(1, keepdims=True)
    told = scaled[np.arange(len(labels)), labels]
    return float(np.mean(np.log(np.exp(scaled).sum(1)) - told))
