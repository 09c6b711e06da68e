"""One small pipeline run, shared by all tests that need a finished one."""

import pathlib
import subprocess
import sys

import pytest

from tests.e2e import forked

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

    def run(self) -> str:
        """Runs the pipeline to its end; returns what was printed."""
        done = self.daogou("run", "--preset", "tiny")
        assert done.returncode == 0, self.explain(done.stdout + done.stderr)
        return done.stdout + done.stderr

    def forked_run(
        self, name: str, training_seed: int | None = None
    ) -> forked.Daogou:
        """Begins a run of the pipeline in a process that need not import it.

        Args:
          name: Of the run, for what it prints.
          training_seed: Replaces the preset's.
        """
        words = ["run", "--preset", "tiny", "--runs", str(self.runs)]
        return forked.Daogou(words, self.runs / f"{name}.txt", training_seed)

    def finish(self, run: forked.Daogou) -> str:
        """Waits for the good end of a run; returns what was printed."""
        code = run.join()
        assert code == 0, self.explain(run.printed())
        return run.printed()

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

    def explain(self, printed: str) -> str:
        """Returns what a failed command printed, and the end of its log."""
        logs = sorted(self.home.glob("*/run.log"))
        log = logs[-1].read_text(errors="replace") if logs else ""
        return f"{printed}\n--- run.log\n{log[-6000:]}"


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
