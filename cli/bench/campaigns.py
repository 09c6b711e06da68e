"""`daogou bench campaigns`: campaigns beside their popularity."""

import pathlib
import tempfile
import typing

import click

from cli import options, run_parts
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from applications.campaigns.source import Source
    from applications.figures import SystemFigures
    from cli.main import Session


@click.command(epilog=options.examples("daogou bench campaigns --preset demo"))
@click.option(
    "--joining-taste",
    type=click.FloatRange(0, 5, min_open=True),
    default=1.0,
    show_default=True,
    help="Of the simulated mall that is made anew with joins by taste.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def campaigns(
    session: "Session",
    *,
    joining_taste: float,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Compare campaigns for a person with what is popular by kind.

    Learned from views before the split, asked about those after it. In the
    simulated mall as it is everybody joins with the same chance, so a second
    part makes it anew with joins by taste, all else alike, and asks its truth
    what showing each method's first choice would bring on every visit. The
    figures go into the run's report.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        import models  # noqa: F401  (chooses the Keras before TensorFlow)
        from applications.campaigns import evaluation, service, truth
        from applications.campaigns.settings import CampaignSettings
        from applications.figures import record_system

        settings = CampaignSettings()
        source = service.open_run(runs, report.preset, report.values, settings)
        result: dict[str, typing.Any] = {"log": _logged(source)}
        data = run_parts.data_dir(runs, report)
        if (data / "ground_truth").is_dir():
            with tempfile.TemporaryDirectory() as name:
                other = pathlib.Path(name)
                truth.replay_by_taste(data, other, joining_taste)
                source = service.open_run(
                    runs, report.preset, report.values, settings, data=other
                )
                asked = evaluation.evaluate(source)
                kinds = source.columns.kinds
                visits = truth.visits_after_split(source, asked.fitted, other)
                result["joins_by_taste"] = {
                    "joining_taste": joining_taste,
                    "training": asked.about,
                    "heads": evaluation.figures(asked, kinds),
                    "lists": asked.lists,
                    "visits": truth.figures(visits, kinds),
                }
        record_system(report.path, _system(result, report.preset))
    _print(result)
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)


def _logged(source: "Source") -> dict:
    from applications.campaigns import evaluation

    asked = evaluation.evaluate(source)
    return {
        "training": asked.about,
        "heads": evaluation.figures(asked, source.columns.kinds),
        "lists": asked.lists,
    }


def _system(result: dict, preset: str) -> "SystemFigures":
    from applications.figures import Figure, SystemFigures, list_figures

    figures: list[Figure] = []
    for data, told in result.items():
        words = "joins by taste" if data == "joins_by_taste" else data
        if told["lists"]:
            figures += list_figures(
                told["lists"]["models"], part=f"{words}, of what ran"
            )
        for head, parts in told["heads"].items():
            for part, one in parts.items():
                figures.append(
                    Figure(
                        metric=f"{head} auc",
                        values=one["models"],
                        part=f"{words}, {part}",
                        column="auc",
                    )
                )
        for part, one in told.get("visits", {}).items():
            for metric, key in (
                ("join auc, truth", "auc"),
                ("joins of the first", "joins"),
            ):
                if key in one:
                    figures.append(
                        Figure(
                            metric=metric,
                            values=one[key],
                            part=f"{words}, {part}",
                        )
                    )
    return SystemFigures(
        name="campaigns",
        title="Campaigns",
        chinese="活动推荐",
        lead="Who takes part in which coupon, flash sale or festival, and how "
        "many join what is shown first?",
        command=f"daogou bench campaigns --preset {preset}",
        figures=tuple(figures),
    )


def _print(result: dict) -> None:
    for data, told in result.items():
        click.echo(f"{data}: learned from {told['training']['views']:,} views")
        for head, parts in told["heads"].items():
            for part, one in parts.items():
                low, high = one["lead"]["interval"]
                click.echo(
                    f" {head}, {part}: {one['views']} views, "
                    f"{one['took_part']} took part; AUC ahead of popularity "
                    f"by {one['lead']['auc']:+.3f} ({low:+.3f} to {high:+.3f})"
                )
                _line(one["models"])
        if lists := told["lists"]:
            click.echo(
                f" {lists['views']} times somebody took part while "
                f"{lists['running']:.1f} ran: NDCG of the first three"
            )
            _line({n: one["ndcg@3"] for n, one in lists["models"].items()})
        for part, one in told.get("visits", {}).items():
            click.echo(f" {one['visits']} visits, {part}: AUC of joins")
            _line(one["auc"])
            if "lead" not in one:
                continue
            low, high = one["lead"]["interval"]
            click.echo(
                f"  joins of what is shown first on {one['choices']} visits, "
                f"ahead of popularity by {one['lead']['joins']:+.4f} "
                f"({low:+.4f} to {high:+.4f})"
            )
            _line(one["joins"])


def _line(figures: dict[str, float]) -> None:
    told = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
    click.echo(f"  {told}")
