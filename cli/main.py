"""The entry point `daogou`: finds the command, runs it, prints its errors.

Nothing heavy is imported before a command runs: each command lives in a
module that is imported when it is asked for, and imports TensorFlow, TFX and
Arrow in its function. A test looks at `sys.modules` after every `--help`.
"""

import dataclasses
import sys
import traceback

import click

from cli import options
from cli.lazy_group import LazyGroup
from schema.errors import DaogouError
from schema.version import VERSION

# Name of a command and where it stands, in the order in which help lists them.
COMMANDS = {
    "run": "cli.run:run",
    "update": "cli.update:update",
    "tune": "cli.tune:tune",
    "report": "cli.report:report",
    "users": "cli.ask:users",
    "recommend": "cli.ask:recommend",
    "search": "cli.ask:search",
    "similar": "cli.ask:similar",
    "explain": "cli.explain:explain",
    "assist": "cli.assist:assist",
    "campaigns": "cli.campaigns:campaigns",
    "churn": "cli.churn:churn",
    "profile": "cli.profile:profile",
    "classify": "cli.classify:classify",
    "intent": "cli.intent:intent",
    "signatures": "cli.signatures:signatures",
    "skew": "cli.skew:skew",
    "items": "cli.items:items",
    "ads": "cli.ads:ads",
    "explore": "cli.explore:explore",
    "rules": "cli.rules:rules",
    "data": "cli.data:data",
    "bundle": "cli.bundle:bundle",
    "encoder": "cli.encoder:encoder",
    "images": "cli.images:images",
    "kubeflow": "cli.kubeflow:kubeflow",
    "bench": "cli.bench:bench",
    "serve": "cli.serve:serve",
    "rollout": "cli.rollout:rollout",
    "ab-report": "cli.rollout:ab_report",
    "version": "cli.main:version",
}
DEBUG = "--debug"
# What only the extra `pipeline` of setup.py brings.
PIPELINE_PACKAGES = {
    "apache_beam",
    "keras_tuner",
    "kfp",
    "matplotlib",
    "ml_metadata",
    "tensorflow_data_validation",
    "tensorflow_metadata",
    "tensorflow_model_analysis",
    "tensorflow_transform",
    "tfx",
    "tfx_bsl",
}
STOPPED = 130


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """What every command may ask about this call of the program.

    Attributes:
      debug: Show tracebacks and what the libraries print.
    """

    debug: bool = False


class Commands(LazyGroup):
    """The commands of `daogou`; one line for every error."""

    # Click tells by overloads when it returns; this one never does.
    def main(self, args=None, prog_name=None, **extra):  # type: ignore
        """Runs one command line and leaves the process.

        Args:
          args: The words after the program's name; `sys.argv` by default.
          prog_name: What messages call the program.
          **extra: Goes on to click.

        Raises:
          SystemExit: Always; 0 when all went well, 1 after an error, whose
            message stands on stderr, 130 when the user stopped the command.
        """
        words = list(sys.argv[1:] if args is None else args)
        words, debug = _take_debug(words)
        extra["standalone_mode"] = False
        try:
            code = super().main(
                words,
                prog_name or "daogou",
                obj=Session(debug=debug),
                **extra,
            )
        except click.Abort:
            click.echo("stopped", err=True)
            sys.exit(STOPPED)
        except Exception as error:
            if debug:
                traceback.print_exc()
            else:
                click.echo(_message(error), err=True)
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


def _take_debug(words: list[str]) -> tuple[list[str], bool]:
    """Takes `--debug` out, wherever it stands before a bare `--`."""
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != DEBUG]
    return kept + words[end:], len(kept) < end


def _missing_from_base(error: Exception) -> str:
    """Names the package of the extra `pipeline` that is not there, or ""."""
    name = getattr(error, "name", None) or ""
    package = name.partition(".")[0]
    missing = isinstance(error, ModuleNotFoundError)
    return package if missing and package in PIPELINE_PACKAGES else ""


def _message(error: Exception) -> str:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    label = click.style("error:", fg="red", bold=True)
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "daogou"
        return f"{label} {error.format_message()}\nHelp: {path} --help"
    if isinstance(error, click.ClickException):
        error = DaogouError(error.format_message())
    if isinstance(error, DaogouError):
        return f"{label} {error}"
    if package := _missing_from_base(error):
        return (
            f"{label} this needs {package}, which the base install leaves "
            "out; `make setup` in a checkout installs the whole pipeline"
        )
    if isinstance(error, OSError) and error.filename:
        return f"{label} {error.filename}: {error.strerror}"
    return (
        f"{label} {type(error).__name__}: {error}\n"
        f"This looks like a defect; {DEBUG} shows where it happened."
    )


@click.group(
    "daogou",
    cls=Commands,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=options.examples(
        "daogou run --preset demo", 'daogou search "无线鼠标"'
    ),
)
@click.option(
    DEBUG,
    is_flag=True,
    expose_value=False,
    help="Show tracebacks and what the libraries print.",
)
def main() -> None:
    """Daogou (导购): from behaviour logs to a served recommender.

    `run` makes a model from a data set; `recommend`, `search` and `similar`
    ask the model that the newest run pushed.
    """


@click.command(epilog=options.examples("daogou version"))
def version() -> None:
    """Print the version."""
    click.echo(f"daogou {VERSION}")


if __name__ == "__main__":
    main()
