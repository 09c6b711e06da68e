"""The Beam steps on other runners than the one of a laptop.

Workers of a cluster share neither memory nor modules' state with the driver.
With `DAOGOU_PRISM` (path of Beam's Prism) and `DAOGOU_FLINK_JOB_SERVER` (path
of the job server's jar, of the same Beam version) the portable runners run
as well; `DAOGOU_FLINK_MASTER` names a Flink session, as in `localhost:8081`.
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import time

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.internal import pickler
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import PipelineVisitor

from components.catalogue.pipeline import CataloguePaths, run_catalogue
from components.catalogue.settings import CatalogueSettings
from components.text_embedding.pipeline import run_text_embedding
from models.text.settings import TextSettings
from tests.components.behavior_log.small_log import (
    IN_MEMORY,
    event,
    run,
    write_table,
)
from tests.components.text_embedding.inputs import write_inputs
from tests.encoders import write_tiny_bert
from tests.slow import slow

# What a worker gets for each step; data has no place in it.
MOST_BYTES = 10_000


PORTABLE = {
    "prism": ("DAOGOU_PRISM", "{path} --serve_http=false --job_port {port}"),
    "flink": (
        "DAOGOU_FLINK_JOB_SERVER",
        "java -jar {path} --flink-master {master} --job-port {port} "
        "--artifact-port 0 --expansion-port 0 --job-host 127.0.0.1",
    ),
}
SECONDS = 120


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def _job_server(variable, command):
    """Starts a portable runner on this machine; yields Beam arguments."""
    if not (path := os.environ.get(variable)):
        pytest.skip(f"{variable} names no job server")
    port = _free_port()
    master = os.environ.get("DAOGOU_FLINK_MASTER", "[local]")
    words = command.format(path=path, port=port, master=master).split()
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(SECONDS):
                assert server.poll() is None, f"{words[0]} ended"
                with socket.socket() as client:
                    if not client.connect_ex(("127.0.0.1", port)):
                        break
                time.sleep(1)
            yield [
                "--runner=PortableRunner",
                f"--job_endpoint=127.0.0.1:{port}",
                "--environment_type=LOOPBACK",
            ]
        finally:
            server.terminate()


def _arguments(runner):
    if runner in PORTABLE:
        return _job_server(*PORTABLE[runner])
    return contextlib.nullcontext(
        [
            "--runner=DirectRunner",
            "--direct_running_mode=multi_processing",
            "--direct_num_workers=2",
        ]
    )


class _Steps(PipelineVisitor):
    def __init__(self):
        self.do_fns = {}

    def visit_transform(self, transform_node):
        if isinstance(transform_node.transform, beam.ParDo):
            label = transform_node.full_label
            self.do_fns[label] = transform_node.transform.fn


class _Watched(beam.Pipeline):
    """Notes the DoFns of what it runs, Beam's own included."""

    def __init__(self, steps):
        super().__init__(options=PipelineOptions(IN_MEMORY))
        self._steps = steps

    def run(self, *args, **kwargs):
        self.visit(self._steps)
        return super().run(*args, **kwargs)


def _log():
    rng = np.random.default_rng(5)
    kinds = ("impression", "view", "click", "cart", "buy")
    log = [
        event(
            f"u{rng.integers(30)}",
            kinds[rng.integers(len(kinds))],
            f"i{int(rng.integers(40) * (rng.random() < 0.7))}",
            1000 + int(rng.integers(50_000)),
            scene="home",
        )
        for _ in range(600)
    ]
    log += [event("u1", "search", None, 9000 + n, query="鼠标") for n in (1, 2)]
    return [*log, log[0], event("", "click", "i1", 2000)]


def _items():
    return [{"item_id": f"i{n}", "title": f"商品 {n}"} for n in range(40)]


def _behavior(folder, make):
    log = _log()
    return run(
        folder,
        log[:300],
        log[300:],
        items=_items(),
        users=[{"user_id": "u1", "gender": "F"}],
        make=make,
        num_shards=3,
    )


def _catalogue(folder, make):
    paths = CataloguePaths(
        items=write_table(folder / "items", _items()[:20], _items()[15:]),
        catalogue=str(folder / "catalogue"),
        report=str(folder / "report"),
    )
    pathlib.Path(paths.report).mkdir()
    return run_catalogue(paths, CatalogueSettings(num_shards=2), make)


def _texts(folder, make):
    bert = write_tiny_bert(folder / "bert")
    run_text_embedding(
        write_inputs(folder, {"i1": "无线鼠标".encode()}, ["键盘"]),
        TextSettings(
            preprocess=str(bert.preprocess), encoder=str(bert.encoder), shards=2
        ),
        make(),
    )


@pytest.mark.parametrize("node", [_behavior, _catalogue, _texts])
def test_every_do_fn_pickles_and_carries_no_data(tmp_path, node):
    steps = _Steps()
    node(tmp_path, lambda: _Watched(steps))
    assert len(steps.do_fns) >= 3
    for label, do_fn in steps.do_fns.items():
        if "/Create/" in label or label.startswith("Files"):
            continue
        pickled = pickler.dumps(do_fn)
        assert len(pickled) < MOST_BYTES, label
        assert type(pickler.loads(pickled)).__name__ == type(do_fn).__name__


@pytest.mark.e2e
@slow
@pytest.mark.parametrize("runner", ["processes", *PORTABLE])
def test_runners_make_the_same_examples(tmp_path, runner):
    with _arguments(runner) as arguments:
        there = _behavior(
            tmp_path / runner,
            lambda: beam.Pipeline(options=PipelineOptions(arguments)),
        )
    here = _behavior(
        tmp_path / "laptop",
        lambda: beam.Pipeline(options=PipelineOptions(IN_MEMORY)),
    )
    assert there.report == here.report
    assert here.report["events"]["kept"] > 500
    for split in ("train", "eval", "sequence_train", "sequence_eval"):
        assert there.split(split) == here.split(split)
        assert there.split(split)
    assert there.histories == here.histories
    assert there.queries == here.queries
    assert there.letters == here.letters
