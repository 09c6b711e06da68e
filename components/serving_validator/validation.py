"""Runs the probe, in a fresh process or this one, and judges what it found."""

import json
import pathlib
import subprocess
import sys

from components.serving_validator import probe
from components.serving_validator.settings import ServingValidatorSettings
from schema.errors import GateError

REPORT_FILE = "report.json"

# Of a crash, the lines that usually say why; of failures, the first ones.
_SHOWN_LINES = 5
_SHOWN_FAILURES = 5


def validate(
    servable: pathlib.Path,
    folder: pathlib.Path,
    settings: ServingValidatorSettings,
) -> dict:
    """Calls every signature of the servable in a process of its own.

    Args:
      servable: The SavedModel.
      folder: Where `report.json` is written.
      settings: How it is tried.

    Returns:
      The report.

    Raises:
      GateError: The servable cannot be loaded, the process dies or takes too
        long, or an answer is wrong; the message says which call and what.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report_path = folder / REPORT_FILE
    command = [
        sys.executable,
        "-P",  # The probe's folder must not shadow what it imports.
        probe.__file__,
        *_words(servable, report_path, settings),
    ]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=settings.timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GateError(
            f"the servable {servable} did not answer within "
            f"{settings.timeout_seconds:g} s (timeout_seconds)"
        ) from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-_SHOWN_LINES:]
        raise GateError(
            f"the servable {servable} cannot be used: a fresh process ended "
            f"with status {done.returncode}:\n" + "\n".join(last)
        )
    return _judged(servable, report_path)


def validate_here(
    servable: pathlib.Path,
    folder: pathlib.Path,
    settings: ServingValidatorSettings,
) -> dict:
    """Does as `validate` in this process, whose TensorFlow is there already.

    For a servable that differs from one of the pipeline only in its items:
    that a process without anything of ours can serve it was seen there.

    Args:
      servable: The SavedModel.
      folder: Where `report.json` is written.
      settings: How it is tried; `timeout_seconds` is not kept.

    Returns:
      The report.

    Raises:
      GateError: The servable cannot be loaded, or an answer is wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report_path = folder / REPORT_FILE
    try:
        probe.main(*_words(servable, report_path, settings))
    except Exception as error:
        # Whatever TensorFlow raises over a broken model.
        raise GateError(
            f"the servable {servable} cannot be used: {error}"
        ) from error
    return _judged(servable, report_path)


def _words(servable, report_path, settings) -> tuple[str, str, str, str]:
    return (
        str(servable),
        str(report_path),
        str(settings.repetitions),
        str(settings.tolerance),
    )


def _judged(servable: pathlib.Path, report_path: pathlib.Path) -> dict:
    report = json.loads(report_path.read_text("utf-8"))
    if failures := report["failures"]:
        shown = failures[:_SHOWN_FAILURES]
        if more := len(failures) - len(shown):
            shown = [*shown, f"and {more} more in {report_path}"]
        raise GateError(
            f"the servable {servable} answers wrongly:\n  " + "\n  ".join(shown)
        )
    return report
