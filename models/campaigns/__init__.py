"""Which campaigns fit a person: a small model on what the towers know."""
