"""The ranking heads beside peers that read the same features."""

import schema.legacy_keras  # noqa: F401
