"""The ranking task: what becomes of an impression."""
