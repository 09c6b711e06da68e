"""A real TFMA evaluation of a tiny model whose figures can be worked out."""

import numpy as np
import pytest
import tensorflow as tf


class Heads(tf.Module):
    """Says the example's own feature to one head and a constant to another."""

    def __init__(self, names):
        super().__init__()
        self.names = tuple(names)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(
            examples, {"chance": tf.io.FixedLenFeature([], tf.float32)}
        )
        chance = parsed["chance"]
        heads = {"click": chance, "buy": tf.fill(tf.shape(chance), 0.25)}
        return {name: heads[name] for name in self.names}


def _example(chance, label, weight, device):
    def number(value):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))

    def text(value):
        value = [value.encode()]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=value))

    features = {
        "chance": number(chance),
        "label_click": number(label),
        "label_buy": number(0.0),
        "weight": number(weight),
        "device": text(device),
        "scene": text("首页"),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


@pytest.fixture(scope="session")
def columns():
    rng = np.random.default_rng(0)
    chance = rng.random(300).astype(np.float32)
    return {
        "chance": chance,
        "label": (rng.random(300) < chance).astype(np.float32),
        "weight": rng.integers(1, 4, 300).astype(np.float32),
        "device": np.array(["ios", "web", ""])[np.arange(300) % 3],
    }


@pytest.fixture(scope="session")
def evaluate(tmp_path_factory, columns):
    """Returns a function: names of heads → folder of their evaluation."""
    import tensorflow_model_analysis as tfma

    from components.quality_gate.ranking_metrics import eval_config

    def run(heads):
        folder = tmp_path_factory.mktemp("evaluation")
        data = str(folder / "examples.gz")
        with tf.io.TFRecordWriter(data, "GZIP") as writer:
            for row in zip(*columns.values(), strict=True):
                writer.write(_example(*row).SerializeToString())
        model = Heads(heads)
        model_dir = str(folder / "model")
        tf.saved_model.save(
            model, model_dir, signatures={"serving_default": model.serve}
        )
        config = eval_config(heads)
        tfma.run_model_analysis(
            eval_shared_model=tfma.default_eval_shared_model(
                model_dir, eval_config=config
            ),
            eval_config=config,
            data_location=data,
            output_path=str(folder / "out"),
        )
        return str(folder / "out")

    return run


@pytest.fixture(scope="session")
def evaluation_dir(evaluate):
    return evaluate(["click", "buy"])
