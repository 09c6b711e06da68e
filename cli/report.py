"""`daogou report`: where the newest report lies, and its figures."""

import json
import pathlib

import click

from cli import options


@click.command(epilog=options.examples("daogou report --preset demo"))
@options.runs
@options.preset_of_newest_run
@options.as_json
def report(runs: pathlib.Path, preset: str | None, as_json: bool) -> None:
    """Print path and metrics of the newest report."""
    from cli.reports import newest_report, print_metrics

    found = newest_report(runs, preset)
    if as_json:
        click.echo(json.dumps(found.values, ensure_ascii=False))
        return
    from cli.terminal import output_console

    console = output_console()
    print_metrics(console, found)
    click.echo(f"report: {found.path.with_suffix('.html')}")
