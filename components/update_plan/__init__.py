"""Finds the last version and the new span when a pipeline runs."""
