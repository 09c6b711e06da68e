"""Proves in a fresh process that the servable answers as promised."""
