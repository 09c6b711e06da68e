import sys
import types

import pytest
from click.testing import CliRunner

import cli
from cli.main import main


@pytest.fixture
def call(monkeypatch):
    """Runs `daogou serve`; returns what would be served, and the result."""
    seen = []
    # Serving itself is tested with a server; this is about the flags.
    loop = types.SimpleNamespace(
        run=lambda settings, *, verbose: seen.append((settings, verbose))
    )
    monkeypatch.setitem(sys.modules, "cli.serving_loop", loop)
    # Where another test has imported it, the package holds it as well.
    monkeypatch.setattr(cli, "serving_loop", loop, raising=False)

    def invoke(*words):
        seen.clear()
        result = CliRunner().invoke(main, ["serve", *words])
        return (seen[0] if seen else None), result

    return invoke


def test_flags_as_tensorflow_serving_takes_them(call):
    (settings, verbose), result = call(
        "--model_name=m",
        "--model_base_path=/models/m",
        "--port=0",
        "--rest_api_port",
        "8501",
        "--enable_batching",
        "--enable_model_warmup=false",
        "--allow_version_labels_for_unavailable_models=true",
        "--grpc_channel_arguments=grpc.max_connection_age_ms=2000",
    )
    assert result.exit_code == 0
    assert settings.model_name == "m"
    assert settings.port == 0
    assert settings.rest_api_port == 8501
    assert settings.enable_batching
    assert not settings.enable_model_warmup
    assert settings.allow_version_labels_for_unavailable_models
    assert settings.channel_options() == [("grpc.max_connection_age_ms", 2000)]
    assert not verbose


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), "give --model_base_path"),
        (("--model_base_path=m", "--port=x"), "--port"),
        (("--model_base_path=m", "--port=-1"), "--port is -1; allowed: 0 to"),
        (("--nosuch=1",), "No such option"),
    ],
)
def test_flags_that_are_refused(call, words, part):
    served, result = call(*words)
    assert served is None
    assert result.exit_code == 1
    assert part in result.stderr
