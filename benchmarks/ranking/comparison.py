"""The ranking heads of a run beside peers, on the run's own evaluation.

All learn from the same impressions and are asked about the same ones. The
peers get `features.read`, chosen and stopped on the users that training
validates on as well; they learn a model for each head.
"""

import json
import pathlib
import subprocess
import tempfile
import typing

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)

from benchmarks import environments
from benchmarks.coldstart import Artifacts
from benchmarks.quality.peers import PeerError
from benchmarks.ranking import features
from components.retrieval_evaluator.requests import split_files
from models.features import label_name
from models.metrics import intervals
from models.metrics import ranking as metrics
from models.settings import ModelSettings, TrainingSettings

REQUIREMENTS = (
    "lightgbm==4.6.0",
    "scikit-learn==1.7.2",
    "scipy==1.16.3",
    "numpy==2.3.5",
)
PEERS = {"boosted": "LightGBM", "logistic": "logistic regression"}
_BATCH = 512
_SAMPLES = 200
_TAIL_LINES = 5


def run(
    artifacts: Artifacts,
    model_dir: pathlib.Path,
    model: ModelSettings,
    training: TrainingSettings,
) -> dict:
    """Trains the peers and compares.

    Args:
      artifacts: Of the finished run.
      model_dir: Its trained SavedModel.
      model: Its settings.
      training: Its settings.

    Returns:
      For each head the positives, and of each model AUC, gAUC, log loss and
      calibration error; `lead` is our AUC beyond LightGBM's, with a 95 %
      interval by bootstrap over users.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tables = {
            split: features.read(
                artifacts.sources,
                split,
                model,
                validation_share=training.validation_share,
                folder=name,
            )
            for split in ("train", "eval")
        }
        about = _ask_peers(folder, tables)
        predictions = dict(np.load(folder / "predictions.npz"))
    heads = model.head_names
    ours, raw = _ours(model_dir, artifacts.examples, heads)
    asked = tables["eval"]
    by_head = {}
    for place, head in enumerate(heads):
        labels = asked.labels[:, place], asked.weights, asked.users
        own = raw[label_name(head)], raw["weight"], raw["user_id"]
        theirs = {
            title: predictions[name][:, place] for name, title in PEERS.items()
        }
        by_head[head] = _compared((ours[head], own), theirs, labels)
    return {
        "impressions": {
            split: len(table.weights) for split, table in tables.items()
        },
        "features": list(tables["train"].columns),
        "peers": about,
        "heads": by_head,
    }


def _ask_peers(folder, tables):
    train, asked = tables["train"], tables["eval"]
    names = list(train.columns)
    problem: dict[str, typing.Any] = {}
    for name, table, rows in (
        ("fit", train, ~train.held_out),
        ("choose", train, train.held_out),
        ("asked", asked, np.ones(len(asked.weights), bool)),
    ):
        columns = [table.columns[column][rows] for column in names]
        problem[f"{name}_x"] = np.stack(columns, 1)
        problem[f"{name}_y"] = table.labels[rows]
        problem[f"{name}_w"] = table.weights[rows]
    np.savez(folder / "problem.npz", **problem)
    (folder / "problem.json").write_text(
        json.dumps({"columns": names, "categories": features.categories(names)})
    )
    script = pathlib.Path(__file__).with_name("boosted_peer.py")
    done = subprocess.run(
        [environments.python_of(REQUIREMENTS), script, folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-_TAIL_LINES:])
        raise PeerError(f"{script.name} ended with {done.returncode}: {said}")
    return json.loads((folder / "about.json").read_text())


def _ours(model_dir, examples, heads):
    """Returns our chances by head, and what is known of the impressions."""
    model = tf.saved_model.load(str(model_dir))
    spec = {
        name: tf.io.FixedLenFeature([], tf.float32)
        for name in ("weight", *map(label_name, heads))
    }
    spec["user_id"] = tf.io.FixedLenFeature([], tf.string)
    records = tf.data.TFRecordDataset(
        split_files(str(examples), "eval"), compression_type="GZIP"
    )
    chances: dict[str, list] = {head: [] for head in heads}
    known: dict[str, list] = {name: [] for name in spec}
    for serialized in records.batch(_BATCH):
        for head, values in model.rank_examples(serialized).items():
            chances[head].append(values.numpy())
        for name, values in tf.io.parse_example(serialized, spec).items():
            known[name].append(values.numpy())
    return tuple(
        {name: np.concatenate(parts) for name, parts in found.items()}
        for found in (chances, known)
    )


def _compared(ours, theirs, labels):
    """Compares chances of one head.

    Args:
      ours: Chances, and their labels, weights and users.
      theirs: Chances by title, in another order than ours.
      labels: Labels, weights and users in that order.
    """
    chances, own = ours
    told = {"Daogou": _figures(chances, *own)}
    told |= {title: _figures(p, *labels) for title, p in theirs.items()}
    mean = float(np.average(labels[0], weights=labels[1]))
    told["prior"] = {"auc": 0.5, "log_loss": metrics.prior_log_loss(mean)}
    rival = PEERS["boosted"]
    leads = _auc_draws(chances, *own) - _auc_draws(theirs[rival], *labels)
    return {
        "positives": int(labels[0].sum()),
        "models": told,
        "lead": {
            "auc": told["Daogou"]["auc"] - told[rival]["auc"],
            "interval": intervals.interval(leads),
        },
    }


def _figures(chances, labels, weights, users):
    return {
        "auc": metrics.auc(labels, chances, weights),
        "gauc": metrics.group_auc(labels, chances, users, weights),
        "log_loss": metrics.log_loss(labels, chances, weights),
        "calibration_error": metrics.calibration_error(
            labels, chances, weights
        ),
    }


def _auc_draws(chances, labels, weights, users):
    """Returns AUC [samples] of users drawn with replacement, always alike."""
    names, user = np.unique(users, return_inverse=True)
    random = np.random.default_rng(0)
    found = []
    for _ in range(_SAMPLES):
        drawn = random.integers(0, len(names), len(names))
        times = np.bincount(drawn, minlength=len(names))
        found.append(metrics.auc(labels, chances, weights * times[user]))
    return np.array(found)
