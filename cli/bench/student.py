"""`daogou bench student`: a distilled encoder beside its teacher."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, give, json_file
from cli.terminal import libraries_hushed
from models.text.settings import E5_SMALL_ZH

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bench student --student encoders/student --queries queries.tsv",
        "daogou bench student --student student --student student-int8 "
        "--queries queries.tsv --reviews reviews.zip --work student.work",
    )
)
@click.option(
    "--student",
    "students",
    type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
    multiple=True,
    required=True,
    metavar="DIR",
    help="What `daogou encoder distil` wrote. Given again: the same student, "
    "stored otherwise.",
)
@click.option(
    "--teacher",
    default=E5_SMALL_ZH,
    show_default=True,
    metavar="HANDLE",
    help="Encoder that it learnt from.",
)
@click.option(
    "--queries",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    required=True,
    metavar="FILE",
    help="Search queries: TSV of id and text.",
)
@click.option(
    "--titles",
    default=None,
    metavar="FILE[:COLUMN]",
    help="Item texts that --title-queries search.",
)
@click.option(
    "--title-queries",
    default=None,
    metavar="FILE[:COLUMN]",
    help="Queries for --titles.",
)
@click.option(
    "--reviews",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="CSV of cat, label, review, or a zip: for accuracies.",
)
@click.option(
    "--documents",
    type=click.IntRange(min=100),
    default=20_000,
    show_default=True,
    help="Most texts to search among.",
)
@click.option(
    "--train-reviews",
    type=click.IntRange(min=100),
    default=4000,
    show_default=True,
    help="Reviews that classifiers learn from.",
)
@click.option(
    "--timed",
    type=click.IntRange(min=50),
    default=500,
    show_default=True,
    help="Queries that are timed.",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    required=True,
    metavar="DIR",
    help="Keeps the teacher's vectors; that of `encoder distil` has many.",
)
@json_file
@click.pass_obj
def student(
    session: "Session",
    *,
    students: tuple[pathlib.Path, ...],
    teacher: str,
    queries: pathlib.Path,
    titles: str | None,
    title_queries: str | None,
    reviews: pathlib.Path | None,
    documents: int,
    train_reviews: int,
    timed: int,
    work: pathlib.Path,
    json_path: pathlib.Path | None,
) -> None:
    """Measure a distilled encoder: speed, neighbours, accuracy.

    On one core. Held-out texts are asked, which no student learns from.
    """
    check_folder(json_path)
    with libraries_hushed(show=session.debug):
        from benchmarks import student as student_bench

        result = student_bench.bench(
            student_bench.Options(
                students=students,
                teacher=teacher,
                queries=queries,
                titles=titles,
                title_queries=title_queries,
                reviews=reviews,
                documents=documents,
                train_reviews=train_reviews,
                timed=timed,
                work_dir=work,
            )
        )
    give(result, json_path)
