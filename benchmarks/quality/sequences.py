"""Sequences that are read once and split leave-one-out for every model.

A file has one user a line: the user's id, then item ids in the order of time.
A user's last item is the target of the split `test`, asked with everything
before it; the last but one is that of `validation`. Users of fewer than three
steps have no item to spare, so they are trained on and never asked for.

Every model is a function of the form `Fit`: it learns from
`data.training()` alone, chooses what it has to choose on `validation`, and
returns a `Score` that the one evaluation asks for both splits.
"""

import collections
import dataclasses
import pathlib
import typing

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from datasets import sequences as source
from datasets.delimited import find_file
from models.cooccurrence.sequences import ItemSequences
from schema.errors import DataError

Split = typing.Literal["validation", "test"]
# Steps at the end of a sequence that a split's history does not hold.
HELD_BACK: dict[Split, int] = {"validation": 2, "test": 1}
FEWEST_STEPS = 3
BEAUTY = "Beauty"


class Score(typing.Protocol):
    """A model that has learned: scores of the whole catalogue."""

    def __call__(
        self, users: NDArray[np.int64], split: Split
    ) -> NDArray[np.float32]:
        """Scores every item for some users, as of the split's history.

        Args:
          users: int64 [B], rows of `Sequences.users`, all of them `asked`.
          split: Whose histories count, `data.histories(split, users)`.

        Returns:
          float32 [B, N], higher is better, writable; items of the history
          need not be taken out, the evaluation does that.
        """


class Fit(typing.Protocol):
    """A model that is to learn; its settings are bound before."""

    def __call__(
        self, data: "Sequences", *, seed: int, log_dir: pathlib.Path
    ) -> Score:
        """Learns from `data.training()`.

        Args:
          data: The sequences; the targets of `test` must not be looked at.
          seed: Of all that is drawn.
          log_dir: A folder that is there, for logs and checkpoints.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class Sequences:
    """The steps of all users over one catalogue.

    Attributes:
      users: Ids, in the order of the file; U of them.
      items: Ids, N of them: by number where all are whole numbers, else by
        their text. Rows of the catalogue are places in this list.
      offsets: int64 [U + 1], where each user's steps begin in `rows`.
      rows: int32 [steps], rows of the catalogue, oldest first.
      attributes: float32 csr [N, A], 1 where an item has an attribute; None
        where nothing is known of the items.
    """

    users: list[str]
    items: list[str]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    attributes: sp.csr_array | None = None

    @property
    def num_items(self) -> int:
        """N, the size of the catalogue."""
        return len(self.items)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [U], steps of each user."""
        return np.diff(self.offsets)

    @property
    def asked(self) -> NDArray[np.int64]:
        """int64, rows of the users that have targets."""
        return np.flatnonzero(self.lengths >= FEWEST_STEPS)

    def training(self) -> ItemSequences:
        """What models learn from, [U] sequences: all but the last two steps.

        Users of fewer than three steps come with all that they have.
        """
        return self.histories("validation")

    def histories(
        self, split: Split, users: NDArray[np.int64] | None = None
    ) -> ItemSequences:
        """What came before the targets; times are not known and 0.

        Args:
          split: Before whose targets.
          users: int64 [B], rows of `users`; all U where absent.
        """
        if users is None:
            users = np.arange(len(self.users))
        lengths = self.lengths[users]
        held = np.where(lengths >= FEWEST_STEPS, HELD_BACK[split], 0)
        lengths = lengths - held
        offsets = np.r_[0, np.cumsum(lengths)].astype(np.int64)
        place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        rows = self.rows[np.repeat(self.offsets[users], lengths) + place]
        return ItemSequences(
            rows=rows,
            offsets=offsets,
            timestamps=np.zeros(len(rows), np.int64),
            positive=np.ones(len(rows), bool),
        )

    def targets(
        self, split: Split, users: NDArray[np.int64] | None = None
    ) -> NDArray[np.int32]:
        """int32 [B], the item that came; of `asked` where `users` is absent."""
        if users is None:
            users = self.asked
        return self.rows[self.offsets[users + 1] - HELD_BACK[split]]

    def training_counts(self) -> NDArray[np.int64]:
        """int64 [N], training steps on each item."""
        return np.bincount(self.training().rows, minlength=self.num_items)

    def summary(self) -> dict[str, int]:
        """How much there is, for the report; nobody is left out unsaid."""
        return {
            "users": len(self.users),
            "users_asked": len(self.asked),
            "users_trained_on_only": len(self.users) - len(self.asked),
            "items": self.num_items,
            "items_never_trained_on": int((self.training_counts() == 0).sum()),
            "steps": len(self.rows),
            "training_steps": len(self.training().rows),
            "attributes": (
                0 if self.attributes is None else self.attributes.shape[1]
            ),
        }


def read(
    path: pathlib.Path, attributes: pathlib.Path | None = None
) -> Sequences:
    """Reads a file of lines `user item item …`.

    Args:
      path: The file.
      attributes: JSON object of item id to a list of attributes.

    Raises:
      DataError: A file is not there or malformed, no user has three steps, a
        user has no items or comes twice; names the file and the line.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    seen: dict[str, int] = {}
    row_of: dict[str, int] = collections.defaultdict(lambda: len(row_of))
    rows: list[NDArray[np.int32]] = []
    number = 0
    for group in source.read_lines(path):
        for line in group:
            number += 1
            user, *steps = line.split() or [""]
            if not user:
                continue
            if not steps:
                raise DataError(
                    f"{path}, line {number}: user {user!r} has no items; a "
                    "line is a user id and at least one item id"
                )
            if user in seen:
                raise DataError(
                    f"{path}, line {number}: user {user!r} came in line "
                    f"{seen[user]} already; a user has one line"
                )
            seen[user] = number
            rows.append(np.array([row_of[item] for item in steps], np.int32))
    if not rows:
        raise DataError(
            f"{path} is empty; it must have lines of a user id and item ids"
        )
    items, place = _in_order(list(row_of))
    data = Sequences(
        users=list(seen),
        items=items,
        offsets=np.r_[0, np.cumsum([len(row) for row in rows])].astype(
            np.int64
        ),
        rows=place[np.concatenate(rows)],
        attributes=None if attributes is None else _matrix(attributes, items),
    )
    if not len(data.asked):
        raise DataError(
            f"{path}: no user has {FEWEST_STEPS} items or more, so there is "
            "nothing to ask for; the longest line has "
            f"{data.lengths.max()}"
        )
    return data


def read_beauty(folder: pathlib.Path) -> Sequences:
    """Reads Amazon Beauty, with attributes where their file is there.

    Raises:
      DataError: As `read`; the folder has no `Beauty.txt`.
    """
    attributes = pathlib.Path(folder) / (BEAUTY + source.ATTRIBUTES)
    return read(
        find_file(folder, f"{BEAUTY}.txt"),
        attributes if attributes.is_file() else None,
    )


def _in_order(found: list[str]) -> tuple[list[str], NDArray[np.int32]]:
    """Sorts item ids; returns them and int32 [N], where each one went."""
    whole = all(item.isascii() and item.isdigit() for item in found)
    order = sorted(
        range(len(found)),
        key=lambda row: (int(found[row]) if whole else 0, found[row]),
    )
    place = np.empty(len(found), np.int32)
    place[order] = np.arange(len(found), dtype=np.int32)
    return [found[row] for row in order], place


def _matrix(path: pathlib.Path, items: list[str]) -> sp.csr_array:
    """Returns float32 csr [N, A]; attributes of other items are no matter."""
    carried = source.read_attributes(path)
    column_of: dict[str, int] = collections.defaultdict(lambda: len(column_of))
    columns = [
        sorted({column_of[name] for name in carried.get(item, ())})
        for item in items
    ]
    flat = np.array([column for some in columns for column in some], np.int32)
    return sp.csr_array(
        (
            np.ones(len(flat), np.float32),
            flat,
            np.r_[0, np.cumsum([len(some) for some in columns])],
        ),
        shape=(len(items), len(column_of)),
    )
