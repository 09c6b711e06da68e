"""What a shop wants beside the model: filter and boost by time and place."""
