"""Counts requests and times them, under TensorFlow Serving's names."""

import bisect
import itertools
import threading
import typing

from serving.model_server.result_cache import ResultCache

_PREFIX = ":tensorflow:serving:"
# Of what TensorFlow Serving does not have.
_OURS = "daogou_result_cache_"
_MICROSECONDS = 1e6
# 10 · 1.8ⁿ µs, to about 20 minutes.
LIMITS = tuple(
    itertools.accumulate(
        itertools.repeat(1.8, 32), lambda limit, by: limit * by, initial=10.0
    )
)
# Names that no model has share one line: a client cannot grow the page.
UNKNOWN_MODEL = "(unknown)"


class _Histograms:
    """Distributions of microseconds by the values of labels."""

    def __init__(self, name: str, labels: tuple[str, ...]):
        self._name = f"{_PREFIX}{name}"
        self._labels = labels
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}

    def add(self, values: tuple[str, ...], seconds: float) -> None:
        micros = seconds * _MICROSECONDS
        counts = self._counts.get(values)
        if counts is None:
            counts = self._counts[values] = [0] * (len(LIMITS) + 1)
            self._sums[values] = 0.0
        # A limit belongs to the bucket above it, as in TensorFlow.
        counts[bisect.bisect_right(LIMITS, micros)] += 1
        self._sums[values] += micros

    def lines(self) -> typing.Iterator[str]:
        if self._counts:
            yield f"# TYPE {self._name} histogram"
        for values, counts in self._counts.items():
            labels = _labels(self._labels, values)
            total = 0
            limits = [f"{limit:g}" for limit in LIMITS] + ["+Inf"]
            for limit, count in zip(limits, counts, strict=True):
                total += count
                yield (f'{self._name}_bucket{{{labels},le="{limit}"}} {total}')
            yield f"{self._name}_sum{{{labels}}} {self._sums[values]:g}"
            yield f"{self._name}_count{{{labels}}} {total}"


class Metrics:
    """What the server has done since it started."""

    def __init__(self, cache: ResultCache | None = None):
        """Begins at nothing.

        Args:
          cache: Whose counts are shown too.
        """
        self._cache = cache
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, ...], int] = {}
        self._request_latency = _Histograms(
            "request_latency", ("model_name", "API", "entrypoint")
        )
        self._runtime_latency = _Histograms(
            "runtime_latency", ("model_name", "API", "runtime")
        )

    def answered(
        self, model: str, api: str, entrypoint: str, status: str, seconds: float
    ) -> None:
        """Counts a request.

        Args:
          model: Name of the model.
          api: What was called, as in `Predict`.
          entrypoint: `GRPC` or `REST`.
          status: Name of the status, as in `OK`.
          seconds: From its arrival to its answer.
        """
        with self._lock:
            key = (model, status)
            self._requests[key] = self._requests.get(key, 0) + 1
            self._request_latency.add((model, api, entrypoint), seconds)

    def ran(self, model: str, api: str, seconds: float) -> None:
        """Counts a run of a graph that was answered."""
        with self._lock:
            self._runtime_latency.add((model, api, "TF1"), seconds)

    def page(self) -> str:
        """Returns all metrics in the text format of Prometheus."""
        name = f"{_PREFIX}request_count"
        with self._lock:
            lines = []
            if self._requests:
                lines.append(f"# TYPE {name} counter")
            for values, count in self._requests.items():
                labels = _labels(("model_name", "status"), values)
                lines.append(f"{name}{{{labels}}} {count}")
            lines += self._request_latency.lines()
            lines += self._runtime_latency.lines()
        lines += self._cache_lines()
        return "\n".join(lines) + "\n"

    def _cache_lines(self) -> typing.Iterator[str]:
        if self._cache is None:
            return
        counts = self._cache.counts()
        for name in ("hits", "misses", "evicted", "expired"):
            yield f"# TYPE {_OURS}{name}_total counter"
            yield f"{_OURS}{name}_total {getattr(counts, name)}"
        for name in ("entries", "bytes"):
            yield f"# TYPE {_OURS}{name} gauge"
            yield f"{_OURS}{name} {getattr(counts, name)}"


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    return ",".join(
        f'{name}="{_escaped(value)}"'
        for name, value in zip(names, values, strict=True)
    )


def _escaped(value: str) -> str:
    for mark, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        value = value.replace(mark, escaped)
    return value
