"""The systems of a shop that stand on the model and the shop's logs."""
