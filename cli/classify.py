"""`daogou classify`: what items are, from their words."""

import json
import pathlib
import typing

import click

from cli import options

if typing.TYPE_CHECKING:
    import pyarrow as pa

    from cli.main import Session


@click.command(
    epilog=options.examples(
        'daogou classify "罗技 M330 无线静音鼠标"',
        "daogou classify --items new.csv --output read.parquet",
    )
)
@click.argument("title", default="")
@click.option(
    "--description", default="", metavar="TEXT", help="More about the title."
)
@click.option(
    "--items",
    "items_path",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Read all items of a CSV, Parquet or JSON lines file.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Where they are written to, as Parquet, with what was inferred.",
)
@click.option(
    "--k",
    type=click.IntRange(1, 20),
    default=3,
    show_default=True,
    help="How many categories.",
)
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def classify(
    session: "Session",
    *,
    title: str,
    description: str,
    items_path: pathlib.Path | None,
    output: pathlib.Path | None,
    k: int,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Tell the leaf category, brand and attributes of a title.

    Of a file also near duplicates. What tells them is taught by the catalogue
    of the newest run, at the first call, and kept beside the run. All of it
    is inferred and nothing of the file is changed: the new columns say
    `inferred`.
    """
    _check(title, items_path, output)
    from cli.reports import newest_report
    from cli.terminal import libraries_hushed

    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        import models  # noqa: F401  (chooses the Keras before TensorFlow)
        from applications.understanding import making

        reader, encoder, taught = making.reader_of_run(
            runs, report.preset, report.values
        )
    if taught:
        click.echo(
            f"taught by the catalogue of {report.preset}: "
            f"{len(reader.leaves.categories)} leaves",
            err=True,
        )
    if items_path is not None and output is not None:
        from datasets.items_file import read_items

        items = read_items(items_path)
        with libraries_hushed(show=session.debug):
            filled = reader.filled(items, encoder)
        from applications.tables import write_table

        write_table(filled, output)
        _say_file(filled, output, as_json)
        return
    import pyarrow as pa

    one = pa.table({"title": [title], "description": [description]})
    with libraries_hushed(show=session.debug):
        read = reader.read(one, encoder, k)
    brand = read.brands[0]
    answer: dict[str, typing.Any] = {
        "title": title,
        "inferred": {
            "categories": [
                {"category": name, "confidence": round(float(chance), 4)}
                for name, chance in zip(
                    read.leaves.categories[0],
                    read.leaves.chances[0],
                    strict=True,
                )
            ],
            "brand": _told(brand) if brand else None,
            "attributes": [_told(found) for found in read.attributes[0]],
        },
    }
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=1))
    else:
        _show(answer["inferred"], title)


def _check(title, items_path, output) -> None:
    if bool(title.strip()) == (items_path is not None):
        raise click.UsageError("give either a TITLE or --items FILE")
    if (items_path is None) != (output is None):
        raise click.UsageError("--items and --output go together")
    if output is not None and not output.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {output.parent}")


def _say_file(filled: "pa.Table", output: pathlib.Path, as_json: bool) -> None:
    from applications.understanding.reader import INFERRED

    told: dict[str, typing.Any] = {
        "output": str(output),
        "items": len(filled),
        "inferred": {
            name: len(filled) - filled[name].null_count for name in INFERRED
        },
    }
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    click.echo(f"{output}: {len(filled):,} items")
    for name, count in told["inferred"].items():
        click.echo(f"  {name:20} {count:,}")


def _told(found) -> dict:
    return {
        "name": found.name,
        "value": found.value,
        "span": [found.start, found.end],
        "source": found.source,
        "confidence": found.confidence,
    }


def _show(inferred: dict, title: str) -> None:
    for one in inferred["categories"]:
        click.echo(f"{one['confidence']:6.1%}  {one['category']}")
    brand = inferred["brand"]
    for one in [*([brand] if brand else []), *inferred["attributes"]]:
        said = title[slice(*one["span"])]
        click.echo(f"{one['name']:>10}: {one['value']}  ←「{said}」")
