"""Two workers over loopback, one of them killed (`make testall`)."""

import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.settings import TrainingSettings
from models.training import trainer, worker
from tests.models.conftest import MODEL
from tests.models.training.shard_files import in_files, write
from tests.models.training.shop_model import (
    assert_alike,
    turned_batches,
)
from tests.slow import slow

ROOT = pathlib.Path(__file__).parents[3]
# Nothing random in the towers, so that curves can be compared.
SETTINGS = dataclasses.replace(
    MODEL, dropout=0.0, id_dropout=0.0, ranking_dropout=0.0
)
TRAINING = TrainingSettings(
    sequence_batch=8,
    ranking_batch=32,
    max_epochs=12,
    ranking_epochs=2,
    catch_up_epochs=1,
    validate_every=1,
    patience=12,
    learning_rate=5e-3,
    warmup_steps=5,
    checkpoint_every=1,
    strategy="multi_worker",
)


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(job, folder):
    """Starts both workers on a job; each writes its own log."""
    return start_both(["models.training.worker", str(job)], folder)


def start_both(words, folder):
    """Starts a module with its arguments in the place of both workers."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in (0, 1):
        config = {
            "cluster": {"worker": hosts},
            "task": {"type": "worker", "index": index},
        }
        with open(folder / f"worker{index}.log", "ab") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", *words],
                    cwd=ROOT,
                    env={**os.environ, "TF_CONFIG": json.dumps(config)},
                    stdout=log,
                    stderr=log,
                )
            )
    return processes


def ended(process, folder, index, seconds=1200):
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        told = (folder / f"worker{index}.log").read_text()[-3000:]
        raise AssertionError(f"worker {index} hangs: {told}") from None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def job(tiny_shop, folder):
    path = folder / "job.json"
    worker.Job(
        sources=tiny_shop,
        model_dir=str(folder / "model"),
        run_dir=str(folder / "run"),
        model=SETTINGS,
        training=TRAINING,
    ).write(path)
    return path


@pytest.fixture(scope="module")
def history(job, folder):
    """Of two workers, of whom one was killed and both were started again."""
    first = start(job, folder)
    kept = folder / "run" / "checkpoints" / "retrieval.npz"
    deadline = time.monotonic() + 600
    while not kept.exists() and time.monotonic() < deadline:
        assert all(process.poll() is None for process in first)
        time.sleep(0.05)
    first[1].send_signal(signal.SIGKILL)
    assert ended(first[1], folder, 1) == -signal.SIGKILL
    assert ended(first[0], folder, 0) != 0
    with np.load(kept) as held:
        done = len(json.loads(str(held["about"]))["rows"])
    assert 1 <= done < TRAINING.max_epochs
    second = start(job, folder)
    codes = [ended(p, folder, i) for i, p in enumerate(second)]
    told = (folder / "worker0.log").read_text()[-3000:]
    assert codes == [0, 0], told
    return json.loads((folder / "run" / "history.json").read_text())


@slow
def test_the_curve_is_that_of_one_device_in_one_go(
    history, tiny_shop, tmp_path
):
    training = dataclasses.replace(
        TRAINING, strategy="default", checkpoint_every=0
    )

    def train(name):
        return trainer.train(
            tiny_shop,
            str(tmp_path / name / "model"),
            str(tmp_path / name / "run"),
            SETTINGS,
            training,
        )

    alone = train("alone")
    with turned_batches():
        rows_turned = train("turned")
    one, two, turned = (
        [row["retrieval_loss"] for row in rows["retrieval"]]
        for rows in (alone, history, rows_turned)
    )
    assert len(two) == len(one)
    assert_alike(two, one, turned)
    np.testing.assert_allclose(
        history["ranking"][-1]["ranking_loss"],
        alone["ranking"][-1]["ranking_loss"],
        rtol=0.1,
    )


@slow
def test_the_chief_alone_leaves_a_model_and_no_checkpoints(history, folder):
    model = tf.saved_model.load(str(folder / "model"))
    assert model.item_vectors().shape[0] == 24
    assert not (folder / "run" / "checkpoints").exists()
    events = list((folder / "run").rglob("events.out.tfevents.*"))
    stages = {path.relative_to(folder / "run").parts[0] for path in events}
    assert stages == {"retrieval", "ranking"}


@slow
def test_who_lost_a_worker_says_what_to_do(history, folder):
    told = (folder / "worker0.log").read_text()
    assert "start all workers again" in told or "coordination" in told.lower()


@slow
@pytest.mark.parametrize("number", [1, 4])
def test_workers_learn_every_example_once_between_them(number, tmp_path):
    """One file is dealt out by examples, four are dealt out whole."""
    names = [b"%d" % n for n in range(24)]
    files = write(tmp_path / "examples", names, number)
    words = ["tests.models.training.own_shares", *files]
    codes = [
        ended(process, tmp_path, index)
        for index, process in enumerate(start_both(words, tmp_path))
    ]
    logs = [tmp_path / f"worker{index}.log" for index in (0, 1)]
    assert codes == [0, 0], logs[0].read_text()[-3000:]
    told = [
        json.loads(line)
        for log in logs
        for line in log.read_text().splitlines()
        if line.startswith('{"table"')
    ]
    assert len(told) == 2
    reads = [set(one["read"]) for one in told]
    assert [len(read) for read in reads] == [12, 12]
    assert reads[0] | reads[1] == set(range(24))
    for one in told:
        np.testing.assert_allclose(one["table"], -np.ones([24, 2]), rtol=1e-6)


@slow
def test_workers_train_on_files_of_their_own(tiny_shop, tmp_path):
    """Of three files one worker has two, the other one.

    Their batches are other ones than those of one worker, whose own curves
    differ by up to a third at an epoch when the same examples come in another
    order: the two may be as far from each other, and no further.
    """
    training = dataclasses.replace(
        TRAINING,
        max_epochs=6,
        checkpoint_every=0,
        own_files=True,
        keep_sequences=False,
    )
    path = tmp_path / "job.json"
    worker.Job(
        sources=in_files(tiny_shop, tmp_path / "examples", 3),
        model_dir=str(tmp_path / "model"),
        run_dir=str(tmp_path / "run"),
        model=SETTINGS,
        training=training,
    ).write(path)
    codes = [
        ended(process, tmp_path, index)
        for index, process in enumerate(start(path, tmp_path))
    ]
    told = (tmp_path / "worker0.log").read_text()[-3000:]
    assert codes == [0, 0], told
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert history["ranking"]
    model = tf.saved_model.load(str(tmp_path / "model"))
    assert model.item_vectors().shape[0] == 24

    def alone(number):
        """Trains one worker; the number of files decides the order."""
        folder = tmp_path / f"alone-{number}"
        rows = trainer.train(
            in_files(tiny_shop, folder / "examples", number),
            str(folder / "model"),
            str(folder / "run"),
            SETTINGS,
            dataclasses.replace(training, strategy="default", own_files=False),
        )
        return [row["retrieval_loss"] for row in rows["retrieval"]]

    losses = np.array([row["retrieval_loss"] for row in history["retrieval"]])
    orders = np.array([alone(number) for number in (1, 3, 7)])
    assert losses[-1] < 0.2 * losses[0]
    assert (losses > 0.9 * orders.min(0)).all(), (losses, orders)
    assert (losses < 1.1 * orders.max(0)).all(), (losses, orders)


def test_a_job_that_is_none_is_named(tmp_path, capsys, monkeypatch):
    path = tmp_path / "job.json"
    assert worker.main([str(path)]) == 1
    assert "cannot be read" in capsys.readouterr().err
    path.write_text('{"sources": {}}')
    assert worker.main([str(path)]) == 1
    assert "describes no training" in capsys.readouterr().err
    assert worker.main([]) == 2


def test_a_job_is_read_as_it_was_written(job, tiny_shop, monkeypatch, capsys):
    read = worker.Job.read(job)
    assert (read.sources, read.model, read.training) == (
        tiny_shop,
        SETTINGS,
        TRAINING,
    )
    # And without a cluster nothing is trained.
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert worker.main([str(job)]) == 1
    assert "TF_CONFIG, which is not set" in capsys.readouterr().err
