"""Chances of being lost beside recency, frequency and LightGBM."""

import schema.legacy_keras  # noqa: F401
