"""Search for settings of model and training."""
