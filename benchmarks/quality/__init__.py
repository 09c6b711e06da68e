"""How good recommendations are, beside peers, by one evaluation."""
