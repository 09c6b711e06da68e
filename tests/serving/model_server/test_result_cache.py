"""Answers that are kept, by themselves and behind a server's port."""

import shutil
import time

import grpc
import numpy as np
from tensorflow_serving.apis import predict_pb2

from serving import tensors
from serving.model_server.result_cache import ResultCache
from tests.serving.foreign_models import HALF
from tests.serving.model_server.running import serving, stub


class Servable:
    """Stands for one version."""


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def asked(value):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = HALF
    tensors.encode(np.array([value], np.float32), request.inputs["x"])
    return request


def answer(size):
    response = predict_pb2.PredictResponse()
    response.outputs["y"].tensor_content = b"x" * size
    return response


def test_the_least_recently_used_goes_first():
    cache, servable = ResultCache(3600, 60, Clock()), Servable()
    keys = [cache.key(servable, asked(n)) for n in range(4)]
    for key in keys[:3]:
        cache.put(key, answer(700))
    assert cache.get(keys[0]) == answer(700)
    cache.put(keys[3], answer(700))
    there = [cache.get(key) is not None for key in keys]
    assert there == [True, False, True, True]
    counts = cache.counts()
    assert (counts.evicted, counts.entries) == (1, 3)
    assert counts.bytes <= 3600


def test_what_is_larger_than_all_the_room_leaves_the_rest():
    cache, servable = ResultCache(2000, 60, Clock()), Servable()
    small, large = (cache.key(servable, asked(n)) for n in (1, 2))
    cache.put(small, answer(100))
    cache.put(large, answer(3000))
    assert cache.get(small) is not None
    assert cache.get(large) is None


def test_an_answer_grows_old():
    clock = Clock()
    cache = ResultCache(10_000, 60, clock)
    key = cache.key(Servable(), asked(1))
    cache.put(key, answer(10))
    clock.now = 59
    assert cache.get(key) is not None
    clock.now = 60
    assert cache.get(key) is None
    counts = cache.counts()
    assert (counts.hits, counts.misses, counts.expired) == (1, 1, 1)
    assert counts.bytes == 0


def test_versions_share_nothing_and_leave_nothing():
    cache, one, other = ResultCache(10_000, 60, Clock()), Servable(), Servable()
    cache.put(cache.key(one, asked(1)), answer(10))
    assert cache.get(cache.key(other, asked(1))) is None
    before = cache.key(one, asked(1))
    cache.forget(one)
    assert cache.counts().entries == 0
    # What was still on its way when its version went is never found again.
    cache.put(before, answer(10))
    assert cache.get(cache.key(one, asked(1))) is None
    assert cache.get(cache.key(Servable(), asked(1))) is None


def test_a_server_answers_twice_alike_and_a_new_version_anew(models, tmp_path):
    base = tmp_path / "models" / HALF
    [version] = list((models / HALF).iterdir())[:1]
    shutil.copytree(version, base / "1")
    with (
        serving(
            tmp_path / "models",
            result_cache_mb=1,
            file_system_poll_wait_seconds=1,
        ) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        ask = stub(channel).Predict
        # What warm-up requests were counted.
        begun = server.cache_counts()
        first = ask(asked(3.0))
        assert ask(asked(3.0)) == first
        assert ask(asked(4.0)) != first
        counts = server.cache_counts()
        assert counts.hits - begun.hits == 1
        assert counts.misses - begun.misses == 2
        page = server._metrics.page()
        assert f"daogou_result_cache_hits_total {counts.hits}" in page
        shutil.copytree(version, base / ".2")
        (base / ".2").rename(base / "2")
        for _ in range(100):
            found = ask(asked(3.0))
            if found.model_spec.version.value == 2:
                break
            time.sleep(0.2)
        assert found.model_spec.version.value == 2
        assert found.outputs == first.outputs


def test_without_the_flag_nothing_is_kept(models):
    with serving(models) as server:
        assert server._cache is None
        assert "result_cache" not in server._metrics.page()
