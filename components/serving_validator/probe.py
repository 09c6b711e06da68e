"""Calls every signature of a servable; run as a script in a fresh process.

Imports nothing of ours, because a model server has nothing of ours:
`python -P probe.py <servable> <report> <repetitions> <tolerance>`.
"""

import json
import pathlib
import statistics
import sys
import time
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (a server links its ops)
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

# Those that answer with items, best first, and the others.
LISTS = ("recommend", "search", "similar", "rank")
# Those whose rows are not those of histories, and what has their rows.
LEADING = {
    "similar": "item_ids",
    "embed_item": "item_ids",
    "classify": "inputs",
    "regress": "inputs",
}
SIGNATURES = (
    *LISTS,
    "intent",
    "classify",
    "regress",
    "embed_query",
    "embed_item",
)
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
LOWEST = float(np.finfo(np.float32).min)
UNKNOWN = b"no-such-thing"
EXCLUDE = "exclude_item_ids"
DIVERSITY = "diversity"
BATCH = 3


class Probe:
    """Calls signatures, checks answers and remembers what was wrong."""

    def __init__(self, folder: pathlib.Path, tolerance: float):
        """Loads the servable, timing it."""
        graph = saved_model_pb2.SavedModel.FromString(
            (folder / "saved_model.pb").read_bytes()
        ).meta_graphs[0]
        self.definitions = graph.signature_def
        self.failures: list[str] = []
        self.calls = 0
        self._tolerance = tolerance
        if "Scann>" in str(graph.meta_info_def.stripped_op_list):
            import scann  # noqa: F401  (registers its ops)
        begun = time.perf_counter()
        self._model = tf.saved_model.load(str(folder))
        self.load_seconds = time.perf_counter() - begun

    def fail(self, what: str) -> None:
        """Remembers a failure."""
        self.failures.append(what)

    def call(self, name: str, inputs: dict) -> dict[str, np.ndarray]:
        """Calls a signature."""
        self.calls += 1
        specs = self.definitions[name].inputs
        answer = self._model.signatures[name](
            **{
                key: tf.constant(value, tf.as_dtype(specs[key].dtype))
                for key, value in inputs.items()
            }
        )
        return {key: value.numpy() for key, value in answer.items()}

    def answer(self, name: str, case: str, inputs: dict) -> dict | None:
        """Calls a signature and checks what comes back."""
        where = f"{name}, {case}"
        try:
            answer = self.call(name, inputs)
        except tf.errors.OpError as error:
            self.fail(f"{where}: {error.message.splitlines()[0]}")
            return None
        self._check_form(name, where, inputs, answer)
        if name in LISTS:
            self._check_content(where, inputs, answer)
        return answer

    def _check_form(self, name, where, inputs, answer):
        lead = LEADING.get(name, "history_item_ids")
        expected: tuple[int, ...] = (len(inputs[lead]),)
        if name == "rank":
            expected += inputs["item_ids"].shape[1:]
        elif name in LISTS:
            expected += (int(max(inputs["k"])),)
        for key, info in self.definitions[name].outputs.items():
            shape = answer[key].shape
            if shape[: len(expected)] != expected:
                self.fail(
                    f"{where}: {key} has shape {shape}, expected {expected}"
                )
            promised = tf.as_dtype(info.dtype).as_numpy_dtype
            if answer[key].dtype != promised:
                self.fail(f"{where}: {key} is {answer[key].dtype}")
            numeric = answer[key].dtype != object
            if numeric and not np.isfinite(answer[key]).all():
                self.fail(f"{where}: {key} is not finite everywhere")
            if (
                key.startswith("p_")
                and not ((answer[key] >= 0) & (answer[key] <= 1)).all()
            ):
                self.fail(f"{where}: {key} is not between 0 and 1")

    def _check_content(self, where, inputs, answer):
        ids, scores = answer["item_ids"], answer["scores"]
        by_score = not np.any(inputs.get(DIVERSITY, 0))
        if by_score and (np.diff(scores, axis=1) > 0).any():
            self.fail(f"{where}: scores do not fall")
        if ((ids == b"") != (scores == LOWEST)).any():
            self.fail(f"{where}: an empty slot has a score, or an item none")
        excluded = inputs.get(EXCLUDE, np.zeros((1, 0), object))
        excluded = np.broadcast_to(excluded, (len(ids), excluded.shape[1]))
        for row, left_out in zip(ids, excluded, strict=True):
            shown = [item for item in row if item]
            if both := sorted(set(shown) & set(left_out)):
                self.fail(f"{where}: excluded {both[0].decode()!r} came back")
            if "item_ids" not in inputs and len(set(shown)) < len(shown):
                self.fail(f"{where}: an item comes twice")
        for row, k in zip(ids, inputs.get("k", ()), strict=False):
            if any(row[k:]):
                self.fail(f"{where}: more than the {k} items of k came back")

    def compare(self, where: str, alone: dict, batch: dict, row: int) -> None:
        """Checks that a request answers alone as it does in a batch.

        Items whose scores are within the tolerance may change places, the
        last ones with others that were just beaten.
        """
        if "item_ids" not in alone:
            self._compare_values(where, alone, batch, row)
            return
        one, other = (
            dict(zip(a["item_ids"][r], a["scores"][r], strict=True))
            for a, r in ((alone, 0), (batch, row))
        )
        last = alone["scores"][0][-1]
        for item in sorted(set(one) | set(other)):
            a, b = one.get(item, last), other.get(item, last)
            if abs(a - b) > self._tolerance * max(1.0, abs(a)):
                self.fail(
                    f"{where}: {item.decode()!r} has score {a:.6f} alone and "
                    f"{b:.6f} in a batch"
                )
                return

    def _compare_values(self, where, alone, batch, row):
        for key, values in alone.items():
            one, other = values[0], batch[key][row]
            if one.dtype != object and not np.allclose(
                one, other, rtol=self._tolerance, atol=self._tolerance
            ):
                self.fail(f"{where}: {key} is another alone than in a batch")


def warmup_inputs(folder: pathlib.Path) -> dict[str, list[dict]]:
    """Returns the inputs of the warm-up requests by signature."""
    requests: dict[str, list[dict]] = {name: [] for name in SIGNATURES}
    path = folder / WARMUP_FILE
    if not path.exists():
        return requests
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        requests.setdefault(request.model_spec.signature_name, []).append(
            {key: tf.make_ndarray(v) for key, v in request.inputs.items()}
        )
    return requests


def unknown_user(inputs: dict) -> dict:
    """Returns the request of someone nothing is known of."""
    return {
        key: value
        if key in ("item_ids", "query", "inputs", EXCLUDE)
        or key.startswith("only_")
        or value.dtype != object
        else np.full_like(value, UNKNOWN)
        for key, value in inputs.items()
    }


def unknown_item(inputs: dict) -> dict:
    """Returns what asks for an item, with one that nobody knows."""
    if "item_ids" in inputs:
        return inputs | {"item_ids": np.array([UNKNOWN], object)}
    example = tf.train.Example.FromString(inputs["inputs"][0])
    example.features.feature["item_id"].bytes_list.value[:] = [UNKNOWN]
    return {"inputs": np.array([example.SerializeToString()], object)}


def empty_history(inputs: dict) -> dict:
    """Returns the request without a single step."""
    return {
        key: value[:, :0] if key.startswith("history_") else value
        for key, value in inputs.items()
    }


def stacked(requests: list[dict]) -> dict:
    """Puts requests of one user each into one, padding histories."""
    stack = {}
    for key in requests[0]:
        values = [request[key] for request in requests]
        if values[0].ndim == 2:
            longest = max(value.shape[1] for value in values)
            padding = b"" if values[0].dtype == object else 0
            values = [
                np.pad(
                    value,
                    ((0, 0), (0, longest - value.shape[1])),
                    constant_values=padding,
                )
                for value in values
            ]
        stack[key] = np.concatenate(values)
    return stack


def try_signature(probe: Probe, name: str, warmups: list[dict]) -> None:
    """Calls one signature in every way that clients do."""
    for number, inputs in enumerate(warmups):
        answer = probe.answer(name, f"warm-up request {number}", inputs)
        if name in LISTS and answer and not answer["item_ids"][0][0]:
            probe.fail(f"{name}, warm-up request {number}: no item at all")
    base = warmups[0]
    cases = {"a known user": base}
    if name not in LEADING:
        cases["an unknown user"] = unknown_user(base)
        cases["an empty history"] = empty_history(base)
    else:
        cases["an unknown item"] = unknown_item(base)
    alone = {
        case: probe.answer(name, case, inputs) for case, inputs in cases.items()
    }
    users = list(cases.items())
    users = [users[i % len(users)] for i in range(BATCH)]
    batch = stacked([inputs for _, inputs in users])
    together = probe.answer(name, f"a batch of {BATCH}", batch)
    for row, (case, _) in enumerate(users):
        one = alone[case]
        if together is not None and one is not None:
            probe.compare(f"{name}, {case}", one, together, row)
    if "k" in base:
        try_k(probe, name, base)


def try_k(probe: Probe, name: str, base: dict) -> None:
    """Asks for other numbers of items, and for other items."""
    for k in (1, 3):
        probe.answer(name, f"k = {k}", base | _k(k))
    probe.answer(name, "a k of each row", stacked([base, base]) | _k(3, 1))
    for k in (0, -1):
        try:
            probe.call(name, base | _k(k))
        except tf.errors.InvalidArgumentError as error:
            if "k must be" not in error.message:
                probe.fail(f"{name}: k = {k} is refused without naming k")
        else:
            probe.fail(f"{name}: k = {k} is not refused")
    first = probe.answer(name, "before exclusion", base)
    if first is not None:
        left_out = base | {EXCLUDE: first["item_ids"]}
        probe.answer(name, "without its first answer", left_out)


def _k(*numbers: int) -> dict[str, np.ndarray]:
    return {"k": np.array(numbers, np.int32)}


def latency(probe: Probe, name: str, inputs: dict, repetitions: int) -> float:
    """Returns the median of calls of one request, in milliseconds."""
    seconds = []
    for _ in range(repetitions):
        begun = time.perf_counter()
        probe.call(name, inputs)
        seconds.append(time.perf_counter() - begun)
    return round(statistics.median(seconds) * 1_000, 3)


def described(tensors) -> dict[str, str]:
    """Returns name → `dtype[dimensions]`, `?` where any size will do."""
    described = {}
    for name, info in sorted(tensors.items()):
        sizes = [
            "?" if dim.size < 0 else str(dim.size)
            for dim in info.tensor_shape.dim
        ]
        if info.tensor_shape.unknown_rank:
            sizes = ["..."]
        dtype = tf.as_dtype(info.dtype).name
        described[name] = f"{dtype}[{', '.join(sizes)}]"
    return described


def main(folder: str, report: str, repetitions: str, tolerance: str) -> None:
    """Tries the servable and writes what was found."""
    path = pathlib.Path(folder)
    probe = Probe(path, float(tolerance))
    requests = warmup_inputs(path)
    found: dict[str, dict[str, Any]] = {}
    for name in SIGNATURES:
        if name not in probe.definitions:
            probe.fail(f"signature {name} is missing")
            continue
        definition = probe.definitions[name]
        inputs, outputs = definition.inputs, definition.outputs
        found[name] = {
            "inputs": described(inputs),
            "outputs": described(outputs),
            "defaults": sorted(definition.defaults),
        }
        for key, info in outputs.items():
            if info.tensor_shape.unknown_rank:
                probe.fail(f"{name}: output {key} has no static rank")
        if not requests[name]:
            probe.fail(f"{name} has no warm-up request")
            continue
        failures = len(probe.failures)
        try_signature(probe, name, requests[name])
        if len(probe.failures) == failures:
            found[name]["milliseconds"] = latency(
                probe, name, requests[name][0], int(repetitions)
            )
    pathlib.Path(report).write_text(
        json.dumps(
            {
                "signatures": found,
                "load_seconds": round(probe.load_seconds, 3),
                "calls": probe.calls,
                "failures": probe.failures,
            },
            ensure_ascii=False,
            indent=2,
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
