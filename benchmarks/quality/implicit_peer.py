"""iALS of `implicit`; runs in an environment of its own (see `peers.py`).

Users are folded in anew from the history of each split, as `implicit` does
for users that it has not seen.
"""

import json
import os
import pathlib
import sys

# More than one thread of the matrix library slows `implicit` down.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import implicit
import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares


def main(folder: pathlib.Path) -> None:
    """Learns and writes vectors."""
    settings = json.loads((folder / "settings.json").read_text())
    problem = np.load(folder / "problem.npz")
    num_items = int(problem["num_items"])

    def matrix(split: str) -> sp.csr_matrix:
        rows = problem[f"{split}_rows"]
        offsets = problem[f"{split}_offsets"]
        made = sp.csr_matrix(
            (np.ones(len(rows), np.float32), rows, offsets),
            shape=(len(offsets) - 1, num_items),
        )
        made.sum_duplicates()
        made.data[:] = 1.0
        return made

    training = matrix("training")
    model = AlternatingLeastSquares(
        factors=settings["factors"],
        regularization=settings["regularization"],
        alpha=settings["alpha"],
        iterations=settings["iterations"],
        num_threads=len(os.sched_getaffinity(0)),
        random_state=settings["seed"],
    )
    model.fit(training, show_progress=False)
    users = np.arange(training.shape[0])
    np.savez(
        folder / "vectors.npz",
        items=model.item_factors,
        known=np.bincount(training.indices, minlength=num_items) > 0,
        validation=model.recalculate_user(users, training),
        test=model.recalculate_user(users, matrix("test")),
    )
    about = {"version": implicit.__version__}
    (folder / "about.json").write_text(json.dumps(about))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
