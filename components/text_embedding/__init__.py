"""The node that encodes each distinct text once."""
