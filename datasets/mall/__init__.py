"""A simulated Chinese mall whose truth is known; nothing in it is real."""
