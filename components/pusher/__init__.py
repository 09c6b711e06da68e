"""Pushes a blessed servable, whole or not at all."""
