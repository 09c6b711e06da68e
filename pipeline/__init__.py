"""Wires the nodes, runs them, and reports on the run."""

import schema.legacy_keras  # noqa: F401
