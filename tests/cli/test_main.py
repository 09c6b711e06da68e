import click
import pytest
from click.testing import CliRunner

from cli.main import main
from schema.errors import DataError
from schema.version import VERSION


def _call(*words):
    return CliRunner().invoke(main, words)


@pytest.fixture
def failing(monkeypatch):
    """Puts a command in that raises what it is given."""

    def install(error):
        @click.command()
        def command():
            raise error

        monkeypatch.setattr(
            type(main), "get_command", lambda self, ctx, name: command
        )

    return install


def test_version():
    result = _call("version")
    assert result.exit_code == 0
    assert result.stdout == f"daogou {VERSION}\n"


def test_our_errors_are_one_message_on_stderr(failing):
    failing(DataError("items.csv row 3: price is -1; allowed: >= 0"))
    result = _call("any")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "error: items.csv row 3: price is -1; allowed: >= 0\n"
    )


def test_debug_shows_the_traceback_wherever_it_stands(failing):
    failing(DataError("bad"))
    for words in (("--debug", "any"), ("any", "--debug")):
        result = _call(*words)
        assert result.exit_code == 1
        assert "Traceback" in result.stderr
        assert "DataError: bad" in result.stderr


def test_files_are_named(failing):
    failing(PermissionError(13, "Permission denied", "/secret"))
    assert _call("any").stderr == "error: /secret: Permission denied\n"


def test_defects_say_how_to_see_more(failing):
    failing(ZeroDivisionError("division by zero"))
    result = _call("any")
    assert result.exit_code == 1
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "--debug" in result.stderr
    assert "Traceback" not in result.stderr


def test_interrupts_stop_with_the_usual_code(failing):
    failing(KeyboardInterrupt())
    result = _call("any")
    assert result.exit_code == 130
    assert "stopped" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nosuch"], "nosuch"),
        (["run", "--preset", "nosuch"], "movielens"),
        (["run"], "--preset"),
        (["run", "--preset", "jdata", "--data", "nosuch"], "nosuch"),
        (["recommend"], "--user"),
        (["recommend", "--user", "u1", "--k", "0"], "--k"),
        (["search", "  "], "empty"),
    ],
)
def test_usage_errors_exit_with_1_and_point_to_help(words, said):
    result = _call(*words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert said in result.stderr
    assert "--help" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_words_help_appears():
    result = _call()
    assert result.exit_code == 1
    assert result.stderr.startswith("Usage: daogou")
