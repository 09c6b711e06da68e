"""What TFMA computes of the ranking heads, and how it is read back."""

import json
import math
from collections.abc import Sequence

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from models.metrics.ranking import prior_log_loss

OVERALL = "overall"
_LABEL = "label_"
_SLICE_FEATURES = ("device", "scene")
_WEIGHTED = ("AUC", "BinaryCrossEntropy", "MeanLabel", "MeanPrediction")
# Counted without weights, under names of their own: TFMA would otherwise give
# the sum of the weights for the count.
_RAW_MEAN_LABEL = "raw_mean_label"
_CALIBRATION_BUCKETS = 20
_MIN_BUCKET_WEIGHT = 1.0


def eval_config(heads: Sequence[str]) -> config_pb2.EvalConfig:
    """Returns what the Evaluator computes.

    Every head is an output of its own, judged against its own label and with
    the example weights, overall and by device and scene.

    Args:
      heads: Names of the ranking heads, as outputs of `serving_default`.
    """
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                signature_name="serving_default",
                **_labels(heads),
                example_weight_key="weight",
            )
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(
                config_pb2.SlicingSpec(feature_keys=[feature])
                for feature in _SLICE_FEATURES
            ),
        ],
        metrics_specs=[
            spec
            for head in heads
            for spec in _metrics_specs([head] if len(heads) > 1 else [])
        ],
    )


def _labels(heads: Sequence[str]) -> dict:
    """Says where the labels are; TFMA unpacks a model's only output."""
    if len(heads) == 1:
        return {"label_key": f"{_LABEL}{heads[0]}"}
    return {"label_keys": {head: f"{_LABEL}{head}" for head in heads}}


def _head(result, output: str) -> str:
    """Returns the head behind an output, which is nameless if the only one."""
    label = result.config.model_specs[0].label_key
    return output or label.removeprefix(_LABEL)


def _metrics_specs(outputs: list[str]) -> list[config_pb2.MetricsSpec]:
    calibration = {"num_buckets": _CALIBRATION_BUCKETS, "left": 0, "right": 1}
    return [
        config_pb2.MetricsSpec(
            output_names=outputs,
            metrics=[
                *(
                    config_pb2.MetricConfig(class_name=name)
                    for name in _WEIGHTED
                ),
                config_pb2.MetricConfig(
                    class_name="CalibrationPlot",
                    config=json.dumps(calibration),
                ),
            ],
        ),
        config_pb2.MetricsSpec(
            output_names=outputs,
            metrics=[
                config_pb2.MetricConfig(class_name="ExampleCount"),
                config_pb2.MetricConfig(
                    class_name="MeanLabel",
                    config=json.dumps({"name": _RAW_MEAN_LABEL}),
                ),
            ],
            example_weights=config_pb2.ExampleWeightOptions(unweighted=True),
        ),
    ]


def read_ranking(evaluation_dir: str) -> dict[str, dict[str, dict]]:
    """Reads the metrics that the Evaluator wrote.

    Args:
      evaluation_dir: Folder of the Evaluator's `evaluation`.

    Returns:
      Head → slice (`overall`, `device=ios`, …) → `auc`, `log_loss`,
      `prior_log_loss`, `mean_label`, `mean_prediction`, `examples` (rows),
      `positives` (rows). A figure that cannot be told, such as the AUC of
      one class, is None.
    """
    result = tfma.load_eval_result(evaluation_dir)
    ranking: dict[str, dict[str, dict]] = {}
    for slice_key, outputs in result.slicing_metrics:
        name = ",".join(
            f"{key}={value or 'unknown'}" for key, value in slice_key
        )
        for output, by_sub_key in outputs.items():
            values = {
                metric: value["doubleValue"]
                for metric, value in by_sub_key.get("", {}).items()
                if "doubleValue" in value
            }
            if "mean_label" in values:
                ranking.setdefault(_head(result, output), {})[
                    name or OVERALL
                ] = _figures(values)
    return ranking


def _figures(values):
    mean_label = _number(values["mean_label"])
    one_class = mean_label is None or not 0 < mean_label < 1
    examples = int(_number(values["example_count"]) or 0)
    return {
        # TFMA says 0 for the AUC of one class, which would be a wrong answer.
        "auc": None if one_class else _number(values["auc"]),
        "log_loss": _number(values["binary_crossentropy"]),
        "prior_log_loss": (
            None if mean_label is None else prior_log_loss(mean_label)
        ),
        "mean_label": mean_label,
        "mean_prediction": _number(values["mean_prediction"]),
        "examples": examples,
        "positives": round((_number(values[_RAW_MEAN_LABEL]) or 0) * examples),
    }


def _number(value) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def read_calibration(evaluation_dir: str) -> dict[str, list[dict]]:
    """Reads the calibration of each head over all examples.

    Args:
      evaluation_dir: Folder of the Evaluator's `evaluation`.

    Returns:
      Head → buckets of predictions with `prediction` and `label` (means) and
      `weight`, empty buckets left out, lowest first.
    """
    result = tfma.load_eval_result(evaluation_dir)
    calibration: dict[str, list[dict]] = {}
    for slice_key, outputs in result.plots:
        if slice_key:
            continue
        for output, by_sub_key in outputs.items():
            plots = by_sub_key.get("", {})
            buckets = plots.get("calibrationHistogramBuckets", {})
            rows = []
            for bucket in buckets.get("buckets", ()):
                weight = bucket["numWeightedExamples"]
                if weight < _MIN_BUCKET_WEIGHT:
                    continue
                rows.append(
                    {
                        "prediction": bucket["totalWeightedRefinedPrediction"]
                        / weight,
                        "label": bucket["totalWeightedLabel"] / weight,
                        "weight": weight,
                    }
                )
            calibration[_head(result, output)] = rows
    return calibration
