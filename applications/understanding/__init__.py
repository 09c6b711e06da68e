"""What an item is, from its words: leaf category, brand, attributes, twins."""
