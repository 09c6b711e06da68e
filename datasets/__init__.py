"""Turns public data, your own files and a simulated mall into the contract."""
