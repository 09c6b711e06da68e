"""What all tests share, and which of them share a process."""

import pathlib
import sys

import pytest

# Lets tests import what several of them share: `tests.<module>`.
ROOT = str(pathlib.Path(__file__).parent.parent)
if ROOT not in sys.path:
    sys.path.append(ROOT)


# What takes longest, so that no process begins it when others are done.
_LONGEST = ("e2e", "models", "components", "serving")


def pytest_collection_modifyitems(items):
    """Puts the packages of tests that take longest first."""

    def place(item):
        package = _package(item.nodeid)
        return _LONGEST.index(package) if package in _LONGEST else len(_LONGEST)

    items.sort(key=place)


def _package(nodeid):
    room, below = nodeid.split("/")[:2]
    return below if room == "tests" else room


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keeps the tests of a package in one process, to share its fixtures."""
    from xdist.scheduler import LoadScopeScheduling

    class ByPackage(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return _package(nodeid)

    return ByPackage(config, log)
