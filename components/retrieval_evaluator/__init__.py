"""Ranks the whole catalogue for held-out queries, beside the baselines."""
