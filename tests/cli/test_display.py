import contextlib
import io
import pathlib

import rich.cells
import rich.console

from cli.display import LiveDisplay, PlainDisplay, open_display
from pipeline import progress

NODES = ("EventsGen", "EventsStatistics", "Trainer")
EVENTS = [
    progress.Note(text="data: 3,000 items"),
    progress.RunStarted(nodes=NODES),
    progress.NodeStarted(node="EventsGen"),
    progress.NodeFinished(node="EventsGen", seconds=0.1, cached=True),
    progress.NodeStarted(node="EventsStatistics"),
    progress.NodeFinished(
        node="EventsStatistics", seconds=4.21, note="180,000 events"
    ),
    progress.NodeStarted(node="Trainer"),
    progress.NodeFinished(node="Trainer", seconds=83.0, note="loss [2.1]"),
    progress.RunFinished(report_path=pathlib.Path("report.json"), seconds=90.0),
]


def _console(*, terminal, width=80):
    return rich.console.Console(
        file=io.StringIO(),
        force_terminal=terminal,
        width=width,
        highlight=False,
        color_system=None,
    )


def _plain(events):
    console = _console(terminal=False)
    with PlainDisplay(console) as on_event:
        for event in events:
            on_event(event)
    return console.file.getvalue()


def _live(events, width=80):
    console = _console(terminal=True, width=width)
    with LiveDisplay(console) as on_event:
        for event in events:
            on_event(event)
    return console.file.getvalue()


def test_a_log_gets_one_line_a_node():
    assert _plain(EVENTS) == (
        "data: 3,000 items\n"
        "[1/3] EventsGen … cached\n"
        "[2/3] EventsStatistics … 4.2 s  180,000 events\n"
        "[3/3] Trainer … 1 min 23 s  loss [2.1]\n"
        "done in 1 min 30 s\n"
    )


def test_numbers_line_up_in_long_pipelines():
    nodes = tuple(f"Node{number}" for number in range(31))
    shown = _plain(
        [
            progress.RunStarted(nodes=nodes),
            progress.NodeStarted(node="Node2"),
            progress.NodeFinished(node="Node2", seconds=1.0),
        ]
    )
    assert shown == "[ 3/31] Node2 … 1.0 s\n"


def test_a_started_node_shows_before_it_ends():
    shown = _plain(EVENTS[1:3])
    assert shown == "[1/3] EventsGen … \n"


def test_notes_and_overlapping_nodes_break_no_line():
    shown = _plain(
        [
            progress.RunStarted(nodes=NODES),
            progress.NodeStarted(node="EventsGen"),
            progress.Note(text="retry"),
            progress.NodeStarted(node="Trainer"),
            progress.NodeFinished(node="EventsGen", seconds=1.0),
            progress.NodeFailed(node="Trainer", message="loss is NaN"),
        ]
    )
    assert shown.splitlines() == [
        "[1/3] EventsGen … ",
        "retry",
        "[3/3] Trainer … ",
        "[1/3] EventsGen … 1.0 s",
        "[3/3] Trainer … failed",
    ]


def test_a_terminal_keeps_the_finished_nodes():
    shown = _live(EVENTS)
    for text in (
        "= EventsGen             cached",
        "✓ EventsStatistics       4.2 s 180,000 events",
        "✓ Trainer           1 min 23 s loss [2.1]",
        "Done in 1 min 30 s.",
        "data: 3,000 items",
    ):
        assert text in shown


def test_a_terminal_shows_what_runs_and_how_far_it_is():
    shown = _live(EVENTS[1:7])
    assert "2 of 3 nodes" in shown
    assert "Trainer" in shown


def test_a_failed_node_stays_and_the_cursor_comes_back():
    console = _console(terminal=True)
    with contextlib.suppress(RuntimeError), LiveDisplay(console) as on_event:
        on_event(progress.RunStarted(nodes=NODES))
        on_event(progress.NodeStarted(node="Trainer"))
        on_event(progress.NodeFailed(node="Trainer", message="NaN"))
        raise RuntimeError
    shown = console.file.getvalue()
    assert "✗ Trainer" in shown
    assert "failed" in shown
    show_cursor = "\x1b[?25h"
    assert shown.rindex(show_cursor) > shown.rindex("✗ Trainer")


def test_long_notes_are_cut_to_the_terminal():
    nodes = ("EventsGen",)
    shown = _live(
        [
            progress.RunStarted(nodes=nodes),
            progress.NodeStarted(node="EventsGen"),
            progress.NodeFinished(
                node="EventsGen", seconds=1.0, note="很长的说明" * 30
            ),
        ],
        width=40,
    )
    [line] = [line for line in shown.splitlines() if "很长" in line]
    assert rich.cells.cell_len(line[line.index("✓") :]) <= 40


def test_nothing_moves_in_files_or_among_log_lines():
    assert isinstance(
        open_display(_console(terminal=False), verbose=False), PlainDisplay
    )
    assert isinstance(
        open_display(_console(terminal=True), verbose=True), PlainDisplay
    )
    assert isinstance(
        open_display(_console(terminal=True), verbose=False), LiveDisplay
    )
