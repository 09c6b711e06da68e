"""Chooses Keras 2 before TensorFlow is imported.

TFRS 0.7.7 refuses Keras 3, and the choice is read once, at the first import
of TensorFlow in a process. So every package whose modules import TensorFlow
imports this module in its `__init__`, which runs before any of them; child
processes inherit the variable.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# TensorFlow's own start-up chatter; errors still show.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
