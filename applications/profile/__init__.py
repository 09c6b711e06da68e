"""Readable profiles of shoppers, each trait with what shows it.

What is never inferred stands in `sensitive.NOT_INFERRED`, and what is never
looked at in `sensitive.WORDS`.
"""
