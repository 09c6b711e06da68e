"""TF-IDF with logistic regression, asked in an environment of its own."""

import dataclasses
import json
import pathlib
import subprocess
import tempfile

import numpy as np
from numpy.typing import NDArray

from benchmarks import environments
from benchmarks.quality.peers import PeerError
from benchmarks.ranking.comparison import REQUIREMENTS

_CHOOSING = 0.15
_TAIL_LINES = 5


@dataclasses.dataclass(frozen=True)
class Peer:
    """What the peer said of what was held out.

    Attributes:
      labels: Text [asked].
      chances: float64 [asked], of each label.
      about: Its settings (`ngrams`, `cost`) and how long it took.
    """

    labels: NDArray[np.object_]
    chances: NDArray[np.float64]
    about: dict


def ask(
    texts: NDArray[np.object_],
    labels: NDArray[np.object_],
    out: NDArray[np.bool_],
    *,
    category_texts: bool,
    like: Peer | None = None,
) -> Peer:
    """Lets the peer learn from some texts and label the others.

    Args:
      texts: Of all.
      labels: Theirs.
      out: bool, which ones are asked for.
      category_texts: Whether it learns from the words of the labels too.
      like: An earlier answer on data of this kind, whose settings it takes
        over; without one it chooses them, which takes most of the time.

    Raises:
      PeerError: It failed.
    """
    learned, truth = texts[~out], labels[~out]
    if category_texts:
        told = np.unique(truth)
        words = np.array([str(c).replace("/", " ") for c in told], object)
        learned = np.concatenate([learned, words])
        truth = np.concatenate([truth, told])
    choose = np.random.default_rng(0).random(len(learned)) < _CHOOSING
    problem: dict = {
        name: {"texts": learned[rows].tolist(), "labels": truth[rows].tolist()}
        for name, rows in (("train", ~choose), ("choose", choose))
    }
    problem["test"] = {"texts": texts[out].tolist(), "labels": []}
    problem["settings"] = like and [like.about["ngrams"], like.about["cost"]]
    script = pathlib.Path(__file__).with_name("tfidf_peer.py")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "problem.json").write_text(json.dumps(problem), "utf-8")
        done = subprocess.run(
            [environments.python_of(REQUIREMENTS), script, folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = "\n".join(done.stderr.strip().splitlines()[-_TAIL_LINES:])
            raise PeerError(f"{script.name}: {said}")
        answers = json.loads((folder / "answers.json").read_text("utf-8"))
    return Peer(
        np.array(answers.pop("labels"), object),
        np.array(answers.pop("chances")),
        answers,
    )
