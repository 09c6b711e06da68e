"""`daogou bench server`, `faults`: what the model server costs and stands."""

import pathlib
import typing

import click

from cli import options
from cli.figures import (
    check_folder,
    give,
    json_file,
    print_table,
    write,
)
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


def _numbers(
    context: click.Context, parameter: click.Parameter, text: str
) -> tuple[int, ...]:
    del context, parameter
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1 or max(found) > 1000:
        raise click.BadParameter(f"{text!r}; allowed: numbers of 1 to 1000")
    return found


@click.command(
    epilog=options.examples(
        "daogou bench server --json server.json",
        "daogou bench server --servable runs/demo/serving/daogou/1 "
        "--clients 8 --rounds 1",
    )
)
@click.option(
    "--items",
    type=click.IntRange(min=1000),
    default=100_000,
    show_default=True,
    help="Items of a made-up shop.",
)
@click.option(
    "--servable",
    type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="DIR",
    help="A version folder to ask instead of a made-up shop.",
)
@click.option(
    "--clients",
    default="1,8,32",
    show_default=True,
    callback=_numbers,
    metavar="A,B,…",
    help="How many ask at once, for each measurement.",
)
@click.option(
    "--models",
    type=click.Choice(["shop", "ranker", "line"]),
    multiple=True,
    default=("shop", "ranker", "line"),
    show_default=True,
    help="What is asked; may be given again.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.5),
    default=4.0,
    show_default=True,
    help="Of each measurement.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Turns of each; their median counts.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Seconds that a call may take; 0 for no limit, which is cheaper.",
)
@click.option(
    "--batch-timeout",
    type=click.IntRange(min=0),
    default=2000,
    show_default=True,
    help="Microseconds that a batch waits to fill.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="Measure so many servers on one port, too.",
)
@json_file
@click.pass_obj
def server(
    session: "Session",
    *,
    items: int,
    servable: pathlib.Path | None,
    clients: tuple[int, ...],
    models: tuple[str, ...],
    seconds: float,
    rounds: int,
    deadline: float,
    batch_timeout: int,
    processes: int,
    json_path: pathlib.Path | None,
) -> None:
    """Load `daogou serve` from other processes, with and without batches.

    Beside what the same graphs take without a server. On a machine with
    other work, only the ratios mean something.
    """
    check_folder(json_path)
    with libraries_hushed(show=session.debug):
        from benchmarks.serving import speed

        result = speed.bench(
            speed.Options(
                items=items,
                servable=servable,
                clients=clients,
                seconds=seconds,
                rounds=rounds,
                deadline_seconds=deadline,
                batch_timeout_micros=batch_timeout,
                processes=processes,
                models=models,
            )
        )
    for name, found in result["servables"].items():
        alone = found["in process"]
        rows = [
            (
                f"{way}, {count} clients",
                [
                    f"{one['qps']:.0f}",
                    f"{one['p50_ms']:.1f}",
                    f"{one['p99_ms']:.1f}",
                    f"{one['cpu_ms']:.2f}",
                    f"{one['cpu_over_in_process']:.2f}",
                ],
            )
            for way, by_count in found.items()
            if by_count is not alone
            for count, one in by_count.items()
        ]
        print_table(
            f"{name} ({alone['cpu_ms']:.2f} ms CPU in process)",
            ["answers/s", "p50 ms", "p99 ms", "CPU ms", "× in process"],
            rows,
        )
    if json_path is not None:
        write(result, json_path)


@click.command(
    epilog=options.examples(
        "daogou bench faults", "daogou bench faults --requests 2000"
    )
)
@click.option(
    "--requests",
    type=click.IntRange(1, 1_000_000),
    default=100_000,
    show_default=True,
    help="Requests of any kind, half over gRPC and half over REST.",
)
@click.option(
    "--connections",
    type=click.IntRange(2, 10_000),
    default=2000,
    show_default=True,
    help="Open at once; the system must allow that many files.",
)
@click.option(
    "--megabytes",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="Of the largest request.",
)
@click.option(
    "--seed",
    type=int,
    default=3,
    show_default=True,
    help="Of the requests of any kind.",
)
@json_file
@click.pass_obj
def faults(
    session: "Session",
    *,
    requests: int,
    connections: int,
    megabytes: int,
    seed: int,
    json_path: pathlib.Path | None,
) -> None:
    """Do to `daogou serve` what clients and networks do, on purpose.

    Requests of any kind, noise, slow and broken connections, very many and
    very large ones, and the end under load. Fails where a good request in
    between was not answered rightly.
    """
    check_folder(json_path)
    from cli.terminal import progress_console

    say = progress_console().print
    with libraries_hushed(show=session.debug):
        from benchmarks.serving import soak

        result = soak.soak(
            soak.Options(
                requests=requests,
                connections=connections,
                megabytes=megabytes,
                seed=seed,
            ),
            say,
        )
    give(result, json_path)
