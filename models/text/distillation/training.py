"""Trains a student: vectors of the teacher's, then steps that fit them.

What is costly is kept in a work folder: the teacher's vectors, and the state
of the training every minute and after each measurement. The same call goes on
where an interrupted one was.
"""

import dataclasses
import hashlib
import json
import logging
import math
import pathlib
import time
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from models.text.batching import pack
from models.text.bert import BertEncoder
from models.text.distillation.settings import DistilSettings
from models.text.distillation.start import Start
from models.text.distillation.student import distillation_loss
from models.text.distillation.taught_texts import TaughtTexts
from models.text.distillation.teacher import TeacherVectors
from models.text.distillation.texts import is_held_out
from schema.errors import DataError

# Share of the steps in which the learning rate rises.
_WARM_UP = 0.05
_LOWEST_RATE = 0.02
# Batches that are sorted by length together.
_SORTED_TOGETHER = 50
_SAVE_SECONDS = 60
_LARGEST_POOL = 20_000
_MEASURED_TOKENS = 8192
NEIGHBOURS = 10
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distilled:
    """A trained student and how it got there.

    Attributes:
      student: With the weights of the best measurement.
      recall: Its `recall_of_neighbours` on held-out texts.
      texts: How many it learnt from.
      held_out: How many it was measured on.
      history: A row a measurement: `step`, `seconds`, `cosine` and `recall`
        of held-out texts, and, after the first, `loss` since the last.
    """

    student: BertEncoder
    recall: float
    texts: int
    held_out: int
    history: list[dict[str, float]]


def distil(
    texts: Sequence[str],
    teacher: TeacherVectors,
    start: Start,
    *,
    settings: DistilSettings,
    work_dir: pathlib.Path,
) -> Distilled:
    """Trains a student to reproduce a teacher's vectors.

    Args:
      texts: To learn from; `is_held_out` takes some of them for measuring.
      teacher: Gives or makes the vectors.
      start: The student before it; trained in place.
      settings: How it is trained.
      work_dir: Keeps the state of the training.

    Raises:
      DataError: There are too few texts to train or to measure.
    """
    held_out = [text for text in texts if is_held_out(text)]
    learnt = [text for text in texts if not is_held_out(text)]
    if not held_out or len(learnt) <= NEIGHBOURS:
        raise DataError(
            f"{len(texts)} texts are too few to learn from and measure on: "
            f"one in 50 is held out, which gives {len(held_out)}; needed: one "
            f"held out and {NEIGHBOURS + 1} others"
        )
    measured, taught = (
        TaughtTexts.of(part, teacher(part), start.tokenizer, longest)
        for part, longest in (
            (held_out, start.seq_length),
            (learnt, min(settings.max_tokens, start.seq_length)),
        )
    )
    named = [settings.to_json(), start.digest, teacher.folder.name]
    digest = hashlib.blake2b(json.dumps(named).encode(), digest_size=8)
    for text in texts:
        digest.update(text.encode() + b"\0")
    training = _Training(
        start.student,
        taught,
        measured,
        settings,
        padding=start.tokenizer.tokens.padding,
        folder=work_dir / f"training-{digest.hexdigest()}",
    )
    training.run()
    return Distilled(
        student=training.student,
        recall=training.best_recall,
        texts=len(taught),
        held_out=len(measured),
        history=training.history,
    )


def recall_of_neighbours(
    given: np.ndarray,
    wanted: np.ndarray,
    documents: np.ndarray,
    searched: np.ndarray | None = None,
) -> float:
    """Returns the share of the true nearest documents that are found.

    Args:
      given: float32 [queries, d], vectors to search with.
      wanted: float32 [queries, d], vectors whose `NEIGHBOURS` nearest
        documents are the true ones.
      documents: float32 [documents, d], more than `NEIGHBOURS`.
      searched: The same documents as `given` finds them; by default as they
        are.
    """
    searched = documents if searched is None else searched
    shares = []
    for start in range(0, len(given), 256):
        rows = slice(start, start + 256)
        found, true = (
            np.argpartition(-(side[rows] @ there.T), NEIGHBOURS, axis=1)
            for side, there in ((given, searched), (wanted, documents))
        )
        same = found[:, :NEIGHBOURS, None] == true[:, None, :NEIGHBOURS]
        shares.append(same.any(-1).mean(-1))
    return float(np.concatenate(shares).mean())


class _Training:
    """The state of a training, the loop, and what is kept on disk."""

    def __init__(
        self,
        student: BertEncoder,
        taught: TaughtTexts,
        measured: TaughtTexts,
        settings: DistilSettings,
        *,
        padding: int,
        folder: pathlib.Path,
    ):
        self.student = student
        self.history: list[dict[str, float]] = []
        self.best_recall = -1.0
        self._taught, self._measured = taught, measured
        self._settings, self._padding = settings, padding
        self._epoch_steps = math.ceil(len(taught) / settings.batch_texts)
        self._steps = self._epoch_steps * settings.epochs
        self._optimizer = tf.keras.optimizers.AdamW(
            settings.learning_rate,
            weight_decay=settings.weight_decay,
            global_clipnorm=1.0,
        )
        self._optimizer.exclude_from_weight_decay(
            var_list=[
                variable
                for variable in student.trainable_variables
                if not variable.name.endswith("kernel:0")
            ]
        )
        self._optimizer.build(student.trainable_variables)
        spec = tf.TensorSpec([None, None], tf.int32)
        inputs = dict.fromkeys(
            ("input_word_ids", "input_mask", "input_type_ids"), spec
        )
        vectors = tf.TensorSpec([None, taught.vectors.shape[1]], tf.float32)
        self._train_step = tf.function(
            self._step_fn,
            input_signature=[inputs, vectors, vectors],
            autograph=False,
        )
        self._encode = tf.function(
            lambda inputs: student(inputs)["pooled_output"],
            input_signature=[inputs],
            autograph=False,
        )
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._folder = folder
        self._state = tf.train.CheckpointManager(
            tf.train.Checkpoint(
                student=student,
                optimizer=self._optimizer,
                step=self._step,
                seconds=self._seconds,
            ),
            str(folder / "state"),
            max_to_keep=1,
        )
        self._best = tf.train.CheckpointManager(
            tf.train.Checkpoint(student=student),
            str(folder / "best"),
            max_to_keep=1,
        )

    def run(self) -> None:
        """Trains from where the folder's state is, to the end."""
        self._restore()
        began = saved = time.monotonic()
        before = float(self._seconds)
        losses: list[float] = []
        if not self.history:
            self._measure(losses)
        due = self._next_measurement()
        while self._progress() < 1.0 and not self._is_stale():
            epoch = int(self._step) // self._epoch_steps
            for rows in self._epoch(epoch, int(self._step)):
                self._optimizer.learning_rate.assign(self._learning_rate())
                losses.append(self._train(rows))
                self._step.assign_add(1)
                self._seconds.assign(before + time.monotonic() - began)
                if self._progress() >= due:
                    due = self._next_measurement()
                    self._measure(losses)
                    losses = []
                if time.monotonic() - saved > _SAVE_SECONDS:
                    self._save()
                    saved = time.monotonic()
                if self._progress() >= 1.0 or self._is_stale():
                    break
        self._save()
        self._best.restore_or_initialize()

    def _progress(self) -> float:
        """How far the training is, 0 to 1: by steps, or by time if faster."""
        done = int(self._step) / self._steps
        if self._settings.max_seconds:
            done = max(done, float(self._seconds) / self._settings.max_seconds)
        return min(done, 1.0)

    def _next_measurement(self) -> float:
        """Returns the progress at which held-out texts are measured next."""
        number = self._settings.evaluations
        return min(1.0, (math.floor(self._progress() * number) + 1) / number)

    def _learning_rate(self) -> float:
        done = self._progress()
        fall = 0.5 * (1 + math.cos(math.pi * done))
        rise = (int(self._step) + 1) / (1 + _WARM_UP * self._steps)
        rise = max(rise, done / _WARM_UP)
        return self._settings.learning_rate * max(
            _LOWEST_RATE, min(rise, fall, 1.0)
        )

    def _is_stale(self) -> bool:
        recalls = [row["recall"] for row in self.history]
        worse = len(recalls) - 1 - int(np.argmax(recalls or [0]))
        return worse >= self._settings.patience

    def _epoch(self, epoch: int, step: int) -> Iterator[np.ndarray]:
        """Yields the rows of each step that is left of an epoch."""
        random = np.random.default_rng([self._settings.seed, epoch])
        order = random.permutation(len(self._taught))
        size = self._settings.batch_texts
        batches: list[np.ndarray] = []
        for start in range(0, len(order), size * _SORTED_TOGETHER):
            part = order[start : start + size * _SORTED_TOGETHER]
            part = part[np.argsort(self._taught.lengths[part], kind="stable")]
            cut = [part[i : i + size] for i in range(0, len(part), size)]
            batches += [cut[i] for i in random.permutation(len(cut))]
        yield from batches[step % self._epoch_steps :]

    def _train(self, rows: np.ndarray) -> float:
        random = np.random.default_rng([self._settings.seed, int(self._step)])
        size = min(self._settings.num_documents, len(self._taught))
        documents = random.choice(len(self._taught), size, replace=False)
        return float(
            self._train_step(
                self._taught.inputs(rows, self._padding),
                self._taught.vectors[rows],
                self._taught.vectors[documents],
            )
        )

    def _step_fn(self, inputs, vectors, documents):
        variables = self.student.trainable_variables
        with tf.GradientTape() as tape:
            loss, _ = distillation_loss(
                self.student(inputs)["pooled_output"],
                vectors,
                documents,
                temperature=self._settings.temperature,
                similarity_weight=self._settings.similarity_weight,
            )
        gradients = tape.gradient(loss, variables)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    def _measure(self, losses: list[float]) -> None:
        """Adds a row to the history and keeps the student if it is best."""
        wanted = self._measured.vectors
        given = np.zeros_like(wanted)
        for rows in pack(self._measured.lengths, _MEASURED_TOKENS):
            given[rows] = self._encode(
                self._measured.inputs(rows, self._padding)
            ).numpy()
        recall = recall_of_neighbours(
            given, wanted, self._taught.vectors[:_LARGEST_POOL]
        )
        row = {
            "step": int(self._step),
            "seconds": round(float(self._seconds), 1),
            "cosine": round(float((given * wanted).sum(-1).mean()), 5),
            "recall": round(recall, 5),
        }
        if losses:
            row["loss"] = round(float(np.mean(losses)), 5)
        self.history.append(row)
        _log.info("student: %s of %d steps", row, self._steps)
        if row["recall"] > self.best_recall:
            self.best_recall = row["recall"]
            self._best.save()
        self._save()

    def _save(self) -> None:
        self._state.save()
        made = self._folder / "history.json.part"
        made.write_text(json.dumps(self.history), encoding="utf-8")
        made.rename(self._folder / "history.json")

    def _restore(self) -> None:
        path = self._folder / "history.json"
        if self._state.restore_or_initialize() is None or not path.is_file():
            return
        self.history = [
            row
            for row in json.loads(path.read_text(encoding="utf-8"))
            if row["step"] <= int(self._step)
        ]
        self.best_recall = max(
            (row["recall"] for row in self.history), default=-1.0
        )
        _log.info("student: goes on at step %d", int(self._step))
