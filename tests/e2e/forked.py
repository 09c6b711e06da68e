"""`daogou` in a process forked from one that has TFX imported.

The import takes longer than most of what the smallest preset's nodes do.
"""

import dataclasses
import multiprocessing
import os
import pathlib
import signal
import sys
import time

_PRELOADED = ["models", "tfx.v1", "pipeline.pipeline"]


class Daogou:
    """One call of the program, in a session of its own.

    Args:
      words: Of the command line.
      log: Gets what is printed.
      training_seed: Replaces that of the presets' training.
    """

    def __init__(
        self,
        words: list[str],
        log: pathlib.Path,
        training_seed: int | None = None,
    ):
        processes = multiprocessing.get_context("forkserver")
        processes.set_forkserver_preload(_PRELOADED)
        log.touch()
        self._log = log
        self._process = processes.Process(
            target=_main, args=(words, log, training_seed)
        )
        self._process.start()

    def printed(self) -> str:
        """Returns what it has printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str) -> None:
        """Returns as soon as a text is printed."""
        while text not in self.printed():
            assert self._process.is_alive(), (
                f"ended before {text!r}: {self.printed()}"
            )
            time.sleep(0.02)

    def kill(self) -> None:
        """Sends SIGKILL to it and to all that it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        assert self.join() == -signal.SIGKILL

    def join(self) -> int:
        """Waits for its end; returns the exit code."""
        self._process.join()
        return self._process.exitcode


def _main(words, log, training_seed):
    os.setsid()
    stream = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    # As a shell starts it: multiprocessing gives its processes no input.
    sys.argv = ["daogou", *words]
    from cli import main
    from pipeline import presets

    by_name = presets.by_name

    def seeded(name, seed=None):
        config = by_name(name, seed)
        if training_seed is None:
            return config
        training = dataclasses.replace(config.training, seed=training_seed)
        return dataclasses.replace(config, training=training)

    presets.by_name = seeded
    main.main()
