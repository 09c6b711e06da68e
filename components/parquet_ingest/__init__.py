"""Reads Parquet into tf.Examples, column by column."""
