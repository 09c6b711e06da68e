"""What the person adds to the words of a search."""
