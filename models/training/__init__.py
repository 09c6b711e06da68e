"""Trains the model: what it reads, in which order, and when it stops."""
