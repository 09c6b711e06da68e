"""`daogou bench import`: imported encoders beside transformers itself."""

import pathlib

import click

from cli import options
from cli.figures import check_folder, give, json_file


@click.command(
    "import",
    epilog=options.examples(
        "daogou bench import --data ../shared/data --json import.json"
    ),
)
@options.existing_dir(
    "--data",
    "data",
    required=True,
    text="Folder with vocab/vocab_bert_zh.txt, search queries and reviews.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=100),
    default=3500,
    show_default=True,
    help="Texts of each file that are tokenised.",
)
@json_file
@click.pass_obj
def import_checkpoints(
    session, *, data: pathlib.Path, sample: int, json_path: pathlib.Path | None
) -> None:
    """Compare imported encoders with transformers, which is the reference.

    Checkpoints with random weights, in the forms that people download.
    The library is installed beside Daogou at the first call (3 GB).
    """
    from cli.terminal import libraries_hushed

    check_folder(json_path)
    with libraries_hushed(show=session.debug):
        from benchmarks import encoder_import, text

        queries = list(text.read_queries(data / text.QUERIES))
        reviews = list(text.read_texts(data / text.REVIEWS))
        result = encoder_import.run(
            data / "vocab" / "vocab_bert_zh.txt",
            text.draw(queries, sample) + text.draw(reviews, sample),
        )
    give(result, json_path)
