"""One small pipeline run, shared by all tests that need a finished one."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

DAOGOU = pathlib.Path(sys.executable).with_name("daogou")


class Shop:
    """The `tiny` preset in a folder of its own, driven as a user would."""

    def __init__(self, runs: pathlib.Path):
        self.runs = runs
        self.home = runs / "tiny"

    def daogou(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a command on this shop's runs; returns what it printed."""
        return subprocess.run(
            [DAOGOU, *words, "--runs", self.runs],
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, *, program: str = "") -> str:
        """Runs the pipeline to its end; returns what was printed.

        Args:
          program: Stands in for `daogou`.
        """
        done = subprocess.run(
            self._command(program),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, self.explain(done)
        return done.stdout + done.stderr

    def _command(self, program):
        start = [sys.executable, "-c", program] if program else [DAOGOU]
        return [*start, "run", "--preset", "tiny", "--runs", self.runs]

    def run_and_kill(self, node: str, program: str) -> None:
        """Runs the pipeline and sends SIGKILL while `node` is running."""
        with subprocess.Popen(
            self._command(program),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            start_new_session=True,
        ) as process:
            seen = ""
            # The name of a node is printed when it starts, its time when it
            # ends, so the text is read as it comes.
            while f"] {node} " not in seen:
                letter = process.stdout.read(1)
                assert letter, f"ended before {node}: {seen}"
                seen += letter
            os.killpg(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL

    def versions(self) -> dict[str, dict[str, int]]:
        """Returns the files of each version, by name, with their sizes."""
        base = self.home / "serving" / "daogou"
        return {
            folder.name: {
                str(path.relative_to(folder)): path.stat().st_size
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
            for folder in sorted(base.iterdir())
            if folder.name.isdigit()
        }

    def explain(self, done: subprocess.CompletedProcess[str]) -> str:
        """Returns the end of what a failed command printed and logged."""
        logs = sorted(self.home.glob("*/run.log"))
        log = logs[-1].read_text(errors="replace") if logs else ""
        return f"{done.stdout}\n{done.stderr}\n--- run.log\n{log[-6000:]}"


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Shop:
    """The shop after its first run."""
    encoder = subprocess.run(
        [DAOGOU, "encoder", "build"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert encoder.returncode == 0, encoder.stderr
    shop = Shop(tmp_path_factory.mktemp("runs"))
    shop.first_output = shop.run()
    return shop
