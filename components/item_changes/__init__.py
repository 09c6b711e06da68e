"""Makes a servable with more items out of one, without training."""
