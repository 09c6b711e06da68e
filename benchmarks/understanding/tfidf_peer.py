"""TF-IDF of characters and logistic regression; in an environment of its own.

Called with a folder: `problem.json` holds `train`, `choose` and `test`, each
texts and labels, and `settings`, n-grams and cost, or null. It leaves
`answers.json`: the predicted labels of `test`, their chances, and the settings;
where none were given, those with the best accuracy on `choose`. What it
answers with has learned from both.
"""

import importlib.metadata
import json
import pathlib
import sys
import time

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

_NGRAMS = ((1, 2), (1, 3))
# The first with each, the others with the n-grams that are best.
_COSTS = (10.0, 100.0)
_ROUNDS = 60


def main(folder: pathlib.Path) -> None:
    """Chooses n-grams and cost if need be, learns from all, predicts."""
    problem = json.loads((folder / "problem.json").read_text("utf-8"))
    begun = time.monotonic()
    ngrams, cost = problem["settings"] or _chosen(problem)
    whole = {
        name: [*problem["train"][name], *problem["choose"][name]]
        for name in ("texts", "labels")
    }
    labels, chances = _predict(whole, problem["test"]["texts"], ngrams, cost)
    answers = {
        "labels": labels,
        "chances": chances,
        "ngrams": ngrams,
        "cost": cost,
        "seconds": round(time.monotonic() - begun, 1),
        "version": importlib.metadata.version("scikit-learn"),
    }
    (folder / "answers.json").write_text(json.dumps(answers), "utf-8")


def _chosen(problem):
    first, *others = _COSTS
    tried = [_try(problem, ngrams, first) for ngrams in _NGRAMS]
    ngrams = max(tried)[2]
    tried += [_try(problem, ngrams, cost) for cost in others]
    return max(tried)[2:]


def _try(problem, ngrams, cost):
    """Returns how many are right, and what was tried; the best is greatest."""
    found, _ = _predict(
        problem["train"], problem["choose"]["texts"], ngrams, cost
    )
    told = problem["choose"]["labels"]
    right = sum(a == b for a, b in zip(found, told, strict=True))
    return right, -cost, ngrams, cost


def _predict(learned, texts, ngrams, cost):
    reads = TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=tuple(ngrams),
        dtype=np.float32,
        sublinear_tf=True,
    )
    model = LogisticRegression(C=cost, max_iter=_ROUNDS, tol=1e-3)
    model.fit(reads.fit_transform(learned["texts"]), learned["labels"])
    chances = model.predict_proba(reads.transform(texts))
    labels = model.classes_[chances.argmax(1)]
    return labels.tolist(), chances.max(1).tolist()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
