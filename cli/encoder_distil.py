"""`daogou encoder distil`: a small encoder for queries that must be fast."""

import json
import pathlib
import sys
import typing

import click

from cli import options
from cli.terminal import duration, libraries_hushed
from models.text.distillation.settings import (
    QUANTISATIONS,
    DistilSettings,
    StudentShape,
    TeacherLayers,
)
from models.text.settings import E5_SMALL_ZH

if typing.TYPE_CHECKING:
    from cli.main import Session

# Of the encoder in the user's cache.
_NAME = "student"
_SHAPE, _SETTINGS = StudentShape(), DistilSettings()
# Options of a student that is not a part of its teacher.
_OWN = ("vocabulary", "layers", "width", "feed_forward", "heads")


def _number(name: str, argument: str, default: float, text: str):
    """Makes an option of the default's type."""
    kind = type(default)
    return click.option(
        name,
        argument,
        type=kind,
        default=default,
        show_default=True,
        metavar="N" if kind is int else "X",
        help=text,
    )


@click.command(
    epilog=options.examples(
        "daogou encoder distil --texts queries.tsv --texts items.parquet:title "
        "--teacher-layers 2 --output encoders/student",
        "daogou encoder distil --texts queries.txt --vocabulary vocab.txt "
        "--max-seconds 3600 --quantise int8 --output encoders/student",
    )
)
@click.option(
    "--texts",
    "sources",
    multiple=True,
    required=True,
    metavar="FILE[:COLUMN]",
    help="Texts to learn from: a text a line, after the last tab if there is "
    "one; or a column of Parquet, CSV, TSV. May be given again.",
)
@click.option(
    "--output",
    type=click.Path(path_type=pathlib.Path),
    default=None,
    metavar="DIR",
    help="Gets the models, must not be there; `student` in the user's cache "
    "by default, where runs find it by name.",
)
@click.option(
    "--teacher",
    default=E5_SMALL_ZH,
    show_default=True,
    metavar="HANDLE",
    help="Encoder to learn from: a name, a folder or a hub handle.",
)
@click.option(
    "--teacher-preprocess",
    default="",
    metavar="HANDLE",
    help="Its preprocess model, where that does not lie beside it.",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="DIR",
    help="Keeps the teacher's vectors and the state of the training, from "
    "which the same command goes on; OUTPUT.work by default.",
)
@_number(
    "--teacher-layers",
    "teacher_layers",
    0,
    "Start as a part of the teacher: its tokenizer, its word embedding and so "
    "many of its layers; 0: as a network of its own, with the options below.",
)
@click.option(
    "--vocabulary",
    type=click.Path(path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="WordPiece vocab.txt, such as Google's; made from the texts if left "
    "out.",
)
@_number("--layers", "layers", _SHAPE.layers, "Layers of the student.")
@_number("--width", "width", _SHAPE.width, "Length of its tokens' vectors.")
@_number(
    "--feed-forward",
    "feed_forward",
    _SHAPE.feed_forward,
    "Width of its feed-forward networks.",
)
@_number("--heads", "heads", _SHAPE.heads, "Its attention heads.")
@_number("--epochs", "epochs", _SETTINGS.epochs, "Passes over the texts.")
@_number(
    "--max-seconds",
    "max_seconds",
    _SETTINGS.max_seconds,
    "Most time for training, after the teacher's vectors; 0: no limit.",
)
@_number("--batch", "batch_texts", _SETTINGS.batch_texts, "Texts in a step.")
@_number(
    "--max-tokens",
    "max_tokens",
    _SETTINGS.max_tokens,
    "Tokens of a text that training reads.",
)
@_number(
    "--learning-rate",
    "learning_rate",
    _SETTINGS.learning_rate,
    "Highest in training.",
)
@_number(
    "--num-documents",
    "num_documents",
    _SETTINGS.num_documents,
    "Texts that a step puts in the teacher's order.",
)
@_number(
    "--temperature",
    "temperature",
    _SETTINGS.temperature,
    "Of that order: the lower, the more the nearest count.",
)
@_number(
    "--similarity-weight",
    "similarity_weight",
    _SETTINGS.similarity_weight,
    "What the order counts beside the vectors themselves.",
)
@_number(
    "--evaluations",
    "evaluations",
    _SETTINGS.evaluations,
    "How often recall of held-out texts is measured.",
)
@_number(
    "--patience",
    "patience",
    _SETTINGS.patience,
    "Measurements without a better one that end the training.",
)
@click.option(
    "--quantise",
    type=click.Choice(QUANTISATIONS),
    default="none",
    show_default=True,
    help="How matrices are stored.",
)
@_number("--seed", "seed", _SETTINGS.seed, "Of start values and order.")
@options.as_json
@click.pass_obj
def distil(
    session: "Session",
    *,
    sources: tuple[str, ...],
    output: pathlib.Path | None,
    teacher: str,
    teacher_preprocess: str,
    teacher_layers: int,
    vocabulary: pathlib.Path | None,
    work: pathlib.Path | None,
    layers: int,
    width: int,
    feed_forward: int,
    heads: int,
    epochs: int,
    max_seconds: float,
    batch_texts: int,
    max_tokens: int,
    learning_rate: float,
    num_documents: int,
    temperature: float,
    similarity_weight: float,
    evaluations: int,
    patience: int,
    quantise: str,
    seed: int,
    as_json: bool,
) -> None:
    """Train a small encoder to give a large one's vectors.

    Queries of the student and items of the teacher are then in one space. One
    text in 50 is held out to measure with.
    """
    import time

    began = time.monotonic()
    shape: StudentShape | TeacherLayers
    if teacher_layers:
        _check_alone(click.get_current_context())
        shape = TeacherLayers(layers=teacher_layers)
    else:
        shape = StudentShape(
            layers=layers, width=width, feed_forward=feed_forward, heads=heads
        )
    settings = DistilSettings(
        epochs=epochs,
        max_seconds=max_seconds,
        batch_texts=batch_texts,
        max_tokens=max_tokens,
        learning_rate=learning_rate,
        num_documents=num_documents,
        temperature=temperature,
        similarity_weight=similarity_weight,
        evaluations=evaluations,
        patience=patience,
        seed=seed,
    )
    with libraries_hushed(show=session.debug):
        from models.text import resolve
        from models.text.distillation.making import make_student

        output = output or resolve.default_directory(_NAME)
        report = make_student(
            sources,
            output,
            teacher=(teacher_preprocess or teacher, teacher),
            shape=shape,
            vocabulary=vocabulary,
            work_dir=work or output.with_name(f"{output.name}.work"),
            settings=settings,
            quantisation=quantise,
        )
    if as_json:
        json.dump(report, sys.stdout, ensure_ascii=False, indent=1)
        click.echo()
        return
    click.echo(
        f"encoder: {output} (in {duration(time.monotonic() - began)})\n"
        f"texts: {report['texts']} learnt, {report['held_out']} held out\n"
        f"recall@10 of the teacher's neighbours: {report['recall@10']:.3f}"
    )


def _check_alone(context: click.Context) -> None:
    """Refuses options that a part of the teacher has no use for."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in _OWN
        if context.get_parameter_source(name)
        != click.core.ParameterSource.DEFAULT
    ]
    if given:
        raise click.UsageError(
            f"--teacher-layers takes these of the teacher: {', '.join(given)}; "
            "give the one or the others"
        )
