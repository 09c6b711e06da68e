"""Peers that learn in a process and an environment of their own.

A peer is a script beside this file that knows nothing of Daogou. It is called
with a folder: `problem.npz` holds the histories and the validation's targets
(the test's never leave this process), `settings.json` its settings. It leaves
`vectors.npz`, whose dot products are the scores, so that the one evaluation
ranks for it, and `about.json` with versions and what it chose.

| in `problem.npz` | |
|---|---|
| `num_items` | int64, N |
| `training_offsets`, `training_rows` | histories of all U users to learn from |
| `test_offsets`, `test_rows` | the same, each with the validation's target |
| `asked`, `validation_targets` | rows of users with targets, and those |

| in `vectors.npz` | |
|---|---|
| `items` | float32 [N, d] |
| `known` | bool [N], false for items that the peer cannot score |
| `validation`, `test` | float32 [U, d], users as of each split |
"""

import json
import pathlib
import subprocess
import typing

import numpy as np
from numpy.typing import NDArray

from benchmarks import environments
from benchmarks.quality.choosing import Chooser
from benchmarks.quality.sequences import Fit, Score, Sequences, Split
from schema.errors import DaogouError

Settings = dict[str, typing.Any]
_FOLDER = pathlib.Path(__file__).parent
# What a peer said last, in the error.
_TAIL_LINES = 5


class PeerError(DaogouError):
    """A peer ended without a result; says what it said last."""


def fit_of(
    script: str, requirements: tuple[str, ...], choices: tuple[Settings, ...]
) -> Fit:
    """Returns a model that a peer learns.

    Args:
      script: File name of the peer, beside this module.
      requirements: Of its environment, versions pinned.
      choices: Settings to try, at least one; where there are more, the
        validation decides.
    """

    def fit(data: Sequences, *, seed: int, log_dir: pathlib.Path) -> Score:
        python = environments.python_of(requirements)
        choose: Chooser[Settings] = Chooser(data, seed)
        abouts = []
        for choice in choices:
            score, about = learn(
                python, script, data, {**choice, "seed": seed}, log_dir
            )
            if len(choices) == 1:
                choose.best, choose.score = choice, score
            else:
                choose.look(choice, score)
            abouts.append((choice, about))
        about = next(about for tried, about in abouts if tried is choose.best)
        about = {"requirements": requirements, "chosen": choose.best, **about}
        (log_dir / "about.json").write_text(json.dumps(about, indent=1))
        return choose.score

    return fit


def learn(
    python: pathlib.Path,
    script: str,
    data: Sequences,
    settings: Settings,
    folder: pathlib.Path,
) -> tuple[Score, dict]:
    """Runs a peer once.

    Args:
      python: Of its environment.
      script: File name, beside this module.
      data: The sequences.
      settings: What the peer reads, the seed among them.
      folder: Where the two exchange files; its output is `peer.log` there.

    Returns:
      Its scores, and what it says about itself.

    Raises:
      PeerError: It failed.
    """
    problem, vectors = folder / "problem.npz", folder / "vectors.npz"
    vectors.unlink(missing_ok=True)
    training, test = data.training(), data.histories("test")
    np.savez(
        problem,
        num_items=np.int64(data.num_items),
        training_offsets=training.offsets,
        training_rows=training.rows,
        test_offsets=test.offsets,
        test_rows=test.rows,
        asked=data.asked,
        validation_targets=data.targets("validation"),
    )
    (folder / "settings.json").write_text(json.dumps(settings))
    log = folder / "peer.log"
    try:
        with log.open("ab") as output:
            code = subprocess.run(
                # Isolated: nothing of this process's path gets in.
                [python, "-I", _FOLDER / script, folder.absolute()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                check=False,
            ).returncode
    finally:
        problem.unlink()
    if code or not vectors.is_file():
        said = log.read_text(errors="replace").strip().splitlines()
        raise PeerError(
            f"{script} ended with code {code}: "
            f"{' | '.join(said[-_TAIL_LINES:])} (all of it: {log})"
        )
    score = dot_products(dict(np.load(vectors)))
    vectors.unlink()
    return score, json.loads((folder / "about.json").read_text())


def dot_products(vectors: dict[str, np.ndarray]) -> Score:
    """Scores by dot product; items that the peer does not know come last.

    Args:
      vectors: As in `vectors.npz`.
    """
    items = np.ascontiguousarray(vectors["items"].T)
    unknown = np.flatnonzero(~vectors["known"])
    last = np.finfo(np.float32).min

    def score(users: NDArray[np.int64], split: Split) -> NDArray[np.float32]:
        scores = vectors[split][users] @ items
        scores[:, unknown] = last
        return scores

    return score
