"""Writes a student as an encoder with TF-Hub's text interface."""

import pathlib
import shutil
import tempfile
import typing

from models.text.bert import BertEncoder
from models.text.distillation.fast_wordpiece import FastWordPiece
from models.text.distillation.quantisation import quantise
from models.text.distillation.settings import StudentShape
from models.text.resolve import EncoderPaths
from models.text.tfhub_export import export_encoder, export_preprocess


def export_student(
    folder: pathlib.Path,
    student: BertEncoder,
    tokenizer: FastWordPiece,
    shape: StudentShape,
    *,
    teacher_digest: str,
    quantisation: str,
    facts: dict[str, typing.Any],
) -> EncoderPaths:
    """Writes both models; the folder appears whole or not at all.

    Args:
      folder: Not there yet; gets `preprocess` and `encoder`.
      student: Trained. Quantised in place if that is wanted.
      tokenizer: The one that it was trained with.
      shape: The student's size.
      teacher_digest: Of the encoder in whose space its vectors are.
      quantisation: `none`, `float16` or `int8`.
      facts: What else the description says, such as how it was measured.
    """
    if student.projection is None:
        raise ValueError("a student has a projection to its teacher's space")
    dimension = int(student.projection.bias.shape[0])
    quantise(student, quantisation)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = pathlib.Path(
        tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent)
    )
    try:
        # mkdtemp is for one user's eyes; an encoder may be shared.
        made.chmod(0o755)
        export_preprocess(
            made / "preprocess",
            tokenize=tokenizer.tokenize,
            tokenizer=tokenizer,
            tokens=tokenizer.tokens,
            seq_length=shape.seq_length,
        )
        export_encoder(
            made / "encoder",
            student,
            description={
                "name": folder.name,
                "dimension": dimension,
                "seq_length": shape.seq_length,
                "pooling": "pooled_output",
                "teacher": teacher_digest,
                "layers": shape.layers,
                "width": shape.width,
                "quantisation": quantisation,
                **facts,
            },
        )
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return EncoderPaths(
        preprocess=folder / "preprocess", encoder=folder / "encoder"
    )
