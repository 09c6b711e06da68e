"""Answers what customers ask: which item, which of two, what with it, after."""
