"""What an event costs on its way through the `BehaviorLog` node."""

import schema.legacy_keras  # noqa: F401
