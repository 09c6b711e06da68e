"""Keeps what was trained beside the run, whole or not at all."""

import json
import pathlib
import shutil

import numpy as np
import pyarrow as pa
import tensorflow as tf

from applications.intent import (
    calibration,
    export,
    pair_network,
    pairs,
    tallies,
)
from applications.intent.content import Content
from applications.intent.job import Trained
from applications.intent.network import IntentNetwork
from applications.intent.pair_network import PairModel
from applications.intent.settings import IntentSettings
from models.text.folders import appearing
from schema.errors import DataError

_FACTS, _ARRAYS, SAVED_MODEL = "intent.json", "arrays.npz", "saved_model"
PLOT = "calibration.svg"
_SCALES = ("mean", "spread", "slope", "offset")


def save(trained: Trained, figures: dict, folder: pathlib.Path) -> None:
    """Writes a training; one that was there is replaced at the end.

    Args:
      trained: What to write.
      figures: Of the pairs, as `evaluation.calibrated` has them.
      folder: Where.
    """
    content = trained.content
    facts = {
        "settings": json.loads(trained.settings.to_json()),
        "until": trained.until,
        "about": trained.about,
        "figures": figures,
        "item_ids": content.item_ids.to_pylist(),
        "queries": content.queries.to_pylist(),
        "categories": content.categories,
        "brands": content.brands,
        "has_pairs": trained.pair_model is not None,
    }
    arrays = {
        name: getattr(content, name)
        for name in ("category", "brand", "price", "text")
    }
    arrays |= _numbered("network", trained.network.get_weights())
    if trained.pair_model is not None:
        model = trained.pair_model
        arrays |= _numbered("pairs", model.network.get_weights())
        arrays |= {f"scale_{name}": getattr(model, name) for name in _SCALES}
    parent = folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    fresh = parent / f".{folder.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    with appearing(fresh) as made:
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        (made / _FACTS).write_text(text, encoding="utf-8")
        np.savez(made / _ARRAYS, **arrays)
        export.save(
            trained.network, content, trained.settings, made / SAVED_MODEL
        )
        if figures:
            cut = [calibration.Bin(**one) for one in figures["item"]["bins"]]
            days = trained.settings.days
            (made / PLOT).write_text(
                calibration.plot(cut, f"bought within {days} days"),
                encoding="utf-8",
            )
    old = parent / f".{folder.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load(folder: pathlib.Path) -> Trained:
    """Reads a training.

    Raises:
      DataError: There is none, or it is broken.
    """
    try:
        facts = json.loads((folder / _FACTS).read_text("utf-8"))
        with np.load(folder / _ARRAYS) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} holds no trained intent; make it: daogou intent train"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} cannot be read: {error}") from error
    facts["settings"]["horizons"] = tuple(facts["settings"]["horizons"])
    settings = IntentSettings(**facts["settings"])
    content = Content(
        item_ids=pa.array(facts["item_ids"], pa.string()),
        queries=pa.array(facts["queries"], pa.string()),
        categories=tuple(facts["categories"]),
        brands=tuple(facts["brands"]),
        **{
            name: arrays[name]
            for name in ("category", "brand", "price", "text")
        },
    )
    network = IntentNetwork(content, settings)
    one = tf.zeros([1, 2], tf.int32)
    nothing = tf.zeros([1, 2, tallies.WIDTH])
    network(
        {
            "rows": one,
            "kinds": one,
            "times": tf.cast(one, tf.int64),
            "tallies": nothing,
        }
    )
    network.set_weights(_weights("network", arrays))
    pair_model = None
    if facts["has_pairs"]:
        built = pair_network.build(len(pairs.FEATURES))
        built.set_weights(_weights("pairs", arrays))
        pair_model = PairModel(
            built, **{name: arrays[f"scale_{name}"] for name in _SCALES}
        )
    return Trained(
        settings, content, network, pair_model, facts["until"], facts["about"]
    )


def _numbered(name, weights):
    return {f"{name}_{place:03}": w for place, w in enumerate(weights)}


def _weights(name, arrays):
    return [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}_")]
