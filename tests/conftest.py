"""What all tests share, and which of them share a process."""

import pathlib
import sys

import pytest

# Lets tests import what several of them share: `tests.<module>`.
ROOT = str(pathlib.Path(__file__).parent.parent)
if ROOT not in sys.path:
    sys.path.append(ROOT)


def pytest_collection_modifyitems(items):
    """Puts the pipeline's run first: it is long and fills one processor."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keeps the tests of a package in one process, to share its fixtures."""
    from xdist.scheduler import LoadScopeScheduling

    class ByPackage(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            room, below = nodeid.split("/")[:2]
            return below if room == "tests" else room

    return ByPackage(config, log)
