"""Puts trained model, index and item table into one SavedModel."""
