"""BPR and LightGCN of RecBole; in an environment of its own (`peers.py`).

Both learn a vector for each user and do not take up what the user chose
later, so the vectors are the same for both splits. The library stops early by
its own NDCG@10 on the validation.
"""

import importlib.metadata
import json
import pathlib
import sys
import time

import numpy as np
import scipy.sparse as sp
import torch

if not hasattr(sp.dok_matrix, "_update"):
    # LightGCN fills its graph with what SciPy called so until 1.12.
    sp.dok_matrix._update = lambda self, values: self._dict.update(values)

from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_logger, init_seed

_NAME = "sequences"
_VALIDATED_EACH = 5


def write_interactions(folder: pathlib.Path, problem: dict) -> None:
    """Writes the library's files; the validation's targets stand for a test.

    Args:
      folder: Of the data sets.
      problem: What `problem.npz` holds.
    """
    lengths = np.diff(problem["training_offsets"])
    users = np.repeat(np.arange(len(lengths)), lengths)
    targets = (problem["asked"], problem["validation_targets"])
    (folder / _NAME).mkdir(parents=True, exist_ok=True)
    for split, pairs in {
        "train": (users, problem["training_rows"]),
        "valid": targets,
        "test": targets,
    }.items():
        np.savetxt(
            folder / _NAME / f"{_NAME}.{split}.inter",
            np.stack(pairs, axis=1),
            fmt="%d",
            delimiter="\t",
            header="user_id:token\titem_id:token",
            comments="",
        )


def rows_of(tokens: np.ndarray, vectors: np.ndarray, count: int) -> np.ndarray:
    """Puts vectors of the library's ids into our rows, zeros elsewhere.

    Args:
      tokens: Our rows as text, by the library's ids; id 0 is padding.
      vectors: float32 [ids, d].
      count: How many rows.
    """
    out = np.zeros((count, vectors.shape[1]), np.float32)
    out[np.array(tokens[1:], np.int64)] = vectors[1:]
    return out


def main(folder: pathlib.Path) -> None:
    """Learns and writes vectors."""
    settings = json.loads((folder / "settings.json").read_text())
    problem = dict(np.load(folder / "problem.npz"))
    write_interactions(folder / "recbole", problem)
    config = Config(
        model=settings["model"],
        dataset=_NAME,
        config_dict={
            "data_path": str(folder / "recbole"),
            "checkpoint_dir": str(folder / "recbole"),
            "benchmark_filename": ["train", "valid", "test"],
            "load_col": {"inter": ["user_id", "item_id"]},
            "embedding_size": settings["factors"],
            "learning_rate": settings["learning_rate"],
            "train_batch_size": settings["batch"],
            "epochs": settings["epochs"],
            "eval_step": _VALIDATED_EACH,
            "stopping_step": settings["patience"] // _VALIDATED_EACH,
            "metrics": ["NDCG"],
            "topk": [10],
            "valid_metric": "NDCG@10",
            "metric_decimal_place": 6,
            "seed": settings["seed"],
            "use_gpu": False,
            "show_progress": False,
        },
    )
    init_seed(config["seed"], config["reproducibility"])
    init_logger(config)
    dataset = create_dataset(config)
    train, valid, _ = data_preparation(config, dataset)
    model = get_model(config["model"])(config, train.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    began = time.time()
    best, _ = trainer.fit(train, valid, show_progress=False)
    checkpoint = torch.load(trainer.saved_model_file, weights_only=False)
    pathlib.Path(trainer.saved_model_file).unlink()
    model.load_state_dict(checkpoint["state_dict"])
    model.eval()
    with torch.no_grad():
        if settings["model"] == "LightGCN":
            users, items = model()
        else:
            users = model.user_embedding.weight
            items = model.item_embedding.weight
    num_users = len(problem["training_offsets"]) - 1
    num_items = int(problem["num_items"])
    of_users = rows_of(
        dataset.field2id_token["user_id"], users.detach().numpy(), num_users
    )
    trained = np.bincount(problem["training_rows"], minlength=num_items)
    np.savez(
        folder / "vectors.npz",
        items=rows_of(
            dataset.field2id_token["item_id"], items.detach().numpy(), num_items
        ),
        known=trained > 0,
        validation=of_users,
        test=of_users,
    )
    about = {
        "version": importlib.metadata.version("recbole"),
        "torch": torch.__version__,
        "best_epoch": int(checkpoint["epoch"]) + 1,
        "validation_ndcg@10": float(best),
        "seconds": round(time.time() - began, 1),
    }
    (folder / "about.json").write_text(json.dumps(about))


if __name__ == "__main__":
    # The library reads the command line too; it is to find nothing there.
    main(pathlib.Path(sys.argv.pop()))
