"""Goes on with the last version's weights, on what is new since.

A whole training learns the towers, then the heads on impressions that the
towers have not learned from, then lets the towers catch up. An update comes
in at the second step: the last version's towers have learned nothing of the
new span, so the heads see honest retrieval scores there, and the towers catch
up on it.
"""

import typing
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from models import features
from models.settings import ModelSettings
from models.text.fine_tuning.settings import FROZEN, FineTuningSettings
from models.training import data
from models.training.last_version import LastVersion
from models.training.learned_users import Choices, LearnedUsers
from models.training.update_settings import UpdateSettings
from schema.errors import DataError
from schema.settings import SettingsError

if typing.TYPE_CHECKING:
    from models.recommender import Recommender

_DRAWS = 2**20


class WarmStart:
    """The last version, as the training of the next one takes it up.

    Args:
      run_dir: The last Trainer's artifact `model_run`.
      settings: How much is learned.

    Attributes:
      settings: How much is learned.
      learned_until: Unix seconds; the last version knows nothing of that
        moment and later.
      told: What `history.json` says of the update.

    Raises:
      DataError: The last training left nothing to go on with.
    """

    def __init__(self, run_dir: str, settings: UpdateSettings):
        self._last = LastVersion.read(run_dir)
        self.settings = settings
        self.learned_until = self._last.learned_until
        self.told: dict = {"learned_until": self.learned_until}

    def check(self, model: ModelSettings, encoder: dict) -> None:
        """Refuses to go on with another model.

        Args:
          model: What the model is to be.
          encoder: What `encoder.json` says.

        Raises:
          DataError: The last version was another one.
        """
        self._last.check(model, encoder)

    def restore(
        self,
        model: "Recommender",
        sequences: tf.data.Dataset,
        impressions: tf.data.Dataset | None,
        vocabularies: dict[str, Sequence[bytes]],
    ) -> None:
        """Puts the last version's weights into a new model.

        Args:
          model: Just made.
          sequences: Batches, one of which lets the towers make their weights.
          impressions: Batches that let the heads make theirs; None leaves
            them out.
          vocabularies: Of each feature that has one, its tokens in order.

        Raises:
          DataError: As `LastVersion.restore`.
        """
        for batch in sequences.take(1):
            model.sequence_loss(batch)
        model.freeze_items()
        for batch in () if impressions is None else impressions.take(1):
            model.loss_of_ranking(batch)
        found = self._last.restore(model, vocabularies)
        model.freeze_items()
        items = model.items.num_items
        self.told["items"] = {
            "known": found["item_id"],
            "new": items - found["item_id"],
        }

    def worth_learning(
        self, sequences: tf.data.Dataset, choices: Choices, seed: int
    ) -> tf.data.Dataset:
        """Returns sequences with something new, and some others.

        Args:
          sequences: All of them.
          choices: Theirs.
          seed: Of the draw of the others.

        Raises:
          DataError: Nothing is new.
        """
        new = self._last.users.new_sequences(choices)
        if not new.any():
            raise DataError(
                "there is nothing to learn: no user has a choice before the "
                "split time that the last version has not learned from"
            )
        old = np.flatnonzero(~new)
        count = min(len(old), round(self.settings.replay * int(new.sum())))
        drawn = np.random.default_rng(seed).choice(old, count, replace=False)
        kept = new.copy()
        kept[drawn] = True
        self.told["sequences"] = {
            "new": int(new.sum()),
            "replayed": count,
            "all": len(new),
        }
        chosen = tf.constant(kept)
        return (
            sequences.enumerate()
            .filter(lambda number, _: chosen[number])
            .map(lambda _, sequence: sequence)
        )

    def impressions(
        self, records: tf.data.Dataset, seed: int
    ) -> tf.data.Dataset:
        """Returns serialised ranking examples since then, and some others.

        Args:
          records: Of the split `train`, transformed, serialised.
          seed: Of the draw of the others.
        """
        spec = {"timestamp": tf.io.FixedLenFeature([], tf.int64)}

        def is_new(batch):
            time = tf.io.parse_example(batch, spec)["timestamp"]
            return time >= self.learned_until

        batches = records.batch(data.PARSE_BATCH)
        new = old = 0
        for batch in batches:
            fresh = is_new(batch).numpy()
            new += int(fresh.sum())
            old += int((~fresh).sum())
        share = min(1.0, self.settings.replay * new / max(old, 1))
        self.told["impressions"] = {"new": new, "replay_share": share}

        def keep(batch):
            # By content and seed: the same in every pass and every run.
            draw = tf.strings.to_hash_bucket_strong(
                batch, _DRAWS, key=[seed, _DRAWS]
            )
            return tf.boolean_mask(
                batch, is_new(batch) | (draw < int(share * _DRAWS))
            )

        return batches.map(keep).unbatch().cache()


def check_frozen(fine_tuning: FineTuningSettings) -> None:
    """Checks that the text encoder stays as it is.

    Raises:
      SettingsError: It is to be trained.
    """
    if fine_tuning.mode != FROZEN:
        raise SettingsError(
            f"FineTuningSettings.mode is {fine_tuning.mode!r} and training "
            "goes on with the last version; allowed: one of them, because the "
            "last version's encoder is another one"
        )


def vocabularies(sources: data.Sources) -> dict[str, list[bytes]]:
    """Returns the tokens of each feature that has a vocabulary, in order."""
    # Where TFX is not, models are still trained, and not gone on with.
    import tensorflow_transform as tft

    found = {}
    for table, graph in (
        (features.ITEM_FEATURES, sources.item_transform_graph),
        (features.BEHAVIOR_FEATURES, sources.transform_graph),
    ):
        output = tft.TFTransformOutput(graph)
        for feature in table:
            if feature.size < 0:
                found[feature.name] = output.vocabulary_by_name(feature.name)
    return found


def leave(
    model: "Recommender",
    sources: data.Sources,
    choices: Choices,
    encoder: dict,
    run_dir: str,
) -> None:
    """Writes what the next training goes on with.

    Args:
      model: Trained.
      sources: What it was trained on.
      choices: What it has learned.
      encoder: What `encoder.json` says.
      run_dir: The run's folder.
    """
    LastVersion.of(
        model,
        vocabularies=vocabularies(sources),
        users=LearnedUsers.of(choices),
        encoder=encoder,
    ).write(run_dir)
