"""`daogou bench assistant`: 80 questions of customers about the mall."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session

_SHARES = ("right", "intent", "fits", "majority", "keyword_fits")


@click.command(epilog=options.examples("daogou bench assistant"))
@click.option(
    "--dev",
    is_flag=True,
    help="Ask the 60 questions that it was built with instead; their figures "
    "stay out of the report.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def assistant(
    session: "Session",
    *,
    dev: bool,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Ask the customer-service assistant what customers of the mall ask.

    How many of 80 hand-written questions get the right intent and a fitting
    item in the first three, beside the most usual intent and plain keyword
    search. The figures go into the run's report.
    """
    from cli.assist import make_assistant
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from applications.figures import record_system
        from benchmarks import assistant as benchmark
        from cli.run_parts import items_of, open_shop

        items = items_of(report)
        cases = benchmark.read_cases(
            benchmark.DEV_CASES if dev else benchmark.CASES
        )
        with open_shop(report, "") as shop:
            answering = make_assistant(report, shop, items, None, None)
            result = benchmark.run(cases, answering, items)
        if not dev:
            command = f"daogou bench assistant --preset {report.preset}"
            record_system(report.path, benchmark.system(result, command))
    click.echo(f"{'':14}{'cases':>7}" + "".join(f"{n:>14}" for n in _SHARES))
    for name, told in {**result["intents"], "all": result["all"]}.items():
        cells = "".join(f"{told[share]:>14.1%}" for share in _SHARES)
        click.echo(f"{name:14}{told['cases']:>7}{cells}")
    for missed in result["missed"]:
        came = "; ".join(missed["came"]) or missed["topic"] or "nothing"
        click.echo(
            f"missed: {missed['question']} ({missed['intent']}, answered as "
            f"{missed['answered']}: {came})"
        )
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)
