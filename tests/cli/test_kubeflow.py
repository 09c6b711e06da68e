"""Parameters of a pipeline, as they are given on the command line."""

import pathlib

import pytest
from click.testing import CliRunner

from cli.main import main
from pipeline.kubeflow import client


@pytest.fixture
def asked(monkeypatch):
    """What the client was asked, in the place of a server."""
    told = []

    def submit(server, spec, name, parameters):
        told.append((server.host, spec, name, parameters))
        return "r1"

    monkeypatch.setattr(client, "submit", submit)
    return told


def _submit(*words):
    start = ["kubeflow", "submit", "daily.yaml", "--host", "http://x"]
    return CliRunner().invoke(main, [*start, *words])


def test_parameters_are_names_and_values(asked):
    done = _submit("--parameter", "span=day=2", "--parameter", "warm_start=")
    assert done.exit_code == 0, done.output
    assert "run r1" in done.output
    assert asked == [
        (
            "http://x",
            pathlib.Path("daily.yaml"),
            "daogou",
            {"span": "day=2", "warm_start": ""},
        )
    ]


def test_a_parameter_without_a_value_is_named(asked):
    done = _submit("--parameter", "span")
    assert done.exit_code == 1
    assert "'span' has no =; allowed: NAME=VALUE" in done.output
    assert not asked
