"""Builds the index over the trained model's item vectors."""
