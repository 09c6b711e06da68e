"""What the catalogue leaves out of items and their words tell."""
