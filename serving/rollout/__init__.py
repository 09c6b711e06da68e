"""The way of a new version to all users, and what it is worth to them."""
