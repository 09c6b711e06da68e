import numpy as np

from benchmarks.matmul import Network, dense_flops

SMALL = Network(layers=2, hidden=4, feed_forward=8)


def test_flops_by_hand():
    # A token: 4x12, 4x4, 4x8 and 8x4 are 128 terms, so 256 operations.
    assert dense_flops(SMALL, 1) == 256
    # A text of 3: 9 logits of 4 terms, 3 mixed vectors of 4 x 3 terms.
    attention = 2 * (9 * 4 + 3 * 4 * 3)
    assert SMALL.flops(np.array([3])) == 2 * (3 * 256 + attention)
    assert SMALL.flops(np.array([3, 3, 1])) == 2 * (
        7 * 256 + 2 * attention + 2 * (4 + 4)
    )


def test_flops_are_those_that_tensorflow_counts():
    """TensorFlow's own count of the small BERT's matrix products."""
    import tensorflow as tf
    from tensorflow.python.profiler import model_analyzer, option_builder

    from tests.encoders import HIDDEN, tiny_bert

    bert = tiny_bert()
    length = 5
    row = np.full((1, length), 4, np.int32)
    inputs = {
        "input_word_ids": row,
        "input_mask": np.ones_like(row),
        "input_type_ids": np.zeros_like(row),
    }
    function = tf.function(bert.__call__).get_concrete_function(
        {name: tf.constant(value) for name, value in inputs.items()}
    )
    options = (
        option_builder.ProfileOptionBuilder(
            option_builder.ProfileOptionBuilder.float_operation()
        )
        .with_empty_output()
        .build()
    )
    counted = model_analyzer.profile(function.graph, options=options)
    network = Network(layers=2, hidden=HIDDEN, feed_forward=4 * HIDDEN)
    pooler = 2 * HIDDEN**2
    products = sum(
        node.total_float_ops
        for node in counted.children
        if "MatMul" in node.name
    )
    assert products == network.flops(np.array([length])) + pooler
