"""Models that nobody here trained, for a server that serves any SavedModel.

`python -m tests.serving.foreign_models DIR` writes them and their
configuration, so that a real TensorFlow Serving can serve the same ones:

    docker run -v DIR:DIR -p 8500:8500 -p 8501:8501 \\
      --entrypoint tensorflow_model_server tensorflow/serving:2.20.0 \\
      --rest_api_port=8501 --model_config_file=DIR/models.config \\
      --monitoring_config_file=DIR/monitoring.config \\
      --allow_version_labels_for_unavailable_models
    DAOGOU_TFS=localhost:8500 DAOGOU_TFS_MODELS=DIR \\
      pytest tests/serving/conformance
"""

import pathlib
import sys

import numpy as np
import tensorflow as tf

HALF, EXAMPLES, KERAS = "half_plus_two", "examples", "keras"
TEXTS = ["便宜", "中等", "贵"]

_THREE = tf.constant(3.0)
_floats = tf.TensorSpec([None], tf.float32, "x")


class HalfPlusTwo(tf.Module):
    """y = x / 2 + 2, and other signatures with inputs of all kinds."""

    def __init__(self, two: float = 2.0):
        super().__init__(name="half_plus_two")
        self.half = tf.Variable(0.5)
        self.two = tf.Variable(two)

    @tf.function(input_signature=[_floats])
    def half_plus_two(self, x):
        return {"y": self.half * x + self.two}

    @tf.function(input_signature=[_floats])
    def half_plus_three(self, x):
        return {"y": self.half * x + self.two + 1.0, "version": self.two * x}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32, "a"),
            tf.TensorSpec([None, None], tf.float32, "b"),
        ]
    )
    def add(self, a, b):
        return {"total": a + b, "rows": tf.reduce_sum(a + b, axis=1)}

    @tf.function(input_signature=[_floats, tf.TensorSpec([], tf.float32, "by")])
    def times(self, x, by=_THREE):
        return {"y": x * by}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def strings(self, text):
        return {
            "upper": tf.strings.upper(text, encoding="utf-8"),
            "raw_bytes": text,
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int32, "n32"),
            tf.TensorSpec([None], tf.int64, "n64"),
            tf.TensorSpec([None], tf.bool, "flag"),
            tf.TensorSpec([None], tf.float64, "wide"),
            tf.TensorSpec([None], tf.uint8, "small"),
            tf.TensorSpec([None], tf.float16, "half"),
        ]
    )
    def types(self, n32, n64, flag, wide, small, half):  # noqa: PLR0917
        return {
            "n32": n32 + 1,
            "n64": n64 + 1,
            "flag": tf.logical_not(flag),
            "wide": wide + 1,
            "small": small + tf.constant(1, tf.uint8),
            "half": half + tf.constant(1, tf.float16),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "rounds")])
    def slow(self, rounds):
        """Multiplies a matrix as often as the first number says."""
        matrix = tf.ones([100, 100])
        for _ in tf.range(rounds[0]):
            matrix = tf.matmul(matrix, matrix) * 1e-3
        return {"y": tf.reshape(tf.reduce_sum(matrix), [1])}

    @tf.function(input_signature=[_floats])
    def checked(self, x):
        with tf.control_dependencies(
            [tf.debugging.Assert(x[0] < 5, ["x must be below 5, but is", x])]
        ):
            return {"y": tf.identity(x)}

    @tf.function(input_signature=[_floats])
    def repeated(self, x):
        """Answers a long error."""
        text = tf.constant("长" * 700 + "x" * 700)
        with tf.control_dependencies([tf.debugging.Assert(x[0] < 5, [text])]):
            return {"y": tf.identity(x)}

    def signatures(self):
        return {
            "serving_default": self.half_plus_two,
            "half_plus_three": self.half_plus_three,
            "add": self.add,
            "times": self.times,
            "strings": self.strings,
            "types": self.types,
            "slow": self.slow,
            "checked": self.checked,
            "repeated": self.repeated,
        }


class FromExamples(tf.Module):
    """Classifies and regresses tf.Examples with a float `x`."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def classify(self, inputs):
        x = self._x(inputs)
        scores = tf.stack([1 - x, 0 * x + 0.25, x], axis=1)
        classes = tf.tile(tf.constant([TEXTS]), [tf.shape(x)[0], 1])
        return {"classes": classes, "scores": scores}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def scores_only(self, inputs):
        x = self._x(inputs)
        return {"scores": tf.stack([1 - x, x], axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def regress(self, inputs):
        return {"outputs": 0.5 * self._x(inputs) + 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def wide_regress(self, inputs):
        return {"outputs": tf.cast(self._x(inputs), tf.float64)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def context(self, inputs):
        parsed = tf.io.parse_example(
            inputs,
            {
                "x": tf.io.FixedLenFeature([], tf.float32),
                "c": tf.io.FixedLenFeature([], tf.float32),
            },
        )
        return {"outputs": parsed["x"] + 10 * parsed["c"]}

    def _x(self, inputs):
        return tf.io.parse_example(
            inputs, {"x": tf.io.FixedLenFeature([], tf.float32)}
        )["x"]

    def signatures(self):
        return {
            "serving_default": self.classify,
            "scores_only": self.scores_only,
            "regress": self.regress,
            "wide_regress": self.wide_regress,
            "context": self.context,
        }


def write_half(folder: pathlib.Path, two: float = 2.0) -> None:
    model = HalfPlusTwo(two)
    tf.saved_model.save(model, str(folder), signatures=model.signatures())


def write_examples(folder: pathlib.Path) -> None:
    model = FromExamples()
    tf.saved_model.save(model, str(folder), signatures=model.signatures())


def write_keras(folder: pathlib.Path) -> tf.keras.Model:
    tf.keras.utils.set_random_seed(5)
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Input([4], name="petals"),
            tf.keras.layers.Dense(8, activation="relu"),
            tf.keras.layers.Dense(3, activation="softmax", name="kind"),
        ]
    )
    model.export(str(folder))
    return model


def config(folder: pathlib.Path) -> str:
    """Returns the text of `models.config` for the models in a folder."""
    models = "".join(
        f"""
  config {{
    name: "{name}"
    base_path: "{folder / name}"
    model_platform: "tensorflow"
    model_version_policy {{ {policy} }}
  }}"""
        for name, policy in (
            (HALF, "all {}"),
            (EXAMPLES, "latest { num_versions: 1 }"),
            (KERAS, "specific { versions: 7 }"),
        )
    )
    return f"model_config_list {{{models}\n}}\n"


def write_all(folder: pathlib.Path) -> pathlib.Path:
    """Writes all models; returns the path of `models.config`."""
    write_half(folder / HALF / "1")
    write_half(folder / HALF / "00002", 3.0)
    write_examples(folder / EXAMPLES / "1")
    write_keras(folder / KERAS / "7")
    (folder / "monitoring.config").write_text(
        "prometheus_config { enable: true }", encoding="utf-8"
    )
    path = folder / "models.config"
    path.write_text(config(folder), encoding="utf-8")
    return path


def example(**features: float | int | str) -> tf.train.Example:
    """Returns a tf.Example with one value a feature."""
    found = tf.train.Example()
    for name, value in features.items():
        feature = found.features.feature[name]
        if isinstance(value, float):
            feature.float_list.value.append(value)
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        else:
            feature.bytes_list.value.append(value.encode())
    return found


def tensor(values, dtype=None) -> tf.make_tensor_proto:
    return tf.make_tensor_proto(np.asarray(values), dtype)


if __name__ == "__main__":
    print(write_all(pathlib.Path(sys.argv[1]).absolute()))
