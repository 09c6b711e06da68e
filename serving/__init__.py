"""What answers: reads the servable that the pipeline pushed."""

import schema.legacy_keras  # noqa: F401
