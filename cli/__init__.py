"""The command line; imports TensorFlow and TFX only when a command needs it."""
