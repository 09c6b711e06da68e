"""Decides whether what was trained may be pushed, and says why not."""
