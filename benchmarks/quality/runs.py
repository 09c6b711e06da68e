"""Trains and evaluates each model once a seed, and keeps what came out.

A run is a folder `<work>/<model>/seed-<n>` with `result.json`, the users'
ranks in `ranks.npz`, and what the model logged. One whose digest of data,
settings and seed is the same is not run again; delete its folder to have it
run anew.
"""

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import pathlib
import time
import typing
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import evaluation
from benchmarks.quality.contenders import Contender
from benchmarks.quality.sequences import Sequences, Split
from schema.errors import DaogouError

ABOUT = "about.json"
_RESULT = "result.json"
_RANKS = "ranks.npz"
_LOG = "bench.log"
_SPLITS: tuple[Split, ...] = ("validation", "test")

_log = logging.getLogger(__name__)


class FailedError(DaogouError):
    """Some models have no result; names each with the reason."""

    def __init__(self, failed: dict[str, str]):
        super().__init__(
            "models failed: "
            + "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        )


@dataclasses.dataclass(frozen=True)
class Run:
    """What one model came to with one seed.

    Attributes:
      result: `result.json`: digest, settings, seconds, `about` as the model
        left it, and `figures` of each split.
      ranks: int64 [asked], of the split `test`.
    """

    result: dict[str, typing.Any]
    ranks: NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one model came to.

    Attributes:
      contender: The model.
      runs: By seed.
      failed: Why there are no runs, or fewer; empty where all went well.
    """

    contender: Contender
    runs: dict[int, Run]
    failed: str = ""


def run(
    data: Sequences,
    contenders: list[Contender],
    *,
    seeds: int,
    work: pathlib.Path,
    say: Callable[[str], None],
) -> list[Outcome]:
    """Runs all models, those that fail set aside with the reason.

    Args:
      data: The sequences.
      contenders: The models.
      seeds: Runs of each model that draws; 1, 2, … are the seeds.
      work: Folder of the runs and of `bench.log`; made where missing.
      say: Told what goes on, a line at a time.
    """
    work.mkdir(parents=True, exist_ok=True)
    digest = data_digest(data)
    with _logged(work / _LOG):
        return [
            _outcome(
                data,
                contender,
                range(1, 1 + (seeds if contender.seeded else 1)),
                digest=digest,
                work=work,
                say=say,
            )
            for contender in contenders
        ]


def data_digest(data: Sequences) -> str:
    """Returns a digest of all that models may learn from or be asked for."""
    found = hashlib.sha256("\n".join(data.items).encode())
    found.update(data.offsets.tobytes())
    found.update(data.rows.tobytes())
    if data.attributes is not None:
        found.update(data.attributes.indptr.tobytes())
        found.update(data.attributes.indices.tobytes())
    return found.hexdigest()[:16]


def _outcome(
    data: Sequences,
    contender: Contender,
    seeds: range,
    *,
    digest: str,
    work: pathlib.Path,
    say: Callable[[str], None],
) -> Outcome:
    runs: dict[int, Run] = {}
    for seed in seeds:
        folder = work / contender.name / f"seed-{seed}"
        try:
            settings = {
                "data": digest,
                "model": contender.name,
                "seed": seed,
                "settings": contender.settings(),
            }
            # As JSON has it, to compare with what a file says.
            settings = json.loads(json.dumps(settings, ensure_ascii=False))
            before = _finished(folder, _digest(settings))
            how = "was there"
            if before is None:
                _tell(say, f"{contender.name}, seed {seed}: learning")
                before = _learn(data, contender, seed, settings, folder)
                how = f"took {before.result['seconds']:.0f} s"
        except DaogouError as error:
            _tell(say, f"{contender.name}, seed {seed}: failed: {error}")
            return Outcome(contender, runs, str(error))
        runs[seed] = before
        test = before.result["figures"]["test"]
        _tell(
            say,
            f"{contender.name}, seed {seed}: {how}; hr@10 "
            f"{test['hr@10']:.4f}, ndcg@10 {test['ndcg@10']:.4f}",
        )
    return Outcome(contender, runs)


def _learn(
    data: Sequences,
    contender: Contender,
    seed: int,
    settings: dict[str, typing.Any],
    folder: pathlib.Path,
) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_RESULT, _RANKS, ABOUT):
        (folder / name).unlink(missing_ok=True)
    began = time.time()
    score = contender.fit(data, seed=seed, log_dir=folder)
    seconds = time.time() - began
    ranked = {split: evaluation.rank(data, score, split) for split in _SPLITS}
    about = folder / ABOUT
    result = {
        "digest": _digest(settings),
        **settings,
        "seconds": round(seconds, 1),
        "about": json.loads(about.read_text()) if about.is_file() else {},
        "figures": {
            split: evaluation.figures(data, found, split)
            for split, found in ranked.items()
        },
    }
    ranks = ranked["test"].ranks
    np.savez_compressed(
        folder / _RANKS,
        validation_ranks=ranked["validation"].ranks,
        test_ranks=ranks,
        test_top=ranked["test"].top,
    )
    # Last and at once: a run that has it is complete.
    partial = folder / f"{_RESULT}.partial"
    partial.write_text(json.dumps(result, ensure_ascii=False, indent=1))
    os.replace(partial, folder / _RESULT)
    return Run(result, ranks)


def _finished(folder: pathlib.Path, digest: str) -> Run | None:
    path = folder / _RESULT
    if not path.is_file():
        return None
    result = json.loads(path.read_text())
    if result["digest"] != digest:
        return None
    with np.load(folder / _RANKS) as ranks:
        return Run(result, ranks["test_ranks"])


def _digest(settings: dict[str, typing.Any]) -> str:
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tell(say: Callable[[str], None], line: str) -> None:
    _log.info(line)
    say(line)


@contextlib.contextmanager
def _logged(path: pathlib.Path) -> Iterator[None]:
    """Sends what this package logs to a file, with times."""
    logger = logging.getLogger(__package__)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()
