import json
import subprocess
import sys

import click
import pytest

from cli.main import COMMANDS, main

HEAVY = (
    "apache_beam",
    "kfp",
    "numpy",
    "pandas",
    "pyarrow",
    "rich",
    "scann",
    "tensorflow",
    "tf_keras",
    "tfx",
)
# Prints what a call imported behind what the call itself printed.
PROBE = """
import json, sys
from cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
print("\\n" + json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


def _paths(command=main, words=()):
    """Every command line that has a help page."""
    yield list(words)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            yield from _paths(child, [*words, name])


PATHS = list(_paths())


def _probe(words):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        capture_output=True,
        text=True,
        check=True,
    )
    shown, _, facts = done.stdout.strip().rpartition("\n")
    return shown, json.loads(facts)


@pytest.mark.parametrize("words", PATHS, ids=" ".join)
def test_help_imports_nothing_heavy_and_has_an_example(words):
    shown, facts = _probe([*words, "--help"])
    assert facts["code"] == 0
    assert not set(HEAVY) & set(facts["modules"])
    line = f"  daogou {' '.join(words)}".rstrip()
    assert line in shown


def test_version_and_usage_errors_import_nothing_heavy():
    for words in (["version"], ["run", "--preset", "nosuch"]):
        _, facts = _probe(words)
        assert not set(HEAVY) & set(facts["modules"])


def test_every_command_stands_where_the_table_says():
    context = click.Context(main)
    for name in COMMANDS:
        assert main.get_command(context, name).name == name
    assert main.get_command(context, "nosuch") is None
