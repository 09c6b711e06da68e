"""Who is about to be lost, why, and what they are worth."""

import schema.legacy_keras  # noqa: F401
