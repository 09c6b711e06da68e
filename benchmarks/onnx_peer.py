"""ONNX Runtime on the same weights; runs in an environment of its own.

`python onnx_peer.py FOLDER` reads `weights.npz` and `tokens.npz`,
builds the graph, tries batch sizes and both ways to write it, keeps the
fastest, and then answers lines on stdin: the number of a batch, encoded and
answered by the processor seconds that it took. Needs numpy, onnx and
onnxruntime, and nothing of TensorFlow.
"""

import json
import os
import pathlib
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

# As new as onnxruntime of today reads; Gelu has been an op since 20.
OPSET = 20
# ONNX Runtime's own ops.
MICROSOFT = "com.microsoft"
# Texts of which the vectors go back to be compared.
CHECKED = 64
# Seconds that each configuration is tried for, and how often.
_TRIAL_SECONDS = 1.0
_TRIALS = 3


class Graph:
    """Collects the nodes and weights of a graph."""

    def __init__(self, weights: dict[str, np.ndarray]):
        self.nodes: list[onnx.NodeProto] = []
        self.weights = {
            name: numpy_helper.from_array(array, name)
            for name, array in weights.items()
        }

    def constant(self, values, dtype=np.int64) -> str:
        """Adds a constant; returns its name."""
        name = f"constant_{len(self.weights)}"
        array = np.array(values, dtype)
        self.weights[name] = numpy_helper.from_array(array, name)
        return name

    def add(self, op: str, *inputs: str, domain: str = "", **attributes) -> str:
        """Adds a node with one output; returns the output's name."""
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                op, list(inputs), [name], domain=domain, **attributes
            )
        )
        return name

    def rename(self, old: str, new: str) -> None:
        """Gives an output its name for the caller."""
        self.nodes.append(helper.make_node("Identity", [old], [new]))

    def model(self, hidden: int) -> bytes:
        """Serialises it, from `ids` and `mask` to `vectors` [batch, hidden]."""
        ids = [
            helper.make_tensor_value_info(
                name, TensorProto.INT32, ["batch", "len"]
            )
            for name in ("ids", "mask")
        ]
        out = helper.make_tensor_value_info(
            "vectors", TensorProto.FLOAT, ["batch", hidden]
        )
        model = helper.make_model(
            helper.make_graph(
                self.nodes,
                "bert",
                ids,
                [out],
                initializer=list(self.weights.values()),
            ),
            opset_imports=[
                helper.make_opsetid("", OPSET),
                helper.make_opsetid(MICROSOFT, 1),
            ],
            ir_version=10,
        )
        return model.SerializeToString()


def build(
    weights: dict[str, np.ndarray],
    *,
    layers: int,
    heads: int,
    epsilon: float,
    fused: bool,
) -> bytes:
    """Writes the encoder as an ONNX model, ids and mask to unit vectors.

    Args:
      weights: By the names that `benchmarks.text` gives them.
      layers: How many.
      heads: Attention heads.
      epsilon: Of the layer norms.
      fused: Take ONNX Runtime's own ops for attention, residual norms and
        GELU, instead of ONNX's, which it fuses itself as far as it can.
    """
    graph = Graph(weights)
    hidden = weights["positions"].shape[1]
    length = graph.add("Shape", "ids", start=1, end=2)
    positions = graph.add(
        "Slice", "positions", graph.constant([0]), length, graph.constant([0])
    )
    x = graph.add("Gather", "words", "ids")
    x = graph.add("Add", x, positions)
    x = graph.add("Add", x, "type")

    def norm(x: str, name: str) -> str:
        return graph.add(
            "LayerNormalization",
            *(x, f"{name}.scale", f"{name}.offset"),
            axis=-1,
            epsilon=epsilon,
        )

    def dense(x: str, name: str) -> str:
        product = graph.add("MatMul", x, f"{name}.kernel")
        return graph.add("Add", product, f"{name}.bias")

    def residual_norm(x: str, y: str, dense_name: str, name: str) -> str:
        if not fused:
            return norm(graph.add("Add", x, dense(y, dense_name)), name)
        return graph.add(
            "SkipLayerNormalization",
            *(graph.add("MatMul", y, f"{dense_name}.kernel"), x),
            *(f"{name}.scale", f"{name}.offset", f"{dense_name}.bias"),
            domain=MICROSOFT,
            epsilon=epsilon,
        )

    size = hidden // heads
    split = graph.constant([0, 0, 3, heads, size])
    merge = graph.constant([0, 0, hidden])
    scale = graph.constant(size**-0.5, np.float32)
    mask = graph.add("Cast", "mask", to=TensorProto.FLOAT)
    # 0 on tokens, -1e9 on padding; [batch, 1, 1, length].
    away = graph.add("Sub", mask, graph.constant(1, np.float32))
    away = graph.add("Mul", away, graph.constant(1e9, np.float32))
    away = graph.add("Unsqueeze", away, graph.constant([1, 2]))

    def attention(x: str, name: str) -> str:
        if fused:
            return graph.add(
                "Attention",
                *(x, f"{name}.qkv.kernel", f"{name}.qkv.bias", "mask"),
                domain=MICROSOFT,
                num_heads=heads,
            )
        qkv = graph.add("Reshape", dense(x, f"{name}.qkv"), split)
        qkv = graph.add("Transpose", qkv, perm=[2, 0, 3, 1, 4])
        query, key, value = (
            graph.add("Gather", qkv, graph.constant(part), axis=0)
            for part in range(3)
        )
        key = graph.add("Transpose", key, perm=[0, 1, 3, 2])
        query = graph.add("Mul", query, scale)
        logits = graph.add("Add", graph.add("MatMul", query, key), away)
        mixed = graph.add(
            "MatMul", graph.add("Softmax", logits, axis=-1), value
        )
        mixed = graph.add("Transpose", mixed, perm=[0, 2, 1, 3])
        return graph.add("Reshape", mixed, merge)

    x = norm(x, "embedding_norm")
    for number in range(layers):
        name = f"layer{number}"
        mixed = attention(x, name)
        x = residual_norm(
            x, mixed, f"{name}.attention", f"{name}.attention_norm"
        )
        wide = graph.add("MatMul", x, f"{name}.widen.kernel")
        if fused:
            wide = graph.add(
                "BiasGelu", wide, f"{name}.widen.bias", domain=MICROSOFT
            )
        else:
            wide = graph.add("Add", wide, f"{name}.widen.bias")
            wide = graph.add("Gelu", wide)
        x = residual_norm(x, wide, f"{name}.narrow", f"{name}.output_norm")
    weight = graph.add("Unsqueeze", mask, graph.constant([2]))
    axis = graph.constant([1])
    total = graph.add(
        "ReduceSum", graph.add("Mul", x, weight), axis, keepdims=0
    )
    mean = graph.add(
        "Div", total, graph.add("ReduceSum", weight, axis, keepdims=0)
    )
    graph.rename(graph.add("LpNormalization", mean, axis=-1, p=2), "vectors")
    return graph.model(hidden)


class Batches:
    """Token ids in batches.

    Attributes:
      rows: Texts of each batch.
      inputs: What the graph takes, padded to the batch's longest text.
    """

    def __init__(self, tokens, rows: list[np.ndarray]):
        """Pads the tokens of `tokens.npz`."""
        lengths, flat = tokens["lengths"], tokens["flat"]
        starts = np.cumsum(lengths) - lengths
        self.rows = rows
        self.inputs = []
        for batch in rows:
            ids = np.ones((len(batch), lengths[batch].max()), np.int32)
            mask = np.zeros_like(ids)
            for line, row in enumerate(batch):
                count = lengths[row]
                ids[line, :count] = flat[starts[row] : starts[row] + count]
                mask[line, :count] = 1
            self.inputs.append({"ids": ids, "mask": mask})

    def tokens_per_second(
        self, session: onnxruntime.InferenceSession, lengths: np.ndarray
    ) -> float:
        """Encodes some batches for `_TRIAL_SECONDS`."""
        took, done = 0.0, 0
        for batch in np.random.default_rng(0).permutation(len(self.rows)):
            began = time.perf_counter()
            session.run(None, self.inputs[batch])
            took += time.perf_counter() - began
            done += int(lengths[self.rows[batch]].sum())
            if took > _TRIAL_SECONDS:
                break
        return done / took


def session_of(
    model: bytes, *, threads: int, spinning: bool
) -> onnxruntime.InferenceSession:
    """Makes a session with every optimisation.

    Args:
      model: From `build`.
      threads: On how many cores.
      spinning: Whether a thread without work waits busily for more.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    )
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", str(int(spinning))
    )
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )


def main(folder: pathlib.Path) -> None:
    """Tries the configurations, then serves; see the module."""
    weights = dict(np.load(folder / "weights.npz"))
    tokens = np.load(folder / "tokens.npz")
    sizes = json.loads((folder / "sizes.json").read_text())
    threads = len(os.sched_getaffinity(0))
    batches = {
        int(budget): Batches(
            tokens,
            np.split(
                tokens[f"order_{budget}"],
                np.cumsum(tokens[f"sizes_{budget}"])[:-1],
            ),
        )
        for budget in tokens["budgets"]
    }
    sessions = {
        f"{graph}, {'spinning' if spinning else 'sleeping'}": session_of(
            build(weights, fused=graph == "fused", **sizes),
            threads=threads,
            spinning=spinning,
        )
        for graph in ("plain", "fused")
        for spinning in (False, True)
    }
    trials = [
        {
            (name, budget): made.tokens_per_second(session, tokens["lengths"])
            for name, session in sessions.items()
            for budget, made in batches.items()
        }
        for _ in range(_TRIALS + 1)
    ]
    # The first trial warms up.
    medians = {
        key: float(np.median([trial[key] for trial in trials[1:]]))
        for key in trials[0]
    }
    name, budget = max(medians, key=lambda key: medians[key])
    session, made = sessions[name], batches[budget]
    checked = Batches(
        tokens,
        [np.array([row]) for row in range(len(tokens["lengths"]))][:CHECKED],
    )
    vectors = [session.run(None, inputs)[0] for inputs in checked.inputs]
    np.savez(
        folder / "peer.npz", vectors=np.concatenate(vectors), budget=budget
    )
    about = {
        "version": onnxruntime.__version__,
        "threads": threads,
        "configuration": name,
        "batch_tokens": budget,
        "tokens_per_second_in_trials": {
            f"{graph}, {most}": round(value)
            for (graph, most), value in medians.items()
        },
    }
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        before = time.process_time()
        session.run(None, made.inputs[int(line)])
        print(time.process_time() - before, flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
