"""Nearest items by dot product, behind one interface.

Every index answers `search(query [B, d], k, Allowed) -> (rows [B, k] int32,
scores [B, k] float32)`, best first. Rows are those of the vectors that
it was made from; a slot that cannot be filled has row -1 and the lowest float
as its score, and a row that is not allowed never comes through.
"""
