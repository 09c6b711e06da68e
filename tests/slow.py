"""Marks tests that take minutes, which `make testall` runs."""

import os

import pytest

ASKED = "DAOGOU_SLOW" in os.environ
slow = pytest.mark.skipif(
    not ASKED, reason="takes minutes; DAOGOU_SLOW=1 runs it"
)
