"""What XLA and a TPU are given: the whole train step, at fixed shapes."""

import dataclasses

import pytest
import tensorflow as tf

from models.settings import TrainingSettings
from models.training import fitting
from tests.models.conftest import MODEL
from tests.models.training.shop_model import ShopModel
from tests.slow import slow

SETTINGS = dataclasses.replace(MODEL, dropout=0.1)
COMPILED = TrainingSettings(
    sequence_batch=8, ranking_batch=16, jit_compile=True
)
# Its results are lists of axes for a sum, which the compiler works out; they
# are as long as the shapes say.
_OF_AXES = {"BroadcastGradientArgs"}


def graphs(graph, found):
    """Collects a graph and all functions that it calls."""
    for operation in graph.get_operations():
        for attribute in operation.node_def.attr.values():
            names = [
                attribute.func.name,
                *(f.name for f in attribute.list.func),
            ]
            for name in filter(None, names):
                called = graph._get_function(name)
                if called is not None and name not in found:
                    found[name] = called.graph
                    graphs(called.graph, found)
    return found


def not_for_a_compiler(function):
    """Lists operations with strings, or with shapes that depend on data."""
    found = set()
    for graph in graphs(function.graph, {"": function.graph}).values():
        for operation in graph.get_operations():
            for value in operation.outputs:
                if value.dtype == tf.string:
                    found.add(("string", operation.type))
                elif (
                    value.dtype != tf.resource
                    and not value.shape.is_fully_defined()
                    and operation.type not in _OF_AXES
                ):
                    found.add(("shape", operation.type))
    return found


@pytest.fixture(
    scope="module",
    params=["full", pytest.param("sampled in float16", marks=slow)],
)
def step(request, tiny_shop, tmp_path_factory):
    """A compiled step of a model, and batches of both tasks."""
    change = {
        "full": {},
        "sampled in float16": {
            "full_softmax_items": 0,
            "sampled_negatives": 8,
            "mixed_precision": True,
            "half_type": "float16",
        },
    }[request.param]
    training = dataclasses.replace(COMPILED, **change)
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(training.precision)
    try:
        shop = ShopModel(
            tiny_shop, SETTINGS, training, tmp_path_factory.mktemp("ids")
        )
        fitting._compile(shop.model, training)
        batches = fitting._batches(shop.sequences, 40, 8, training)
        # No embeddings yet: the first loss makes them.
        both = {
            "sequences": next(iter(batches)),
            "ranking": next(iter(shop.ranking)),
        }
        shop.model.compute_loss(both)
        yield tf.function(shop.model.train_step, jit_compile=True), both
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


def test_the_whole_step_has_fixed_shapes_and_no_strings(step):
    function, both = step
    concrete = function.get_concrete_function(both)
    assert not_for_a_compiler(concrete) == set()
    everything = graphs(concrete.graph, {"": concrete.graph}).values()
    kinds = {o.type for g in everything for o in g.get_operations()}
    # It is the whole step: both losses, gradients and the optimiser's.
    assert {"ResourceGather", "UnsortedSegmentSum"} <= kinds
    assert {"AssignSubVariableOp", "AssignVariableOp"} & kinds


def test_xla_compiles_it_and_it_learns(step):
    function, both = step
    compiled = function.experimental_get_compiler_ir(both)(stage="hlo")
    # XLA writes a dimension that is only bounded as `<=64`.
    assert "<=" not in compiled
    assert "custom-call" not in compiled
    losses = [float(function(both)["loss"]) for _ in range(12)]
    assert losses[-1] < losses[0]


def test_the_step_for_one_device_is_not_such_a_one(tiny_shop, tmp_path):
    """What is looked for above is found where it is."""
    training = dataclasses.replace(COMPILED, jit_compile=False)
    shop = ShopModel(tiny_shop, SETTINGS, training, tmp_path)
    fitting._compile(shop.model, training)
    batch = next(iter(fitting._batches(shop.sequences, 40, 8, training)))
    plain = tf.function(shop.model.train_step)
    found = not_for_a_compiler(
        plain.get_concrete_function({"sequences": batch})
    )
    assert ("shape", "Where") in found
    strings = tf.function(tf.strings.length)
    assert ("string", "Placeholder") in not_for_a_compiler(
        strings.get_concrete_function(tf.constant(["商品"]))
    )
