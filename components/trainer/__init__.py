"""TFX's Trainer with the catalogue's side of the model as more inputs."""
