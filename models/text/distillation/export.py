"""Writes a student as an encoder with TF-Hub's text interface."""

import pathlib
import shutil
import tempfile
import typing

from models.text.distillation.quantisation import quantise
from models.text.distillation.start import Start
from models.text.resolve import EncoderPaths
from models.text.tfhub_export import export_encoder


def export_student(
    folder: pathlib.Path,
    start: Start,
    *,
    teacher_digest: str,
    quantisation: str,
    facts: dict[str, typing.Any],
) -> EncoderPaths:
    """Writes both models; the folder appears whole or not at all.

    Args:
      folder: Not there yet; gets `preprocess` and `encoder`.
      start: What the training began with, its student trained by now. It is
        quantised in place if that is wanted.
      teacher_digest: Of the encoder in whose space its vectors are.
      quantisation: `none`, `float16` or `int8`.
      facts: What else the description says, such as how it was measured.
    """
    student = start.student
    width = int(student.positions.shape[1])
    dimension = width
    if student.projection is not None:
        dimension = int(student.projection.bias.shape[0])
    quantise(student, quantisation)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = pathlib.Path(
        tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent)
    )
    try:
        # mkdtemp is for one user's eyes; an encoder may be shared.
        made.chmod(0o755)
        start.tokenizer.export(made / "preprocess", start.seq_length)
        export_encoder(
            made / "encoder",
            student,
            description={
                "name": folder.name,
                "dimension": dimension,
                "seq_length": start.seq_length,
                "pooling": "pooled_output",
                "teacher": teacher_digest,
                "layers": len(student.layers),
                "width": width,
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
