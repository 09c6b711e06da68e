"""Metrics: one code for every model, baseline and peer that is compared."""
