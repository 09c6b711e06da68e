"""Stages of training: one step of the towers (`benchmarks.training_memory`).

A step takes 128 sequences of 20 targets each.
"""

import pathlib

from benchmarks import training_memory
from benchmarks.scaling.measuring import Work

ITEMS = 4_000
_STEPS = 3


def full_softmax(items: int, folder: pathlib.Path) -> Work:
    """A step whose softmax is over so many items."""
    del folder
    return _training(items=items, full_softmax=True)


def sampled_softmax(items: int, folder: pathlib.Path) -> Work:
    """A step whose softmax is over 4,096 of so many items."""
    del folder
    return _training(items=items)


def width(dimension: int, folder: pathlib.Path) -> Work:
    """A step over `ITEMS` with vectors of so many numbers."""
    del folder
    return _training(items=ITEMS, dimension=dimension, full_softmax=True)


def _training(**given):
    options = training_memory.Options(steps=_STEPS, validate=False, **given)

    def run():
        told = training_memory.measure(options)
        return {
            "seconds": told["step_ms"] / 1e3,
            "cpu_seconds": told["step_cpu_ms"] / 1e3,
        }

    return Work(run=run, once=True)
