"""What learns: features, text encoders, towers, the model, the index."""

import schema.legacy_keras  # noqa: F401
