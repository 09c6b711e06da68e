"""Profiles beside what the simulated mall's shoppers are really like."""

import schema.legacy_keras  # noqa: F401
