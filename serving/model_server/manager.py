"""Loads, swaps and unloads versions, and says who answers a request."""

import contextlib
import logging
import threading
import time
import typing
from collections.abc import Callable, Iterator

import grpc

from serving.model_server.errors import ServingError, not_found, of
from serving.model_server.servable import Servable, return_memory
from serving.model_server.version_states import (
    State,
    Version,
    to_load,
    to_unload,
)

_LOG = logging.getLogger(__name__)
_MICROSECOND = 1e-6
_IDLE_SECONDS = 3600.0


class Manager:
    """Keeps the versions that are wanted, and one of each model at least.

    A new version loads and warms up beside the old one, then takes over in
    one step; the old one is unloaded when its last request is answered.
    """

    def __init__(
        self,
        load: Callable[[str], Servable],
        unloaded: Callable[[Servable], None],
        *,
        num_load_threads: int = 1,
        max_num_load_retries: int = 5,
        load_retry_interval_micros: int = 60_000_000,
    ):
        """Starts the thread that acts.

        Args:
          load: Makes a servable of a folder, warm-up included.
          unloaded: Is told when a servable is gone.
          num_load_threads: Loads side by side.
          max_num_load_retries: How often a load that failed is tried again.
          load_retry_interval_micros: Pause before that; none if negative.
        """
        self._load = load
        self._unloaded = unloaded
        self._slots = threading.Semaphore(num_load_threads)
        self._retries = max_num_load_retries
        self._pause = max(0.0, load_retry_interval_micros * _MICROSECOND)
        self._changed = threading.Condition()
        self._versions: dict[str, dict[int, Version]] = {}
        # Replaced as a whole, so that requests read it without a lock.
        self._serving: dict[str, dict[int, Servable]] = {}
        self._stopped = False
        self._thread = threading.Thread(
            target=self._act, name="versions", daemon=True
        )
        self._thread.start()

    def want(self, model: str, folders: dict[int, str]) -> None:
        """Says which versions of a model are wanted from now on.

        Args:
          model: Its name.
          folders: Folder by version; none unloads all.
        """
        with self._changed:
            known = self._versions.setdefault(model, {})
            before = {n for n, version in known.items() if version.wanted}
            for number, version in known.items():
                version.wanted = number in folders
            for number, path in folders.items():
                # One that has ended is loaded anew if it was gone in between.
                if number not in known or (
                    known[number].state == State.END and number not in before
                ):
                    known[number] = Version(model, number, path)
            self._changed.notify_all()

    @contextlib.contextmanager
    def servable(
        self, model: str, number: int | None = None
    ) -> Iterator[tuple[int, Servable]]:
        """Lends a servable; it is not unloaded while it is lent.

        Args:
          model: Its name.
          number: Of the version; the newest that is available by default.

        Yields:
          The version and its servable.

        Raises:
          ServingError: There is none.
        """
        while True:
            available = self._serving.get(model, {})
            chosen = max(available, default=None) if number is None else number
            servable = available.get(chosen) if chosen is not None else None
            if servable is None or chosen is None:
                asked = (
                    f"Latest({model})"
                    if number is None
                    else f"Specific({model}, {number})"
                )
                raise not_found(f"Servable not found for request: {asked}")
            # False where it is being closed: its successor has taken over.
            if servable.acquire():
                break
        try:
            yield chosen, servable
        finally:
            servable.release()

    def states(
        self, model: str
    ) -> dict[int, tuple[State, ServingError | None]]:
        """Returns where each version of a model stands, newest first."""
        with self._changed:
            return {
                number: (version.state, version.error)
                for number, version in sorted(
                    self._versions.get(model, {}).items(), reverse=True
                )
            }

    def wait(
        self,
        models: typing.Collection[str],
        until: Callable[[], bool] = lambda: False,
    ) -> None:
        """Waits until some version of each model is available.

        Args:
          models: Their names.
          until: Says when to give up; asked from time to time.

        Raises:
          ServingError: All wanted versions of a model have failed.
        """
        with self._changed:
            while not self._stopped and not until():
                missing = [
                    name for name in models if not self._serving.get(name)
                ]
                if not missing:
                    return
                self._raise_failed(missing)
                self._changed.wait(0.2)

    def stop(self) -> None:
        """Unloads everything, each when its last request is answered."""
        with self._changed:
            self._stopped = True
            servables = [
                servable
                for versions in self._serving.values()
                for servable in versions.values()
            ]
            self._serving = {}
            self._changed.notify_all()
        self._thread.join()
        for servable in servables:
            servable.close()
        return_memory()

    def _raise_failed(self, missing: list[str]) -> None:
        failed = []
        for name in missing:
            wanted = [
                v for v in self._versions.get(name, {}).values() if v.wanted
            ]
            if not wanted or any(v.error is None for v in wanted):
                return
            failed += wanted
        raise ServingError(
            grpc.StatusCode.UNKNOWN,
            f"{len(failed)} model(s) did not become available: {{"
            + "".join(f"{{{v} due to error: {v.error}}}, " for v in failed)
            + "}",
        )

    def _act(self) -> None:
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                for versions in self._versions.values():
                    for version in to_unload(versions.values()):
                        self._start_unload(version)
                    for version in to_load(versions.values(), now):
                        self._start_load(version)
                    self._drop_unwanted(versions)
                self._changed.wait(self._until_next_try(now))

    def _until_next_try(self, now: float) -> float:
        waiting = [
            version.next_try - now
            for versions in self._versions.values()
            for version in versions.values()
            if version.state == State.LOADING
            and version.wanted
            and not version.busy
        ]
        return max(0.01, min(waiting, default=_IDLE_SECONDS))

    def _drop_unwanted(self, versions: dict[int, Version]) -> None:
        """Ends versions that were no longer wanted before they were loaded."""
        for version in versions.values():
            if (
                not version.wanted
                and not version.busy
                and version.state in (State.START, State.LOADING)
            ):
                self._move(version, State.END)

    def _start_load(self, version: Version) -> None:
        version.busy = True
        version.tries += 1
        self._move(version, State.LOADING)
        threading.Thread(
            target=self._load_one, args=(version,), name="load", daemon=True
        ).start()

    def _load_one(self, version: Version) -> None:
        servable, error = None, None
        with self._slots:
            try:
                servable = self._load(version.path)
            except Exception as caught:
                error = of(caught)
        with self._changed:
            version.busy = False
            if servable is not None and version.wanted and not self._stopped:
                version.servable = servable
                serving = dict(self._serving)
                serving[version.model] = {
                    **serving.get(version.model, {}),
                    version.number: servable,
                }
                self._serving = serving
                self._move(version, State.AVAILABLE)
                return
            if error is not None:
                self._load_failed(version, error)
            self._changed.notify_all()
        if servable is not None:
            servable.close()

    def _load_failed(self, version: Version, error: ServingError) -> None:
        _LOG.warning("%s failed to load: %s", version, error)
        if version.tries <= self._retries:
            version.next_try = time.monotonic() + self._pause
            return
        version.error = error
        self._move(version, State.END)

    def _start_unload(self, version: Version) -> None:
        serving = dict(self._serving)
        left = {
            number: servable
            for number, servable in serving[version.model].items()
            if number != version.number
        }
        serving[version.model] = left
        self._serving = serving
        self._move(version, State.UNLOADING)
        threading.Thread(
            target=self._unload_one, args=(version,), name="unload", daemon=True
        ).start()

    def _unload_one(self, version: Version) -> None:
        servable = version.servable
        if servable is not None:
            servable.close()
            self._unloaded(servable)
            return_memory()
        with self._changed:
            version.servable = None
            self._move(version, State.END)
            if version.wanted:
                # Asked for again while it was going.
                self._versions[version.model][version.number] = Version(
                    version.model, version.number, version.path
                )

    def _move(self, version: Version, state: State) -> None:
        if version.state != state:
            _LOG.info("%s is %s", version, state.name)
        version.state = state
        self._changed.notify_all()
