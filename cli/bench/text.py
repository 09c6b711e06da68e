"""`daogou bench text` and `text-rerun`: what encoding texts costs."""

import pathlib

import click

from cli import options
from cli.figures import check_folder, give, json_file


@click.command(
    epilog=options.examples(
        "daogou bench text --data ../shared/data --json text.json",
        "daogou bench text --queries queries.tsv --seconds 60",
    )
)
@options.existing_dir(
    "--data",
    "data",
    required=False,
    text="Folder that holds both files under their usual names.",
)
@options.existing_file(
    "--queries", "queries", text="Search queries: TSV of id and text."
)
@options.existing_file(
    "--texts", "texts", text="Long texts: CSV with a column review, or a zip."
)
@click.option(
    "--sample",
    type=click.IntRange(min=100),
    default=4000,
    show_default=True,
    help="Texts of each file that are encoded.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=10),
    default=120.0,
    show_default=True,
    help="Measuring time for each file.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=3),
    default=7,
    show_default=True,
    help="Turns of each contender; their median counts.",
)
@json_file
@click.pass_obj
def text(
    session,
    *,
    data: pathlib.Path | None,
    queries: pathlib.Path | None,
    texts: pathlib.Path | None,
    sample: int,
    seconds: float,
    rounds: int,
    json_path: pathlib.Path | None,
) -> None:
    """Measure text encoding in texts a second.

    Against one text at a time, padding to 128, ONNX Runtime on the same
    weights (installed beside Daogou at the first call), and the machine's
    matrix multiplication. On a machine with other work, only the ratios mean
    something.
    """
    from cli.terminal import libraries_hushed

    with libraries_hushed(show=session.debug):
        from benchmarks import text as text_bench

    if data is not None:
        queries = queries or _there(data / text_bench.QUERIES)
        texts = texts or _there(data / text_bench.REVIEWS)
    if queries is None and texts is None:
        raise click.UsageError(
            "nothing to encode: give --queries, --texts, or a --data folder "
            f"with {text_bench.QUERIES} or {text_bench.REVIEWS}"
        )
    check_folder(json_path)
    with libraries_hushed(show=session.debug):
        result = text_bench.bench(
            text_bench.Options(
                queries=queries,
                texts=texts,
                sample=sample,
                seconds=seconds,
                rounds=rounds,
            )
        )
    give(result, json_path)


@click.command(
    "text-rerun",
    epilog=options.examples("daogou bench text-rerun --queries queries.tsv"),
)
@click.option(
    "--queries",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    required=True,
    metavar="FILE",
    help="Search queries: TSV of id and text.",
)
@click.option(
    "--count",
    type=click.IntRange(min=100),
    default=20_000,
    show_default=True,
    help="Distinct queries of the second run.",
)
@json_file
@click.pass_obj
def text_rerun(
    session,
    *,
    queries: pathlib.Path,
    count: int,
    json_path: pathlib.Path | None,
) -> None:
    """Measure the encoding node's second run, with 1 % new texts.

    The first run fills an empty cache. Loading the encoder and starting Beam
    cost the second run the same few seconds however many texts there are, so
    its share is the smaller the larger the count.
    """
    from cli.terminal import libraries_hushed

    check_folder(json_path)
    with libraries_hushed(show=session.debug):
        from benchmarks.text import bench_second_run

        result = bench_second_run(queries, count)
    give(result, json_path)


def _there(path: pathlib.Path) -> pathlib.Path | None:
    return path if path.is_file() else None
