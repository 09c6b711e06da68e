"""Trains the sequence model, and asks it."""

import time

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from applications.intent import tallies, windows
from applications.intent.content import Content
from applications.intent.network import IntentNetwork
from applications.intent.settings import IntentSettings
from applications.intent.steps import UNKNOWN, Labels, Steps
from applications.intent.windows import Windows

_LEAST_GAIN = 1e-4
_ASKED = 128
_TINY = 1e-6


def fit(
    steps: Steps,
    labels: Labels,
    content: Content,
    settings: IntentSettings,
    until: int,
) -> tuple[IntentNetwork, dict]:
    """Trains on steps before a time; users held out tell when to stop.

    Args:
      steps: With questions.
      labels: Made with the same `until`, so that none looks beyond it.
      content: What items and searches are.
      settings: How.
      until: Unix seconds; later steps are not read.

    Returns:
      The network of the best pass, and what was done: `epochs`, `seconds`,
      `validation_loss`, `windows`.
    """
    tf.keras.utils.set_random_seed(settings.seed)
    kept = windows.cut(_before(steps, until), settings.length)
    # Steps keep their places only if what is left out stood behind them.
    place = np.flatnonzero(steps.time < until)
    held = held_out(steps, settings)
    owner = steps.user[place[kept.step[:, 0]]]
    train = kept.take(~held[owner])
    told = kept.take(held[owner])
    if not len(told.step) or not len(train.step):
        train = told = kept
    early = _before(steps, until)
    tallied = tallies.of_steps(early)
    known = Labels(labels.category[place], labels.bought[place])
    network = IntentNetwork(content, settings)
    optimizer = tf.keras.optimizers.Adam(settings.learning_rate, clipnorm=1.0)
    step = _step(network, optimizer)
    rng = np.random.default_rng(settings.seed)
    begun, best, weights, waited = time.monotonic(), np.inf, None, 0
    losses: list[float] = []
    while len(losses) < settings.max_epochs:
        order = rng.permutation(len(train.step))
        for start in range(0, len(order), settings.batch_size):
            rows = order[start : start + settings.batch_size]
            step(*_batch(early, tallied, known, train.take(rows)))
        loss = _loss_of(network, early, tallied, known, told)
        losses.append(loss)
        if weights is None or loss < best - _LEAST_GAIN:
            best, weights, waited = loss, network.get_weights(), 0
        else:
            waited += 1
        late = time.monotonic() - begun > settings.max_seconds
        if waited == settings.patience or late:
            break
    network.set_weights(weights)
    return network, {
        "windows": len(train.step),
        "epochs": len(losses),
        "seconds": round(time.monotonic() - begun, 1),
        "validation_loss": best,
    }


def held_out(steps: Steps, settings: IntentSettings) -> NDArray[np.bool_]:
    """Returns bool [users], those that tell when to stop."""
    rng = np.random.default_rng(settings.seed)
    return rng.random(len(steps.users)) < settings.validation_share


def ask(
    network: IntentNetwork,
    steps: Steps,
    wanted: NDArray[np.bool_],
    length: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Answers at some steps, each from what came before it alone.

    Args:
      network: Trained.
      steps: All of them.
      wanted: bool [steps].
      length: Of a window, as in training.

    Returns:
      Chances of the next category, float32 [wanted, categories + 1], and of
      buying within each horizon, float32 [wanted, horizons].
    """
    cut = windows.cut(steps, length)
    asked = cut.told & np.append(wanted, False)[cut.step]
    cut = Windows(cut.step, asked).take(asked.any(1))
    tallied = tallies.of_steps(steps)
    categories, buys, places = [], [], []
    for start in range(0, len(cut.step), _ASKED):
        part = cut.take(np.arange(start, min(start + _ASKED, len(cut.step))))
        given = windows.inputs(steps, tallied, part)
        logits, bought = network(
            {name: tf.constant(values) for name, values in given.items()}
        )
        categories.append(
            tf.nn.softmax(tf.boolean_mask(logits, part.told)).numpy()
        )
        buys.append(tf.boolean_mask(bought, part.told).numpy())
        places.append(part.step[part.told])
    order = np.argsort(np.concatenate(places))
    return np.concatenate(categories)[order], np.concatenate(buys)[order]


def _before(steps, until):
    kept = steps.time < until
    return Steps(
        steps.users,
        steps.user[kept],
        steps.row[kept],
        steps.kind[kept],
        steps.time[kept],
        steps.end,
    )


def _batch(steps, tallied, labels, part):
    given = windows.inputs(steps, tallied, part)
    told = part.told
    category = np.where(told, labels.category[part.step], UNKNOWN)
    bought = np.where(told[..., None], labels.bought[part.step], UNKNOWN)
    return (
        {name: tf.constant(values) for name, values in given.items()},
        tf.constant(category),
        tf.constant(bought),
    )


def _losses(network, inputs, category, bought, training):
    """Sums of losses and of what they are over: categories, then buys."""
    logits, chances = network(inputs, training=training)
    there = tf.cast(category >= 0, tf.float32)
    of_category = tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.maximum(category, 0), logits
    )
    known = tf.cast(bought >= 0, tf.float32)
    truth = tf.cast(tf.maximum(bought, 0), tf.float32)
    chances = tf.clip_by_value(chances, _TINY, 1 - _TINY)
    of_buys = -truth * tf.math.log(chances) - (1 - truth) * tf.math.log1p(
        -chances
    )
    return (
        tf.reduce_sum(of_category * there),
        tf.reduce_sum(there),
        tf.reduce_sum(of_buys * known),
        tf.reduce_sum(known),
    )


def _step(network, optimizer):
    @tf.function(reduce_retracing=True)
    def step(inputs, category, bought):
        with tf.GradientTape() as tape:
            a, n, b, m = _losses(network, inputs, category, bought, True)
            loss = tf.math.divide_no_nan(a, n)
            loss += tf.math.divide_no_nan(b, m)
        variables = network.trainable_variables
        gradients = tape.gradient(loss, variables)
        pairs = zip(gradients, variables, strict=True)
        optimizer.apply_gradients(
            (gradient, variable)
            for gradient, variable in pairs
            if gradient is not None
        )

    return step


def _loss_of(network, steps, tallied, labels, told):
    sums = np.zeros(4)
    for start in range(0, len(told.step), _ASKED):
        rows = np.arange(start, min(start + _ASKED, len(told.step)))
        given, category, bought = _batch(
            steps, tallied, labels, told.take(rows)
        )
        parts = _losses(network, given, category, bought, False)
        sums += [float(part) for part in parts]
    a, n, b, m = sums
    return float(a / max(n, 1) + b / max(m, 1))
