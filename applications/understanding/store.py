"""Keeps a reader beside the run that taught it, whole or not at all."""

import dataclasses
import hashlib
import json
import pathlib

import numpy as np

from applications.understanding.attributes import Attributes
from applications.understanding.brands import Brands
from applications.understanding.reader import ItemReader
from applications.understanding.settings import DuplicateSettings
from models.text.folders import appearing
from models.text.settings import TextSettings
from models.understanding.classifier import LeafClassifier, Scaling
from models.understanding.network import LeafNetwork
from models.understanding.ngrams import Known
from models.understanding.settings import ClassifierSettings
from schema.errors import DataError

_FACTS, _ARRAYS = "reader.json", "arrays.npz"
# Of the files; one that is older is trained anew.
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Stored:
    """A reader and what it needs.

    Attributes:
      reader: The reader.
      text: The encoder that its vectors are of.
      fingerprint: Of what it was trained on.
    """

    reader: ItemReader
    text: TextSettings
    fingerprint: str


def fingerprint(
    items: pathlib.Path, text: TextSettings, *settings: object
) -> str:
    """Names what a reader is made of, by content.

    Args:
      items: Folder of the table of items.
      text: The encoder.
      *settings: Of the reader.
    """
    digest = hashlib.sha256(
        repr((_VERSION, text.preprocess, text.encoder, settings)).encode()
    )
    for path in sorted(items.glob("*.parquet")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def save(stored: Stored, folder: pathlib.Path) -> None:
    """Writes a reader; replaces one that was made of something else."""
    reader, leaves = stored.reader, stored.reader.leaves
    facts = {
        "version": _VERSION,
        "fingerprint": stored.fingerprint,
        "text": json.loads(stored.text.to_json()),
        "classifier": json.loads(leaves.settings.to_json()),
        "duplicates": json.loads(reader.twins.to_json()),
        "categories": leaves.categories,
        "strengths": leaves.strengths,
        "brands": reader.brands.names,
        "brand_leaves": [sorted(found) for found in reader.brands.leaves],
        "attributes": reader.attributes.words,
    }

    def is_this(made: pathlib.Path) -> bool:
        found = _facts(made)
        return found is not None and found["fingerprint"] == stored.fingerprint

    with appearing(folder, is_this) as made:
        (made / _FACTS).write_text(
            json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8"
        )
        np.savez(
            made / _ARRAYS,
            buckets=leaves.known.buckets,
            weights=leaves.known.weights,
            mean=leaves.scaling.mean,
            spread=leaves.scaling.spread,
            reliability=reader.brands.reliability,
            ngrams=leaves.network.ngrams.numpy(),
            bias=leaves.network.bias.numpy(),
            kernel=leaves.network.vectors.kernel.numpy(),
            kernel_bias=leaves.network.vectors.bias.numpy(),
        )


def load(folder: pathlib.Path) -> Stored | None:
    """Reads a reader; None where there is none of this version.

    Raises:
      DataError: There is one and it is broken.
    """
    facts = _facts(folder)
    if facts is None:
        return None
    try:
        with np.load(folder / _ARRAYS) as arrays:
            leaves = _classifier(facts, arrays)
            reliability = arrays["reliability"]
        brands = Brands(
            tuple(facts["brands"]),
            reliability,
            tuple(frozenset(found) for found in facts["brand_leaves"]),
        )
        return Stored(
            ItemReader(
                leaves,
                brands,
                Attributes(facts["attributes"]),
                DuplicateSettings(**facts["duplicates"]),
            ),
            TextSettings(**facts["text"]),
            facts["fingerprint"],
        )
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{folder} cannot be read: {error}; remove it, and it is made anew"
        ) from error


def _facts(folder):
    try:
        facts = json.loads((folder / _FACTS).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return facts if facts.get("version") == _VERSION else None


def _classifier(facts, arrays) -> LeafClassifier:
    network = LeafNetwork(
        len(arrays["buckets"]), len(facts["categories"]), len(arrays["mean"])
    )
    network.ngrams.assign(arrays["ngrams"])
    network.bias.assign(arrays["bias"])
    network.vectors.kernel.assign(arrays["kernel"])
    network.vectors.bias.assign(arrays["kernel_bias"])
    return LeafClassifier(
        ClassifierSettings(**facts["classifier"]),
        tuple(facts["categories"]),
        Known(arrays["buckets"], arrays["weights"]),
        Scaling(arrays["mean"], arrays["spread"]),
        tuple(facts["strengths"]),
        network,
    )
