import subprocess
import sys

SCRIPT = """
import os, sys
from cli.terminal import libraries_hushed
print("before")
with libraries_hushed(show={show}):
    print("python")
    print("python too", file=sys.stderr)
    os.write(1, b"native\\n")
    os.write(2, b"native too\\n")
    os.system("echo child")
print("after")
"""


def _run(show):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(show=show)],
        capture_output=True,
        text=True,
        check=True,
    )


def test_nothing_of_the_libraries_reaches_stdout():
    done = _run(show=False)
    assert done.stdout == "before\nafter\n"
    assert done.stderr == ""


def test_debug_sends_all_of_it_to_stderr():
    done = _run(show=True)
    assert done.stdout == "before\nafter\n"
    assert sorted(done.stderr.splitlines()) == [
        "child",
        "native",
        "native too",
        "python",
        "python too",
    ]


def test_streams_come_back_after_an_error():
    script = SCRIPT.replace('    print("python")', "    1 / 0")
    script = f"try:\n    exec({script.format(show=False)!r})\nexcept "
    script += "ZeroDivisionError:\n    print('back')\n"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "before\nback\n"
