import pytest

from serving.model_server.metrics import LIMITS, Metrics


@pytest.fixture
def lines():
    """Lines of a page after a few requests, by what stands before the value."""
    metrics = Metrics()
    metrics.answered("m", "Predict", "GRPC", "OK", 9e-6)
    metrics.answered("m", "Predict", "GRPC", "OK", 10e-6)
    metrics.answered("m", "Predict", "REST", "NOT_FOUND", 1e5)
    metrics.answered('a"b\\c\n', "Predict", "GRPC", "OK", 1.0)
    metrics.ran("m", "Predict", 17e-6)
    found = {}
    for line in metrics.page().splitlines():
        name, _, value = line.rpartition(" ")
        found[name] = value
    return found


def test_limits_are_tensorflow_servings():
    assert len(LIMITS) == 33
    assert LIMITS[:3] == pytest.approx((10, 18, 32.4))
    # About twenty minutes.
    assert LIMITS[-1] == pytest.approx(10 * 1.8**32)


def test_requests_are_counted_by_model_and_status(lines):
    count = ":tensorflow:serving:request_count"
    assert lines[f"# TYPE {count}"] == "counter"
    assert lines[f'{count}{{model_name="m",status="OK"}}'] == "2"
    assert lines[f'{count}{{model_name="m",status="NOT_FOUND"}}'] == "1"
    assert lines[f'{count}{{model_name="a\\"b\\\\c\\n",status="OK"}}'] == "1"


def test_buckets_hold_all_that_are_smaller(lines):
    name = ":tensorflow:serving:request_latency"
    grpc = 'model_name="m",API="Predict",entrypoint="GRPC"'
    rest = 'model_name="m",API="Predict",entrypoint="REST"'
    # A limit belongs to the bucket above it.
    assert lines[f'{name}_bucket{{{grpc},le="10"}}'] == "1"
    assert lines[f'{name}_bucket{{{grpc},le="18"}}'] == "2"
    assert lines[f'{name}_bucket{{{grpc},le="+Inf"}}'] == "2"
    assert lines[f"{name}_count{{{grpc}}}"] == "2"
    assert lines[f"{name}_sum{{{grpc}}}"] == "19"
    assert lines[f'{name}_bucket{{{rest},le="{LIMITS[-1]:g}"}}'] == "0"
    assert lines[f'{name}_bucket{{{rest},le="+Inf"}}'] == "1"
    run = 'model_name="m",API="Predict",runtime="TF1"'
    runtime = ":tensorflow:serving:runtime_latency"
    assert lines[f'{runtime}_bucket{{{run},le="18"}}'] == "1"
    assert lines[f'{runtime}_bucket{{{run},le="10"}}'] == "0"
