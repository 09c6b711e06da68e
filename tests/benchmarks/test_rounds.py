import time

import numpy as np

from benchmarks.rounds import Contender, Slice, Work, gflops, measure


def test_every_contender_has_its_turn_in_each_round():
    seen = []

    def contender(name, pause):
        def run(number):
            seen.append((name, number))
            time.sleep(pause)

        steps = [Work(texts=1, flops=10), Work(texts=2, flops=30)]
        return Contender(name=name, steps=steps, run=run)

    # A slice is shorter than a step, so each slice has one.
    found = measure(
        [contender("a", 0.01), contender("b", 0.01)], seconds=0.01, rounds=2
    )
    assert [name for name, _ in seen] == ["a", "b", "b", "a", "a", "b"]
    # The first one warms up; steps go on where the last slice ended.
    assert [step for name, step in seen if name == "a"] == [0, 1, 0]
    assert [(s.texts, s.flops) for s in found["a"]] == [(2, 30), (1, 10)]
    assert all(s.seconds >= 0.01 > s.cpu_seconds for s in found["a"])


def test_time_of_another_process_is_its_own():
    peer = Contender(
        name="p", steps=[Work(texts=1, flops=1)], run=lambda _: 7.0
    )
    (only,) = measure([peer], seconds=1e-6, rounds=1)["p"]
    assert only.cpu_seconds == 7.0


def test_rates_by_hand():
    slices = [Slice(texts=1, flops=4 * 10**9, seconds=2.0, cpu_seconds=4.0)]
    np.testing.assert_allclose(gflops(slices), [2.0])
    np.testing.assert_allclose(gflops(slices, cpu=True), [1.0])
