"""New items and the long tail: slots to try them in, and what that costs."""
