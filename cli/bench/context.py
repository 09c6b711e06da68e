"""`daogou bench context`: context and rules on and off."""

import pathlib
import typing

import click

from cli import options, run_parts
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from applications.figures import SystemFigures
    from cli.main import Session

# Of the mall's campaign of that name.
_FESTIVAL = "双十一全球狂欢"


@click.command(
    epilog=options.examples(
        "daogou bench context --preset demo",
        "daogou bench context --rules rules.toml --questions 1000",
    )
)
@click.option(
    "--questions",
    "at_most",
    type=click.IntRange(1),
    default=400,
    show_default=True,
    help="How many, drawn where there are more.",
)
@click.option(
    "--rules",
    "rules_path",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Rules to measure; those of 双十一 on the simulated mall by default.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def context(
    session: "Session",
    *,
    at_most: int,
    rules_path: pathlib.Path | None,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Compare answers with context and rules and without.

    On questions of the newest run's own evaluation; its pushed model answers
    as it is. The figures go into the run's report.
    """
    from cli.reports import newest_report
    from cli.terminal import progress_console

    check_folder(json_path)
    report = newest_report(runs, preset)
    progress = run_parts.counter(progress_console())
    with libraries_hushed(show=session.debug):
        from applications.figures import record_system
        from benchmarks import context as benchmark
        from pipeline import presets
        from schema.heads import parse_heads
        from serving.rules.settings import read_rules
        from serving.rules.shelf import read_shelf

        data = run_parts.data_dir(runs, report)
        rules = {}
        if rules_path is not None:
            rules = {f"rules: {rules_path.name}": read_rules(rules_path)}
        elif scope := _festival_scope(data):
            rules = benchmark.mall_rules(scope)
        config = presets.by_name(report.preset).behavior_log
        result = benchmark.run(
            servable=report.place("servable"),
            examples=str(run_parts.examples_dir(runs, report)),
            head=next(iter(parse_heads(config.heads))),
            shelf=read_shelf(data),
            rules=rules,
            at_most=at_most,
            progress=progress,
        )
        record_system(report.path, _system(result, report.preset))
    click.echo(
        f"{result['questions']:,} questions of {result['users']:,} users"
    )
    for name, told in result["ways"].items():
        low, high = told["interval"]
        line = (
            f"  {name:28} NDCG@10 {told['ndcg@10']:.4f} "
            f"({low:.4f} to {high:.4f})  recall@10 {told['recall@10']:.4f}"
        )
        if lead := told.get("lead"):
            line += (
                f"  {lead['mean']:+.4f} "
                f"({lead['low']:+.4f} to {lead['high']:+.4f})"
            )
        if "hold" in told:
            line += f"  holds for {told['hold']}"
        click.echo(line)
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)


def _festival_scope(data: pathlib.Path) -> tuple[str, ...]:
    """Returns the categories of the mall's 双十一; none elsewhere."""
    import pyarrow.parquet as pq

    if not (data / "ground_truth").is_dir():
        return ()
    if not (data / "campaigns").is_dir():
        return ()
    rows = pq.read_table(data / "campaigns").to_pylist()
    scopes = [row["scope"] for row in rows if row["title"] == _FESTIVAL]
    return tuple(scopes[0]) if scopes else ()


def _system(result: dict, preset: str) -> "SystemFigures":
    from applications.figures import OURS, SystemFigures, list_figures
    from benchmarks.context import ON

    return SystemFigures(
        name="context",
        title="Context and rules",
        chinese="情境与规则",
        lead="What are city, device, scene, the clock and a festival's rule "
        "worth, with the same model?",
        command=f"daogou bench context --preset {preset}",
        figures=list_figures(
            {
                OURS if name == ON else name: told
                for name, told in result["ways"].items()
            }
        ),
    )
