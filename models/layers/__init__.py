"""Keras layers, one a file."""

import schema.legacy_keras  # noqa: F401
