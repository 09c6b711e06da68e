"""Draws the events of a run: a live list, or plain lines for logs."""

import time
import types
import typing

from cli.terminal import duration
from pipeline import progress

if typing.TYPE_CHECKING:
    import rich.console
    import rich.text


# Frames of the wheel a second.
WHEEL_TURNS = 10


class PlainDisplay:
    """One line a node, for files, pipes and `--verbose`."""

    def __init__(self, console: "rich.console.Console"):
        self._stream = console.file
        self._order: dict[str, int] = {}
        # The node whose line is written so far without its time.
        self._open = ""

    def __enter__(self) -> progress.Listener:
        """Returns the function that takes the events."""
        return self._on_event

    def __exit__(self, *raised: object) -> None:
        """Ends a line that an exception left open."""
        self._end_open_line()

    def _on_event(self, event: progress.Event) -> None:
        match event:
            case progress.RunStarted(nodes=nodes):
                self._order = _order(nodes)
            case progress.NodeStarted(node=node):
                self._end_open_line()
                self._write(self._label(node))
                self._open = node
            case progress.NodeFinished(node=node):
                self._finish_line(node, _outcome(event))
            case progress.NodeFailed(node=node):
                # The message comes with the exception, once.
                self._finish_line(node, "failed")
            case progress.Note(text=text):
                self._end_open_line()
                self._write(f"{text}\n")
            case progress.RunFinished(seconds=seconds):
                self._end_open_line()
                self._write(f"done in {duration(seconds)}\n")

    def _label(self, node: str) -> str:
        total = len(self._order)
        number = f"{self._order.get(node, 0):{len(str(total))}d}"
        return f"[{number}/{total}] {node} … "

    def _finish_line(self, node: str, outcome: str) -> None:
        if self._open != node:
            self._end_open_line()
            self._write(self._label(node))
        self._write(f"{outcome}\n")
        self._open = ""

    def _end_open_line(self) -> None:
        if self._open:
            self._write("\n")
            self._open = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class LiveDisplay:
    """Finished nodes scroll up; below them moves what is going on.

    Only the moving part is redrawn, so a pipeline of any length fits a
    terminal of any height, and the list stays in the scrollback.
    """

    def __init__(self, console: "rich.console.Console"):
        from rich.live import Live

        self._console = console
        self._order: dict[str, int] = {}
        self._running: dict[str, float] = {}
        self._finished = 0
        self._began = time.monotonic()
        self._live = Live(
            console=console,
            get_renderable=self._moving_part,
            refresh_per_second=8,
            # Gone at the end, and the process's own streams stay untouched.
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> progress.Listener:
        """Starts to draw; returns the function that takes the events."""
        self._live.start(refresh=True)
        return self._on_event

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        """Takes the moving part away; the finished nodes stay."""
        self._live.stop()

    def _on_event(self, event: progress.Event) -> None:
        match event:
            case progress.RunStarted(nodes=nodes):
                self._order = _order(nodes)
            case progress.NodeStarted(node=node):
                self._running[node] = time.monotonic()
            case progress.NodeFinished(node=node):
                self._running.pop(node, None)
                self._finished += 1
                mark, style = ("=", "dim") if event.cached else ("✓", "green")
                self._print(mark, style, node, _time_of(event), event.note)
            case progress.NodeFailed(node=node):
                self._running.pop(node, None)
                self._print("✗", "bold red", node, "failed", "")
            case progress.Note(text=text):
                self._console.print(text, markup=False)
            case progress.RunFinished(seconds=seconds):
                self._console.print(f"[bold]Done in {duration(seconds)}.")
        self._live.refresh()

    def _print(
        self, mark: str, style: str, node: str, when: str, note: str
    ) -> None:
        self._console.print(
            self._line((mark, style), node, when, note),
            no_wrap=True,
            overflow="ellipsis",
        )

    def _line(
        self, mark: tuple[str, str], node: str, when: str, note: str
    ) -> "rich.text.Text":
        from rich.text import Text

        widest = max(map(len, self._order), default=0)
        return Text.assemble(
            mark,
            f" {node:{widest}} {when:>11} ",
            (note, "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )

    def _moving_part(self) -> "rich.console.Group":
        from rich.console import Group
        from rich.spinner import Spinner

        now = time.monotonic()
        frames = Spinner("dots").frames
        wheel = (frames[int(now * WHEEL_TURNS) % len(frames)], "cyan")
        running = [
            self._line(wheel, node, duration(now - since), "")
            for node, since in list(self._running.items())
        ]
        all_of_it = f"{self._finished} of {len(self._order)} nodes"
        spent = duration(now - self._began)
        return Group(*running, self._line((" ", ""), all_of_it, spent, ""))


def open_display(
    console: "rich.console.Console", *, verbose: bool
) -> PlainDisplay | LiveDisplay:
    """Returns the display that suits where the console writes.

    Args:
      console: Where progress goes.
      verbose: Logs run through the same terminal, so nothing may move.
    """
    if console.is_terminal and not verbose:
        return LiveDisplay(console)
    return PlainDisplay(console)


def _order(nodes: tuple[str, ...]) -> dict[str, int]:
    return {node: number for number, node in enumerate(nodes, start=1)}


def _time_of(event: progress.NodeFinished) -> str:
    return "cached" if event.cached else duration(event.seconds)


def _outcome(event: progress.NodeFinished) -> str:
    return f"{_time_of(event)}  {event.note}".rstrip()
