"""Item understanding on held-out items, beside TF-IDF and simple rules."""

import csv
import dataclasses
import io
import pathlib
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from applications.understanding import planting
from applications.understanding.encoding import TitleEncoder
from applications.understanding.reader import ItemReader, texts_of
from applications.understanding.settings import DuplicateSettings
from benchmarks.understanding import filling, peer
from datasets.mall.taxonomy import stocked_leaves
from models.understanding import classifier
from models.understanding.settings import ClassifierSettings
from schema.errors import DataError

REVIEWS = "online_shopping_10_cats.zip"
_HELD_OUT = 0.2
_HIDDEN = 0.5
_PLANTED = 300


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured.

    Attributes:
      reviews: The zipped CSV of `online_shopping_10_cats`; None leaves it out.
      sample: Of its reviews, two thirds of which are learned from.
      seed: Of what is held out, drawn and planted.
    """

    reviews: pathlib.Path | None = None
    sample: int = 3000
    seed: int = 5


def catalogue(items: pa.Table, encoder: TitleEncoder, options: Options) -> dict:
    """Measures on a catalogue.

    Args:
      items: The contract's table.
      encoder: Of its run.
      options: What is measured.

    Returns:
      `leaves` by what is held out, `duplicates` and `brands`.
    """
    rng = np.random.default_rng(options.seed)
    # What is not known cannot be told right or wrong.
    items = items.filter(pc.not_equal(pc.fill_null(items["category"], ""), ""))
    categories = np.array(items["category"].to_pylist(), object)
    held = _stratified(categories, _HELD_OUT, rng)
    splits = {"items": held}
    names = _unseen_names(items, categories, rng)
    if names.any():
        splits["product names"] = names
    splits["half of the items"] = rng.random(len(held)) < _HIDDEN
    leaves, reader, theirs = {}, None, None
    for name, out in splits.items():
        # Only the first is asked for duplicates and brands as well.
        twins = DuplicateSettings(**({} if reader is None else {"planted": 0}))
        learned = ItemReader.learn(
            items.filter(pa.array(~out)), encoder, ClassifierSettings(), twins
        )
        reader = reader or learned
        theirs = peer.ask(
            _texts(items), categories, out, category_texts=True, like=theirs
        )
        read = learned.read(items.filter(pa.array(out)), encoder, k=3)
        leaves[name] = _leaves(read, items, categories, out, theirs)
    if reader is None:
        raise DataError("there is nothing to measure on")
    return {
        "leaves": leaves,
        "duplicates": _duplicates(reader, items, held, encoder, options.seed),
        "brands": _brands(reader, items.filter(pa.array(held)), rng),
    }


def reviews(encoder: TitleEncoder, options: Options) -> dict:
    """Measures on reviews of ten categories; a stratified sample of them."""
    if options.reviews is None:
        return {}
    texts, labels = _read_reviews(options.reviews)
    rng = np.random.default_rng(options.seed)
    kept = _stratified(labels, options.sample / len(labels), rng)
    texts, labels = texts[kept], labels[kept]
    out = _stratified(labels, 1 / 3, rng)
    told = pa.array(texts.tolist(), pa.string())
    nothing = pa.nulls(len(told), pa.string())
    vectors = encoder(told)
    names = tuple(sorted(set(labels.tolist())))
    made = classifier.train(
        told.filter(pa.array(~out)),
        nothing.filter(pa.array(~out)),
        pa.array(labels[~out].tolist(), pa.string()),
        vectors[~out],
        encoder(classifier.category_texts(names)),
        settings=ClassifierSettings(),
    )
    logits = made.logits(
        told.filter(pa.array(out)), nothing.filter(pa.array(out)), vectors[out]
    )
    best = made.best(logits, 1)
    ours = np.array([row[0] for row in best.categories], object)
    return {
        "learned": int((~out).sum()),
        **_accuracies(
            ours,
            best.chances[:, 0],
            peer.ask(texts, labels, out, category_texts=False),
            labels,
            out,
        ),
    }


def _texts(items) -> NDArray[np.object_]:
    """Returns what the peer reads of items: title and description."""
    told = zip(*(words.to_pylist() for words in texts_of(items)), strict=True)
    return np.array([" ".join(words).strip() for words in told], object)


def _leaves(read, items, categories, out, theirs):
    ours = np.array([row[0] for row in read.leaves.categories], object)
    found = _accuracies(
        ours, read.leaves.chances[:, 0], theirs, categories, out
    )
    filled = filling.fill(items, categories, out)
    found["accuracy"]["daogou, words alone"] = float(filled.right.mean())
    # The peer may choose as many as are filled in, those it is surest of.
    surest = np.argsort(-theirs.chances, kind="stable")[: filled.answered.sum()]
    found["filled in by the pipeline"] = {
        **filled.facts,
        "precision of the peer on as many": float(
            (theirs.labels == categories[out])[surest].mean()
        )
        if len(surest)
        else 0.0,
    }
    found["top 3"] = float(
        np.mean(
            [
                told in row
                for told, row in zip(
                    categories[out], read.leaves.categories, strict=True
                )
            ]
        )
    )
    return found


def _accuracies(ours, chances, theirs, labels, out):
    """Ours, the peer's and the majority's, on what was held out."""
    told, counts = np.unique(labels[~out], return_counts=True)
    right = ours == labels[out]
    return {
        "asked": int(out.sum()),
        "classes": len(told),
        "accuracy": {
            "daogou": float(right.mean()),
            "TF-IDF + logistic regression": float(
                (theirs.labels == labels[out]).mean()
            ),
            "majority": float((labels[out] == told[counts.argmax()]).mean()),
        },
        "mean confidence": float(chances.mean()),
        "peer": theirs.about,
    }


def _duplicates(reader, items, held, encoder, seed):
    """Plants duplicates of items that nothing was learned from."""
    rows = np.flatnonzero(held)
    titles = np.array(items["title"].to_pylist(), object)
    drawn = planting.plant(titles[rows].tolist(), _PLANTED, seed)
    planted = dataclasses.replace(drawn, rows=rows[drawn.rows])
    both = planting.with_planted(items, planted)
    pairs = reader.pairs(both, reader.read(both, encoder, k=1))
    right = planting.is_planted(pairs, planted, len(items))
    found = np.zeros(len(planted.rows), bool)
    found[pairs.second[right] - len(items)] = True
    # Pairs that the catalogue has without anything planted.
    own = pairs.second < len(items)
    kinds = np.array(planted.kinds)
    precision = float(right[~own].mean()) if (~own).any() else 0.0
    recall = float(found.mean())
    exact = _same_key(titles, planted)
    return {
        "planted": len(planted.rows),
        "threshold": reader.twins.threshold,
        "precision": precision,
        "recall": recall,
        "f1": _f1(precision, recall),
        "pairs of the catalogue itself": int(own.sum()),
        "recall by kind": {
            kind: float(found[kinds == kind].mean())
            for kind in planting.KINDS
            if (kinds == kind).any()
        },
        "same title": exact,
    }


def _same_key(titles, planted):
    """The rule without a model: titles alike but for signs and blanks."""
    from applications.understanding.duplicates import stripped

    keys = stripped(pa.array(titles.tolist())).to_pylist()
    theirs = stripped(pa.array(planted.titles)).to_pylist()
    rows: dict[str, set[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, set()).add(row)
    hits = [rows.get(key, set()) for key in theirs]
    found = sum(
        row in hit for row, hit in zip(planted.rows.tolist(), hits, strict=True)
    )
    said = sum(map(len, hits))
    precision = found / said if said else 0.0
    recall = found / len(theirs)
    return {
        "precision": precision,
        "recall": recall,
        "f1": _f1(precision, recall),
    }


def _brands(reader, items, rng):
    """Held-out titles, a half of which has lost its brand's name."""
    brands = np.array(items["brand"].fill_null("").to_pylist(), object)
    titles = np.array(items["title"].to_pylist(), object)
    leaves = items["category"].fill_null("").to_pylist()
    cut = rng.random(len(titles)) < 0.5
    asked = [
        title.replace(brand, "", 1).strip() if gone and brand else title
        for title, brand, gone in zip(titles, brands, cut, strict=True)
    ]
    truth = np.where(cut, "", brands)
    found = reader.brands.find(asked, leaves)
    ours = np.array([one.value if one else "" for one in found], object)
    longest = np.array([_longest(reader, title) for title in asked], object)
    return {
        "titles": len(asked),
        "f1": {
            "daogou": _brand_f1(ours, truth),
            "longest name in the title": _brand_f1(longest, truth),
        },
    }


def _longest(reader, title):
    names = [name for name in reader.brands.names if name in title]
    return max(names, key=len, default="")


def _brand_f1(found, truth):
    right = int(((found == truth) & (truth != "")).sum())
    said, there = int((found != "").sum()), int((truth != "").sum())
    return 2 * right / (said + there) if said + there else 0.0


def _f1(precision, recall):
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def _stratified(labels, share, rng) -> NDArray[np.bool_]:
    """Draws a share of each class, one at least if it has two."""
    drawn = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        count = max(int(len(rows) > 1), round(share * len(rows)))
        drawn[rows[:count]] = bool(label)
    return drawn


def _unseen_names(items, categories, rng) -> NDArray[np.bool_]:
    """Holds out, of each leaf of the mall, one of its products' names.

    `蓝牙耳机` is learned from and `真无线耳机` asked for: what a classifier of
    characters cannot have seen.
    """
    titles = items["title"].to_pylist()
    names = {leaf.category: leaf.names for leaf in stocked_leaves(len(items))}
    drawn = {
        category: told[rng.integers(len(told))]
        for category, told in names.items()
        if len(told) > 1
    }
    out = []
    for title, category in zip(titles, categories, strict=True):
        said = [name for name in names.get(category, ()) if name in title]
        longest = max(said, key=len, default="")
        out.append(bool(longest) and longest == drawn.get(category))
    return np.array(out, bool)


def _read_reviews(path: pathlib.Path):
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = [n for n in archive.namelist() if n.endswith(".csv")]
            text = archive.read(name).decode("utf-8-sig")
    except (zipfile.BadZipFile, ValueError, KeyError) as error:
        raise DataError(
            f"{path} is no zip with one CSV file: {error}"
        ) from error
    rows = [
        (row["cat"], row["review"])
        for row in csv.DictReader(io.StringIO(text))
        if row["review"] and row["cat"]
    ]
    return (
        np.array([review for _, review in rows], object),
        np.array([label for label, _ in rows], object),
    )
