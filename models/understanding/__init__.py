"""What items are, told from their words: the leaf category."""
