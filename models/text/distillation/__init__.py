"""Makes a small encoder that gives a large one's vectors."""
