"""Watches the folders of the configured models."""

import logging
import threading

from serving.model_server.manager import Manager
from serving.model_server.versions import ModelConfig, list_versions

_LOG = logging.getLogger(__name__)


class Source:
    """Tells the manager what is wanted, now and whenever that changes."""

    def __init__(self, manager: Manager, poll_seconds: int):
        """Starts without models.

        Args:
          manager: Whom to tell.
          poll_seconds: How often to look; 0 is only when models change.
        """
        self._manager = manager
        self._poll_seconds = poll_seconds
        self._lock = threading.Lock()
        self._configs: dict[str, ModelConfig] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, name="folders", daemon=True
        )
        if poll_seconds:
            self._thread.start()

    def configure(self, configs: dict[str, ModelConfig]) -> None:
        """Replaces the models; those that are absent are unloaded."""
        with self._lock:
            gone = set(self._configs) - set(configs)
            self._configs = configs
            for name in gone:
                self._manager.want(name, {})
            self._look()

    def look(self) -> None:
        """Looks now, not only when it is time."""
        with self._lock:
            self._look()

    def stop(self) -> None:
        """Stops watching."""
        self._stop.set()
        if self._poll_seconds:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._poll_seconds):
            self.look()

    def _look(self) -> None:
        for name, config in self._configs.items():
            try:
                there = list_versions(config.base_path)
            except OSError as error:
                # Perhaps it comes back; what is loaded goes on.
                _LOG.warning(
                    "Could not find base path %s for servable %s: %s",
                    config.base_path,
                    name,
                    error,
                )
                continue
            wanted = config.wanted(there)
            if not wanted:
                _LOG.warning(
                    "No versions of servable %s found under base path %s. "
                    "Did you forget to name your leaf directory as a number "
                    "(eg. '/1/')?",
                    name,
                    config.base_path,
                )
            self._manager.want(name, wanted)
