"""Writes what a finished run found out, for machines and for people."""
