"""`daogou signatures`: what a pushed model takes and gives."""

import dataclasses
import json
import pathlib
import typing

import click

from cli import options

if typing.TYPE_CHECKING:
    from cli.main import Session
    from serving.signatures import Part, Signature


@click.command(
    epilog=options.examples(
        "daogou signatures --preset demo",
        "daogou signatures --model runs/demo/serving/daogou/1795378952 --json",
    )
)
@options.existing_dir(
    "--model",
    "model_dir",
    required=False,
    text="A version folder; that of the newest run by default.",
)
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def signatures(
    session: "Session",
    *,
    model_dir: pathlib.Path | None,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """List what can be asked of a pushed model, with types and meanings."""
    from cli.reports import newest_report
    from cli.terminal import libraries_hushed

    folder = model_dir or newest_report(runs, preset).place("servable")
    with libraries_hushed(show=session.debug):
        from serving.signatures import read

        found = read(folder)
    if as_json:
        told = {one.name: dataclasses.asdict(one) for one in found}
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        _print(found)


def _print(found: "list[Signature]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for one in found:
        console.print(f"[bold]{one.name}[/]  {one.meaning}")
        table = Table(box=box.SIMPLE_HEAD)
        for column in ("", "name", "type", "meaning"):
            table.add_column(column, no_wrap=column != "meaning")
        for part in one.inputs:
            needed = "must be sent" if part.required else "may be sent"
            table.add_row(needed, part.name, _type(part), part.meaning)
        for part in one.outputs:
            table.add_row("comes back", part.name, _type(part), part.meaning)
        console.print(table)


def _type(part: "Part") -> str:
    sizes = ", ".join("?" if n is None else str(n) for n in part.shape)
    return rf"{part.dtype}\[{sizes}]"
