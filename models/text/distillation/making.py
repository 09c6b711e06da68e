"""From files of texts to a student's folder: what `encoder distil` does."""

import pathlib
import typing
from collections.abc import Sequence

from models.text.distillation.cut_teacher import cut_teacher
from models.text.distillation.export import export_student
from models.text.distillation.settings import (
    DistilSettings,
    StudentShape,
    TeacherLayers,
)
from models.text.distillation.student import start_anew
from models.text.distillation.teacher import TeacherVectors
from models.text.distillation.texts import read_texts
from models.text.distillation.training import distil
from models.text.distillation.wordpiece_learning import learn_vocabulary
from models.text.hub import TextEncoder
from models.text.wordpiece import read_vocabulary
from schema.errors import DataError

# Live texts are queries, so the student gives the teacher's vectors of those.
_ROLE = "query"


def make_student(
    sources: Sequence[str],
    output: pathlib.Path,
    *,
    teacher: tuple[str, str],
    shape: StudentShape | TeacherLayers,
    vocabulary: pathlib.Path | None,
    work_dir: pathlib.Path,
    settings: DistilSettings,
    quantisation: str,
) -> dict[str, typing.Any]:
    """Trains a student and writes it.

    Args:
      sources: Texts, see `read_texts`.
      output: Folder for the student; not there yet.
      teacher: Handles of the teacher's preprocess model and its encoder, as
        `TextEncoder.load` takes them.
      shape: What the student starts as.
      vocabulary: `vocab.txt` of a student that is not a part of its teacher;
        None makes one of the texts.
      work_dir: Keeps the teacher's vectors and the state of the training.
      settings: How it is trained.
      quantisation: `none`, `float16` or `int8`.

    Returns:
      What the encoder's description says of the training: `texts`,
      `held_out`, `recall@10`, `history`.

    Raises:
      DataError: `output` is there, or the texts or the vocabulary are bad.
      MissingDependencyError: The teacher cannot be had.
    """
    if output.exists():
        raise DataError(
            f"{output} is there already; allowed: a folder that is not"
        )
    texts = read_texts(sources)
    encoder = TextEncoder.load(*teacher)
    vectors = TeacherVectors(work_dir, encoder, _ROLE)
    if isinstance(shape, TeacherLayers):
        start = cut_teacher(encoder, shape.layers)
    else:
        pieces = (
            read_vocabulary(vocabulary)
            if vocabulary
            else learn_vocabulary(texts, settings.vocabulary_size)
        )
        start = start_anew(shape, pieces, vectors, settings.seed)
    distilled = distil(
        texts,
        vectors,
        start,
        settings=settings,
        work_dir=work_dir,
    )
    report = {
        "texts": distilled.texts,
        "held_out": distilled.held_out,
        "recall@10": distilled.recall,
        "history": distilled.history,
    }
    export_student(
        output,
        start,
        teacher_digest=encoder.digest,
        quantisation=quantisation,
        facts=report,
    )
    return report
