"""What training has learned of whom, to find what is new in the next data.

By time alone late events and back-filled days would be taken for old ones, so
what counts is how many choices of a user the last training has seen.
"""

import dataclasses
import pathlib
import typing

import numpy as np
import tensorflow as tf

# As many hashes as int64 has; two users of a billion share one by a chance of
# one in twenty, and are then learned from a day early or late.
_HASHES = 2**63 - 1
_BATCH = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """Who chose when, in the order of the sequences.

    Attributes:
      users: int64 [S], a hash of each sequence's user.
      owner: int64 [C], the sequence of each choice.
      times: int64 [C], Unix seconds.
    """

    users: np.ndarray
    owner: np.ndarray
    times: np.ndarray

    @classmethod
    def of(
        cls, sequences: tf.data.Dataset, records: tf.data.Dataset
    ) -> typing.Self:
        """Reads them.

        Args:
          sequences: Single examples as `models.inputs.sequence_inputs` makes
            them.
          records: The same, serialised, in the same order.
        """
        spec = {"user_id": tf.io.FixedLenFeature([], tf.string)}
        users = [
            tf.strings.to_hash_bucket_fast(
                tf.io.parse_example(batch, spec)["user_id"], _HASHES
            ).numpy()
            for batch in records.batch(_BATCH)
        ]
        owner, times, first = [], [], 0
        for batch in sequences.batch(_BATCH):
            chosen = (batch["train"] | batch["validation"]).numpy()
            owner.append(first + np.nonzero(chosen)[0])
            times.append(batch["target_times"].numpy()[chosen])
            first += len(chosen)
        nothing = np.zeros(0, np.int64)
        return cls(
            users=np.concatenate([nothing, *users]),
            owner=np.concatenate([nothing, *owner]),
            times=np.concatenate([nothing, *times]),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearnedUsers:
    """How much of each user training has learned.

    Attributes:
      users: int64 [U], hashes, ascending.
      counts: int64 [U], choices, those of one second counted once.
      newest: int64 [U], Unix seconds of the last.
    """

    users: np.ndarray
    counts: np.ndarray
    newest: np.ndarray

    @classmethod
    def of(cls, choices: Choices) -> typing.Self:
        """Counts choices; windows of one sequence overlap in a step."""
        pairs = np.unique(
            np.stack([choices.users[choices.owner], choices.times], 1), axis=0
        )
        users, first, counts = np.unique(
            pairs[:, 0], return_index=True, return_counts=True
        )
        return cls(
            users=users,
            counts=counts.astype(np.int64),
            newest=pairs[first + counts - 1, 1],
        )

    def new_sequences(self, now: Choices) -> np.ndarray:
        """Says which sequences hold choices that have not been learned.

        Args:
          now: Of the data that is to be learned from.

        Returns:
          bool [S]: of a user with choices after the last that was learned,
          the windows that hold them; of a user with more choices before it
          than were learned (late events, a back-filled day), all.
        """
        last, counts = self._known(now.users)
        new = np.zeros(len(now.users), bool)
        later = now.times > last[now.owner]
        new[now.owner[later]] = True
        old = LearnedUsers.of(
            Choices(
                users=now.users,
                owner=now.owner[~later],
                times=now.times[~later],
            )
        )
        return new | (old._known(now.users)[1] > counts)

    def _known(self, users):
        """Returns the last time, -1 for none, and the number of choices."""
        if not len(self.users):
            return np.full(len(users), -1), np.zeros(len(users), np.int64)
        place = np.searchsorted(self.users, users)
        place = np.minimum(place, len(self.users) - 1)
        known = self.users[place] == users
        return (
            np.where(known, self.newest[place], -1),
            np.where(known, self.counts[place], 0),
        )

    def write(self, path: pathlib.Path) -> None:
        """Writes a file for `read`."""
        np.savez(path, users=self.users, counts=self.counts, newest=self.newest)

    @classmethod
    def read(cls, path: pathlib.Path) -> typing.Self:
        """Reads what `write` wrote."""
        found = np.load(path)
        return cls(**{name: found[name] for name in found.files})
