"""How fast the model server answers, and what it takes without falling."""
