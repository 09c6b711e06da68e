"""What goes to the terminal: consoles, and libraries kept from it."""

import contextlib
import io
import os
import sys
import typing
from collections.abc import Iterator

if typing.TYPE_CHECKING:
    import rich.console

# Of output into files and pipes, where there is no terminal to ask.
PIPE_COLUMNS = 120


def output_console() -> "rich.console.Console":
    """Returns a console on stdout, for results."""
    return _console(sys.stdout)


def progress_console() -> "rich.console.Console":
    """Returns a console on a copy of stderr, for what goes on.

    The copy keeps pointing at the terminal while a run sends the process's
    own stderr to its log.
    """
    try:
        copy = os.dup(sys.stderr.fileno())
    except (io.UnsupportedOperation, ValueError):
        # Not a real file, as in tests.
        return _console(sys.stderr)
    # Closed with the process; the console has no owner to close it.
    stream = open(  # noqa: SIM115
        copy,
        "w",
        encoding=sys.stderr.encoding,
        errors="replace",
    )
    return _console(stream)


def _console(stream: typing.TextIO) -> "rich.console.Console":
    from rich.console import Console

    width = None
    if not stream.isatty() and "COLUMNS" not in os.environ:
        width = PIPE_COLUMNS
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


@contextlib.contextmanager
def libraries_hushed(*, show: bool) -> Iterator[None]:
    """Keeps what libraries print, C++ code included, away from stdout.

    Args:
      show: Let it through to stderr instead of dropping it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    hole = os.open(os.devnull, os.O_WRONLY)
    try:
        target = saved[1] if show else hole
        os.dup2(target, 1)
        os.dup2(target, 2)
        with (
            open(os.dup(target), "w", errors="replace") as stream,
            contextlib.redirect_stdout(stream),
            contextlib.redirect_stderr(stream),
        ):
            yield
    finally:
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for descriptor in (*saved, hole):
            os.close(descriptor)


def duration(seconds: float) -> str:
    """Writes a time as people read it.

    >>> duration(0.04), duration(4.21), duration(83), duration(3725)
    ('0.0 s', '4.2 s', '1 min 23 s', '1 h 02 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
