"""What transforms artifacts: one folder a pipeline node."""

import schema.legacy_keras  # noqa: F401
