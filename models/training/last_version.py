"""What a training leaves for the next: weights by name, rows by token.

The exported SavedModel cannot be trained on: what inference does not read is
not in it. So the Trainer leaves a folder beside it:

    manifest.json   what the model was, and until when it has learned
    weights.npz     every weight of the towers and the heads, by its path
    tokens/*.txt    what the rows of a table of embeddings stand for, one a
                    line; row 0 of a table is what is unknown
    items.npz       how often training saw each item chosen
    users.npz       how much of each user it has learned (`learned_users`)

A weight's path is made of attribute names, as in `item_tower/up/kernel`, and
does not depend on how many layers the process had made before.
"""

import collections
import dataclasses
import json
import os
import pathlib
import shutil
import typing
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from models.settings import ModelSettings
from models.training.learned_users import LearnedUsers
from schema.errors import DataError

if typing.TYPE_CHECKING:
    from models.recommender import Recommender

# In the Trainer's artifact `model_run`.
FOLDER = "warm_start"
# The vocabulary of items; those of features have the features' names.
ITEMS = "item_id"
_FORMAT = 1
_PARTS = (
    *("item_tower", "query_tower", "ranking"),
    *("item_text", "item_image", "query_text"),
)
# Dictionaries of tables, by feature, and the table of item ids.
_TABLES = (
    "item_tower/categorical/",
    "query_tower/context/",
    "ranking/deep/",
    "ranking/wide/",
)
_IDS = "item_tower/ids/embeddings"
# What of the encoder's description decides what its vectors mean.
_ENCODER = ("dimension", "preprocess", "encoder", "digest", "query")
# Fields of ModelSettings that decide what the weights mean.
_MEANING = (
    "dimension",
    "num_blocks",
    "num_heads",
    "gated",
    "feed_forward",
    "cosine",
    "temperature",
    "ranking_width",
    "num_experts",
    "images",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LastVersion:
    """A model as the next training takes it up.

    Attributes:
      weights: Path to values.
      tokens: Vocabulary to its tokens, in the order of rows 1 and on.
      choices: float32 [items], how often each was chosen.
      users: What has been learned of whom.
      learned_until: Unix seconds; nothing of that moment and later was
        learned.
      model: Settings of the model.
      encoder: What `encoder.json` says of the text encoder.
    """

    weights: Mapping[str, np.ndarray]
    tokens: dict[str, list[bytes]]
    choices: np.ndarray
    users: LearnedUsers
    learned_until: int
    model: ModelSettings
    encoder: dict

    @classmethod
    def of(
        cls,
        model: "Recommender",
        *,
        vocabularies: Mapping[str, Sequence[bytes]],
        users: LearnedUsers,
        encoder: dict,
    ) -> typing.Self:
        """Takes what is to be kept of a trained model.

        Args:
          model: Its weights are copied.
          vocabularies: Of each feature that has one, its tokens in order.
          users: What has been learned of whom.
          encoder: What `encoder.json` says.
        """
        return cls(
            weights={n: v.numpy() for n, v in named_weights(model).items()},
            tokens={
                ITEMS: list(model.items.ids),
                **{name: list(found) for name, found in vocabularies.items()},
            },
            choices=model.items.choices().numpy(),
            users=users,
            learned_until=model.newest + 1,
            model=model.settings,
            encoder={n: encoder[n] for n in _ENCODER if n in encoder},
        )

    def write(self, run_dir: str) -> None:
        """Writes it into a run's folder, whole or not at all."""
        folder = pathlib.Path(run_dir, FOLDER)
        fresh = folder.with_name(f".{FOLDER}-{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        (fresh / "tokens").mkdir(parents=True)
        weights: dict[str, typing.Any] = dict(self.weights)
        np.savez(fresh / "weights.npz", **weights)
        for name, tokens in self.tokens.items():
            text = b"".join(token + b"\n" for token in tokens)
            (fresh / "tokens" / f"{name}.txt").write_bytes(text)
        np.savez(fresh / "items.npz", choices=self.choices)
        self.users.write(fresh / "users.npz")
        manifest = {
            "format": _FORMAT,
            "learned_until": self.learned_until,
            "model": json.loads(self.model.to_json()),
            "encoder": self.encoder,
        }
        (fresh / "manifest.json").write_text(
            json.dumps(manifest, ensure_ascii=False, indent=1),
            encoding="utf-8",
        )
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)

    @classmethod
    def read(cls, run_dir: str) -> typing.Self:
        """Reads what `write` wrote; weights only when they are asked for.

        Args:
          run_dir: The Trainer's artifact `model_run`.

        Raises:
          DataError: There is none, or another version of Daogou wrote it.
        """
        folder = pathlib.Path(run_dir, FOLDER)
        try:
            text = (folder / "manifest.json").read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise DataError(
                f"{folder} is not there: the model was trained before one "
                "could go on with it; run the pipeline once more"
            ) from error
        manifest = json.loads(text)
        if manifest["format"] != _FORMAT:
            raise DataError(
                f"{folder} has format {manifest['format']}; allowed: {_FORMAT}"
                "; run the pipeline once more"
            )
        return cls(
            weights=np.load(folder / "weights.npz"),
            tokens={
                path.stem: path.read_bytes().split(b"\n")[:-1]
                for path in sorted((folder / "tokens").glob("*.txt"))
            },
            choices=np.load(folder / "items.npz")["choices"],
            users=LearnedUsers.read(folder / "users.npz"),
            learned_until=manifest["learned_until"],
            model=ModelSettings.from_json(json.dumps(manifest["model"])),
            encoder=manifest["encoder"],
        )

    def check(self, settings: ModelSettings, encoder: dict) -> None:
        """Refuses to go on where weights would mean something else.

        Args:
          settings: Of the model that is to be trained.
          encoder: What `encoder.json` says of its text encoder.

        Raises:
          DataError: Names what differs.
        """
        now = {n: encoder[n] for n in _ENCODER if n in encoder}
        differing = [
            (f"ModelSettings.{name}", before, getattr(settings, name))
            for name in _MEANING
            if (before := getattr(self.model, name)) != getattr(settings, name)
        ]
        if self.model.head_names != settings.head_names:
            heads = self.model.head_names, settings.head_names
            differing.append(("the heads", *heads))
        if self.encoder != now:
            differing.append(("the text encoder", self.encoder, now))
        if differing:
            what, before, after = differing[0]
            raise DataError(
                f"the last version cannot be updated: {what} was {before!r} "
                f"and is now {after!r}; train anew with `daogou run`"
            )

    def restore(
        self,
        model: "Recommender",
        vocabularies: Mapping[str, Sequence[bytes]],
    ) -> dict[str, int]:
        """Puts the weights into a model that knows other tokens.

        Rows of tables go where their token is now. Rows of tokens that are
        new stay as they were initialised, but those of items: an item that
        nobody had chosen stood on the vector of unknown ids till now, and so
        its own begins there.

        Args:
          model: All its parts have been called, so that weights exist.
          vocabularies: As for `of`, those of now.

        Returns:
          Of each vocabulary, how many tokens were found again.

        Raises:
          DataError: A weight is not there or has another shape.
        """
        now = {
            ITEMS: list(model.items.ids),
            **{name: list(found) for name, found in vocabularies.items()},
        }
        places = {
            name: _places(self.tokens.get(name, []), tokens)
            for name, tokens in now.items()
        }
        for name, variable in named_weights(model).items():
            if name not in self.weights:
                raise DataError(
                    f"the last version has no weight {name}; another version "
                    "of Daogou trained it; train anew with `daogou run`"
                )
            values = self.weights[name]
            vocabulary = vocabulary_of(name, now)
            if vocabulary:
                before = variable.numpy()
                values = _moved(values, places[vocabulary], before, name)
            elif values.shape != tuple(variable.shape):
                raise DataError(
                    f"the last version's weight {name} is {values.shape}; "
                    f"needed: {tuple(variable.shape)}; train anew with "
                    "`daogou run`"
                )
            variable.assign(values)
        found = places[ITEMS]
        chosen = np.pad(self.choices, [(0, 1)])[found] > 0  # -1: the pad
        table = model.item_tower.ids.embeddings
        ids = table.numpy()
        ids[1:][~chosen] = model.item_tower.unknown.numpy()
        table.assign(ids)
        return {name: int((at >= 0).sum()) for name, at in places.items()}


def vocabulary_of(path: str, vocabularies: Mapping[str, typing.Any]) -> str:
    """Returns the vocabulary that the rows of a weight stand for, or "".

    >>> vocabulary_of("ranking/wide/brand_index/embeddings", {"brand_index": 1})
    'brand_index'
    >>> vocabulary_of("ranking/wide/age/embeddings", {"brand_index": 1})
    ''
    """
    if path == _IDS:
        return ITEMS
    if not path.startswith(_TABLES):
        return ""
    feature = path.split("/")[2]
    return feature if feature in vocabularies else ""


def named_weights(model: "Recommender") -> dict[str, tf.Variable]:
    """Returns the weights of towers and heads by path; they must exist."""
    found: dict[str, tf.Variable] = {}
    for part in _PARTS:
        root = getattr(model, part)
        if root is None:  # There are no images.
            continue
        view = tf.train.TrackableView(root)
        wanted = {variable.ref() for variable in root.variables}
        seen = {id(root)}
        waiting = collections.deque([(part, root)])
        while waiting:
            path, node = waiting.popleft()
            for name, child in sorted(view.children(node).items()):
                if id(child) in seen:
                    continue
                seen.add(id(child))
                if isinstance(child, tf.Variable):
                    if child.ref() in wanted:
                        found[f"{path}/{name}"] = child
                else:
                    waiting.append((f"{path}/{name}", child))
    return found


def _places(before: Sequence[bytes], now: Sequence[bytes]) -> np.ndarray:
    """Returns where each token of now was before, int64 [now], or -1."""
    place = {token: row for row, token in enumerate(before)}
    return np.array([place.get(token, -1) for token in now], np.int64)


def _moved(values, places, fresh, path):
    """Puts rows where their tokens are now; row 0 is what is unknown."""
    if values.shape[1:] != fresh.shape[1:]:
        raise DataError(
            f"the last version's table {path} has rows of {values.shape[1:]}; "
            f"needed: {fresh.shape[1:]}; train anew with `daogou run`"
        )
    moved = fresh.copy()
    moved[0] = values[0]
    known = np.flatnonzero(places >= 0)
    moved[1 + known] = values[1 + places[known]]
    return moved
