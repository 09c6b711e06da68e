"""TFX's Tuner with the inputs of our Trainer."""
