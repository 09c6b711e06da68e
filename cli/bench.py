"""`daogou bench`: what Daogou costs, measured on this machine."""

import json
import pathlib
import sys

import click

from cli import options


@click.group(epilog=options.examples("daogou bench text --data ../shared/data"))
def bench() -> None:
    """Measure Daogou, peers beside it, on this machine."""


def _file(name: str, argument: str, text: str):
    return click.option(
        name,
        argument,
        type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
        default=None,
        metavar="FILE",
        help=text,
    )


@bench.command(
    epilog=options.examples(
        "daogou bench text --data ../shared/data --json text.json",
        "daogou bench text --queries queries.tsv --seconds 60 --node-texts 0",
    )
)
@options.existing_dir(
    "--data",
    "data",
    required=False,
    text="Folder that holds both files under their usual names.",
)
@_file("--queries", "queries", "Search queries: TSV of id and text.")
@_file("--texts", "texts", "Long texts: CSV with a column review, or a zip.")
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
@click.option(
    "--node-texts",
    type=click.IntRange(min=0),
    default=20_000,
    show_default=True,
    help="Texts for the node's first and second run; 0 leaves that out.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Write the figures here; on the screen otherwise.",
)
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
    node_texts: int,
    json_path: pathlib.Path | None,
) -> None:
    """Measure text encoding: texts a second, and the node's second run.

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
    if json_path is not None and not json_path.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {json_path.parent}")
    with libraries_hushed(show=session.debug):
        result = text_bench.bench(
            text_bench.Options(
                queries=queries,
                texts=texts,
                sample=sample,
                seconds=seconds,
                rounds=rounds,
                second_run=node_texts,
            )
        )
    result = {"command": " ".join(["daogou", *sys.argv[1:]]), **result}
    document = json.dumps(result, ensure_ascii=False, indent=1)
    if json_path is None:
        click.echo(document)
        return
    json_path.write_text(document + "\n", encoding="utf-8")
    click.echo(f"figures: {json_path}")


def _there(path: pathlib.Path) -> pathlib.Path | None:
    return path if path.is_file() else None
